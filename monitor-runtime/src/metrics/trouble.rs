//! Troubles: what the instrumentation could not handle. They are counted here and raised nowhere.

use crate::LabelValue;

crate::metrics! {
    /// Measurements and families that the instrumentation could not handle, by what was wrong
    pub(crate) counter INSTRUMENTATION_ERRORS = "monitor_instrumentation_errors_total" { kind: Trouble };
}

/// What can go wrong while watching; none of it reaches the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
pub(crate) enum Trouble {
    /// The windows of active users that were saved could not be taken over.
    ActivityNotRestored,
    /// The windows of active users could not be saved.
    ActivityNotSaved,
    /// A family could not be written, and was left out of the page.
    FamilyLeftOut,
    /// A family could not be registered, and is on no page.
    FamilyNotRegistered,
    /// A label's expression panicked: its measurement is lost.
    LabelPanicked,
    /// A histogram was given a NaN or an infinity.
    ObservationNotFinite,
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
