//! How a call ended, and which values say so.

use crate::metrics::{LabelBuffer, LabelValue};

/// How one call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did what was asked.
    Success,
    /// The caller's fault: a 4xx, no credits. No error burst is made of these.
    Refused,
    /// Our fault: a 5xx, an `Err`.
    Failure,
    /// The call panicked.
    Panic,
    /// The call was dropped before it had finished.
    Cancelled,
}

impl Outcome {
    const TEXTS: [&'static str; 5] = ["success", "refused", "failure", "panic", "cancelled"];

    /// The outcome as a label value: `success`, `refused`, `failure`, `panic` or `cancelled`.
    pub const fn as_str(self) -> &'static str {
        Self::TEXTS[self as usize]
    }

    /// The outcome of an HTTP status: 4xx is refused, 5xx and what lies beyond is failure, the rest is success.
    pub const fn of_status(status: u16) -> Outcome {
        match status {
            400..=499 => Outcome::Refused,
            500.. => Outcome::Failure,
            _ => Outcome::Success,
        }
    }

    /// The outcome of a call that is dropped without having finished, and what it is `otherwise`, without a panic.
    #[inline]
    pub(crate) fn of_drop(otherwise: Outcome) -> Outcome {
        if std::thread::panicking() { Outcome::Panic } else { otherwise }
    }
}

impl LabelValue for Outcome {
    const VALUES: Option<&'static [&'static str]> = Some(&Self::TEXTS);

    #[inline]
    fn text<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        self.as_str()
    }
}

/// A value that knows how the call that returned it ended.
///
/// Without it, a `Result` is a success or a failure by its variant and any other value is a success. An error type
/// that is sometimes the caller's fault says so here:
///
/// ```
/// use monitor_runtime::{Outcome, ToOutcome};
///
/// enum OrderError { OutOfStock, Database }
///
/// impl ToOutcome for OrderError {
///     fn outcome(&self) -> Outcome {
///         match self {
///             OrderError::OutOfStock => Outcome::Refused,
///             OrderError::Database => Outcome::Failure,
///         }
///     }
/// }
/// # assert_eq!(OrderError::OutOfStock.outcome(), Outcome::Refused);
/// # assert_eq!(OrderError::Database.outcome(), Outcome::Failure);
/// ```
pub trait ToOutcome {
    /// How the call ended.
    fn outcome(&self) -> Outcome;
}

impl ToOutcome for Outcome {
    #[inline]
    fn outcome(&self) -> Outcome {
        *self
    }
}
