//! The families that are computed when a page is asked for: active users by timeframe, and what is to be known of them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::inner::{Inner, Scope};
use super::windows::Structure;

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
pub(super) fn register(registry: &Registry, inner: &Arc<Inner>) -> Result<(), prometheus::Error> {
    let desc = |(name, help): (&str, &str), labels: &[&str]| {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        Desc::new(name.to_owned(), help.to_owned(), labels, Default::default())
    };
    let descs = [
        desc(ACTIVE, &["timeframe"]),
        desc(EVENT_USERS, &["event", "timeframe"]),
        desc(STRUCTURE, &["structure"]),
        desc(ERROR, &[]),
        desc(HISTORY, &[]),
        desc(SCOPE, &["scope"]),
        desc(OPEN, &[]),
    ];
    let descs = descs.into_iter().collect::<Result<_, _>>()?;
    registry.register(Box::new(Computed { inner: Arc::downgrade(inner), descs }))
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
