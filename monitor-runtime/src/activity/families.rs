//! The families of who is here; those that a scrape has computed are next door.
//!
//! They come to a registry with the [`Activity`](super::Activity) that keeps them, not with the program: one that never
//! asks who is here has none of them on its page.

use prometheus::Registry;

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
