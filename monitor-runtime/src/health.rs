//! What the toolkit says of itself: troubles are counted here and raised nowhere.

use crate::LabelValue;

crate::metrics! {
    /// Measurements and families that the instrumentation could not handle, by what was wrong
    pub(crate) counter INSTRUMENTATION_ERRORS = "monitor_instrumentation_errors_total" { kind: Trouble };
}

/// What can go wrong while watching; none of it reaches the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
pub(crate) enum Trouble {
    /// A family could not be written, and was left out of the page.
    FamilyLeftOut,
    /// A family could not be registered, and is on no page.
    FamilyNotRegistered,
    /// A label's expression panicked: its measurement is lost.
    LabelPanicked,
    /// A histogram was given a NaN or an infinity.
    ObservationNotFinite,
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
