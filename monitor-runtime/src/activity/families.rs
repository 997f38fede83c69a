//! The families of who is here, and what a scrape sees of those that are computed for it.
//!
//! They come to a registry with the [`Activity`](super::Activity) that keeps them, not with the program: one that never
//! asks who is here has none of them on its page.

use std::sync::{Arc, Weak};
use std::time::Duration;

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::windows::Structure;
use super::{BuildError, Inner, Scope};
use crate::metrics::{
    Counter, DEFAULT_GROWTH, DEFAULT_LIMIT, Declaration, Histogram, Label, LabelSet, NoLabels, Place, RegisterError,
};

/// Declares families as [`metrics!`](crate::metrics) does, but registers none before it is used.
macro_rules! families {
    ($(
        $(#[doc = $help:literal])+
        $visibility:vis $kind:ident $name:ident = $on_page:literal { $($label:ident),* } $(buckets $bounds:expr)?;
    )*) => {$(
        $(#[doc = $help])+
        #[doc = ""]
        #[doc = concat!("`", $on_page, "`")]
        #[expect(non_camel_case_types, reason = "the label set has the family's name, as `metrics!` makes it")]
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name { $(
            #[doc = concat!("The label `", stringify!($label), "`.")]
            $visibility $label: &'static str
        ),* }

        impl LabelSet for $name {
            #[inline]
            fn with_texts(&self, visit: &mut dyn FnMut(&[&str])) {
                visit(&[$(self.$label),*]);
            }
        }

        $(#[doc = $help])+
        #[doc = ""]
        #[doc = concat!("`", $on_page, "`")]
        $visibility static $name: $kind<$name> = $kind::declare(Declaration {
            name: $on_page,
            help: concat!($($help),+).trim_ascii(),
            labels: &[$(Label { name: stringify!($label), values: None, max: None, user: false }),*],
            bounds: families!(@bounds $($bounds)?),
            limit: DEFAULT_LIMIT,
            growth: DEFAULT_GROWTH,
            place: Place { file: file!(), line: line!() },
            registry: prometheus::default_registry,
        });
    )*};
    (@bounds) => { &[] };
    (@bounds $bounds:expr) => { &$bounds };
}

families! {
    /// Total number of user sessions
    pub Counter USER_SESSIONS = "user_sessions_total" { auth_method };
    /// Sign-ins that failed
    pub Counter USER_SIGN_IN_FAILURES = "user_sign_in_failures_total" { auth_method };
    /// Users who signed out
    pub Counter USER_SIGN_OUTS = "user_sign_outs_total" {};
    /// Sessions that are over: closed, or expired
    pub Counter USER_SESSIONS_ENDED = "user_sessions_ended_total" { reason };
    /// How long sessions lasted, from when they were opened to when they were closed or last seen, in seconds
    pub Histogram USER_SESSION_SECONDS = "user_session_seconds" {}
        buckets [10.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 10_800.0, 28_800.0, 86_400.0, 604_800.0, 2_592_000.0];
    /// What users did
    pub Counter USER_EVENTS = "user_events_total" { event };
}

#[cfg(feature = "redis")]
families! {
    /// Signals that the shared store was not told, and rounds that failed
    pub(super) Counter STORE_ERRORS = "active_users_store_errors_total" { kind };
}

impl NoLabels for USER_SIGN_OUTS {
    const NONE: Self = USER_SIGN_OUTS {};
}

impl NoLabels for USER_SESSION_SECONDS {
    const NONE: Self = USER_SESSION_SECONDS {};
}

/// The families as they stand in one registry.
pub(super) struct Families {
    pub(super) sessions: Counter<USER_SESSIONS>,
    pub(super) failures: Counter<USER_SIGN_IN_FAILURES>,
    pub(super) sign_outs: Counter<USER_SIGN_OUTS>,
    pub(super) ended: Counter<USER_SESSIONS_ENDED>,
    pub(super) lengths: Histogram<USER_SESSION_SECONDS>,
    pub(super) events: Counter<USER_EVENTS>,
    #[cfg(feature = "redis")]
    pub(super) store_errors: Counter<STORE_ERRORS>,
}

impl Families {
    /// What the application declares under one of these names is meant, whatever its help says.
    pub(super) fn new(registry: &Registry) -> Result<Families, RegisterError> {
        let families = Families {
            sessions: USER_SESSIONS.joining(registry)?,
            failures: USER_SIGN_IN_FAILURES.joining(registry)?,
            sign_outs: USER_SIGN_OUTS.joining(registry)?,
            ended: USER_SESSIONS_ENDED.joining(registry)?,
            lengths: USER_SESSION_SECONDS.in_registry(registry)?,
            events: USER_EVENTS.joining(registry)?,
            #[cfg(feature = "redis")]
            store_errors: STORE_ERRORS.in_registry(registry)?,
        };
        for reason in [CLOSED, EXPIRED] {
            families.ended.know(&USER_SESSIONS_ENDED { reason });
        }
        Ok(families)
    }
}

pub(super) const CLOSED: &str = "closed";
pub(super) const EXPIRED: &str = "expired";

const ACTIVE: (&str, &str) = ("active_users", "Distinct users seen in the window that ends now");
const EVENT_USERS: (&str, &str) = ("user_event_users", "Distinct users with such an event in the window that ends now");
const STRUCTURE: (&str, &str) =
    ("active_users_structure", "1 for the structure that counts active users in this process");
const ERROR: (&str, &str) = ("active_users_relative_error", "Standard error of active_users, as a share; 0 is exact");
const HISTORY: (&str, &str) =
    ("active_users_history_seconds", "How far back users are known; windows wider than that are not full yet");
const SCOPE: (&str, &str) = ("active_users_scope", "1 for what active_users counts: this process, or all of a cluster");
const OPEN: (&str, &str) = ("user_sessions_open", "Sessions open now");

/// Registers what is computed when it is scraped.
pub(super) fn register(registry: &Registry, inner: &Arc<Inner>) -> Result<(), BuildError> {
    let desc = |(name, help): (&str, &str), labels: &[&str]| {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        Desc::new(name.to_owned(), help.to_owned(), labels, Default::default())
    };
    let taken = |error: prometheus::Error| BuildError::Taken(error.to_string());
    let descs = [
        desc(ACTIVE, &["timeframe"]),
        desc(EVENT_USERS, &["event", "timeframe"]),
        desc(STRUCTURE, &["structure"]),
        desc(ERROR, &[]),
        desc(HISTORY, &[]),
        desc(SCOPE, &["scope"]),
        desc(OPEN, &[]),
    ];
    let descs = descs.into_iter().collect::<Result<_, _>>().map_err(taken)?;
    registry.register(Box::new(Computed { inner: Arc::downgrade(inner), descs })).map_err(taken)
}

struct Computed {
    /// The registry does not keep alive what nobody else holds.
    inner: Weak<Inner>,
    descs: Vec<Desc>,
}

impl Collector for Computed {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let Some(inner) = self.inner.upgrade() else { return Vec::new() };
        let now = inner.snapshot();
        let timeframes: Vec<String> = inner.timeframes.iter().map(|timeframe| name_of(*timeframe)).collect();
        let mut active = gauge(ACTIVE);
        for (timeframe, users) in timeframes.iter().zip(&now.users) {
            push(&mut active, &[("timeframe", timeframe)], *users as f64);
        }
        let mut event_users = gauge(EVENT_USERS);
        for (event, counts) in &now.events {
            for (timeframe, users) in timeframes.iter().zip(counts) {
                push(&mut event_users, &[("event", event), ("timeframe", timeframe)], *users as f64);
            }
        }
        let mut structure = gauge(STRUCTURE);
        for (name, is) in [("exact", Structure::Exact), ("sketch", Structure::Sketch)] {
            push(&mut structure, &[("structure", name)], f64::from(u8::from(now.structure == is)));
        }
        let mut scope = gauge(SCOPE);
        for (name, is) in [("cluster", Scope::Cluster), ("process", Scope::Process)] {
            push(&mut scope, &[("scope", name)], f64::from(u8::from(now.scope == is)));
        }
        let single = |family, value| {
            let mut family = gauge(family);
            push(&mut family, &[], value);
            family
        };
        let mut families = vec![
            active,
            structure,
            single(ERROR, now.relative_error),
            single(HISTORY, now.history.as_secs_f64()),
            scope,
            single(OPEN, now.sessions_open as f64),
        ];
        if !now.events.is_empty() {
            families.push(event_users);
        }
        families
    }
}

fn gauge((name, help): (&str, &str)) -> proto::MetricFamily {
    let mut family = proto::MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(proto::MetricType::GAUGE);
    family
}

fn push(family: &mut proto::MetricFamily, labels: &[(&str, &str)], value: f64) {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    let mut metric = proto::Metric::from_label(labels.iter().map(pair).collect());
    let mut gauge = proto::Gauge::default();
    gauge.set_value(value);
    metric.set_gauge(gauge);
    family.mut_metric().push(metric);
}

/// `1m` for 60 seconds: in the largest unit that divides it.
pub(super) fn name_of(timeframe: Duration) -> String {
    let seconds = timeframe.as_secs();
    for (unit, length) in [('d', 86_400), ('h', 3_600), ('m', 60)] {
        if seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}
