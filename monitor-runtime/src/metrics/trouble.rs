//! Troubles: what the instrumentation could not handle. They are counted here and raised nowhere.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::LabelValue;

crate::metrics! {
    /// Measurements and families that the instrumentation could not handle, by what was wrong
    pub(crate) counter INSTRUMENTATION_ERRORS = "monitor_instrumentation_errors_total" { kind: Trouble };
}

/// What can go wrong while watching; none of it reaches the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
#[cfg_attr(not(feature = "actix"), expect(dead_code, reason = "a middleware is given the callbacks that some tell of"))]
pub(crate) enum Trouble {
    /// The function that says whose a request is panicked: the request was served as nobody's.
    AccountPanicked,
    /// The clock that `activity::Builder` was given panicked: time stood still.
    ActivityClockPanicked,
    /// The windows of active users that were saved could not be taken over.
    ActivityNotRestored,
    /// The windows of active users could not be saved.
    ActivityNotSaved,
    /// The function that `anomaly::on_event` was given panicked.
    EventCallbackPanicked,
    /// A collector panicked: its families were left out of the page.
    CollectorPanicked,
    /// The function that says which statuses are errors panicked: the status was judged as without it.
    ErrorRulePanicked,
    /// A family could not be written, and was left out of the page.
    FamilyLeftOut,
    /// A family could not be registered, and is on no page.
    FamilyNotRegistered,
    /// A label's expression panicked: its measurement is lost.
    LabelPanicked,
    /// A subscriber of `tracing` panicked while it was told of an anomaly.
    LogPanicked,
    /// A histogram was given a NaN or an infinity.
    ObservationNotFinite,
    /// A value or an error was asked how its call had ended, and panicked: the call counts as failed.
    OutcomePanicked,
    /// The function that says what a request costs panicked: the request was refused.
    PricePanicked,
    /// Something else panicked while a request was recorded.
    RecordPanicked,
    /// The function that tells the current trace panicked: there is no exemplar.
    TraceIdPanicked,
    /// A watched name, or a limit of one, could not be taken; `anomaly::check` says which.
    WatchRefused,
    /// A collector used a family that was being registered: its measurement is lost.
    UsedWhileRegistering,
}

/// Counts one trouble.
#[cold]
pub(crate) fn trouble(kind: Trouble) {
    troubles(kind, 1);
}

/// Counts `n` troubles of one kind.
pub(crate) fn troubles(kind: Trouble, n: u64) {
    if n > 0 {
        INSTRUMENTATION_ERRORS.with(INSTRUMENTATION_ERRORS { kind }).add(n);
    }
}

/// Calls what the application gave us. A panic of it is counted, and logged the first time: it reaches neither the
/// request, nor a panic that is under way, which it would make an abort of the process.
#[inline]
pub(crate) fn caught<T>(kind: Trouble, call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) => {
            panicked(kind, payload);
            None
        }
    }
}

#[cold]
#[inline(never)]
fn panicked(kind: Trouble, payload: Box<dyn Any + Send>) {
    static LOGGED: AtomicU32 = AtomicU32::new(0);
    trouble(kind);
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let this = 1 << kind as u32;
    // A subscriber that panics is not told of it again.
    if LOGGED.fetch_or(this, Relaxed) & this == 0 && !matches!(kind, Trouble::LogPanicked) {
        let log = || {
            tracing::error!(
                target: "monitor_runtime",
                kind = kind_text(kind),
                panic = text,
                "the application's callback panicked; it is counted from now on and not logged again"
            );
        };
        if let Err(other) = catch_unwind(AssertUnwindSafe(log)) {
            std::mem::forget(other);
            trouble(Trouble::LogPanicked);
        }
    }
    // What is dropped may panic in its turn; the texts that `panic!` makes do not.
    if payload.is::<&str>() || payload.is::<String>() {
        drop(payload);
    } else {
        std::mem::forget(payload);
    }
}

fn kind_text(kind: Trouble) -> &'static str {
    Trouble::VALUES.and_then(|texts| texts.get(kind as usize)).copied().unwrap_or("unknown")
}
