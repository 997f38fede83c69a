//! How a call ended, and which values say so: some at once, some only as the answer that they become.

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
    /// All of them, each at its own number.
    pub(crate) const ALL: [Outcome; 5] =
        [Outcome::Success, Outcome::Refused, Outcome::Failure, Outcome::Panic, Outcome::Cancelled];

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

    /// The same outcome, of an error. An error is never a success: one that is answered with a redirect, say, is refused.
    pub(crate) const fn of_an_error(self) -> Outcome {
        match self {
            Outcome::Success => Outcome::Refused,
            outcome => outcome,
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
    /// Whether the value is an answer of HTTP, which middlewares may still change.
    #[doc(hidden)]
    const IS_ANSWER: bool = false;

    /// How the call ended.
    fn outcome(&self) -> Outcome;

    /// How a call ended that failed with this: an error is never a success.
    #[doc(hidden)]
    #[inline]
    fn error_verdict(&self) -> Verdict {
        Verdict::Ended(self.outcome().of_an_error())
    }
}

impl ToOutcome for Outcome {
    #[inline]
    fn outcome(&self) -> Outcome {
        *self
    }
}

/// What a value says of how its call ended.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// So.
    Ended(Outcome),
    /// The value is an answer, and says this. What is paid for waits for the answer that is sent, which may be another.
    Answer(Outcome),
    /// The value becomes an answer, whose status alone says it. Where that is not seen, it is this.
    Open(Outcome),
}

impl Verdict {
    /// The outcome as far as the value says it.
    #[inline]
    pub const fn alone(self) -> Outcome {
        match self {
            Verdict::Ended(outcome) | Verdict::Answer(outcome) | Verdict::Open(outcome) => outcome,
        }
    }

    /// The outcome, where that of the answer is known. Of what is not a success alone, an answer that is one says nothing:
    /// it was made of something else.
    pub(crate) const fn answered(self, answer: Outcome) -> Outcome {
        match (self, answer) {
            (Verdict::Ended(outcome), _) | (Verdict::Answer(outcome) | Verdict::Open(outcome), Outcome::Success) => {
                outcome
            }
            (_, answer) => answer,
        }
    }
}

impl From<Outcome> for Verdict {
    #[inline]
    fn from(outcome: Outcome) -> Verdict {
        Verdict::Ended(outcome)
    }
}

/// A value that tells how its call ended, or which answer it is or becomes. Unlike [`ToOutcome`] it is not for
/// programs, and goes into what holds others: `Option`, `Result`, and the `Either` of actix-web.
#[doc(hidden)]
pub trait ToVerdict {
    /// What a `None` in place of such a value is where the answer is not seen: of an answer, 404.
    const NONE: Outcome;

    /// What the value says.
    fn verdict(&self) -> Verdict;
}

impl<T: ToOutcome> ToVerdict for T {
    const NONE: Outcome = if T::IS_ANSWER { Outcome::Refused } else { Outcome::Success };

    #[inline]
    fn verdict(&self) -> Verdict {
        let outcome = self.outcome();
        if T::IS_ANSWER { Verdict::Answer(outcome) } else { Verdict::Ended(outcome) }
    }
}

impl<T: ToVerdict> ToVerdict for Option<T> {
    const NONE: Outcome = T::NONE;

    #[inline]
    fn verdict(&self) -> Verdict {
        match self {
            Some(value) => value.verdict(),
            None => Verdict::Open(T::NONE),
        }
    }
}

impl<T: ToVerdict, E> ToVerdict for Result<T, E> {
    const NONE: Outcome = T::NONE;

    #[inline]
    fn verdict(&self) -> Verdict {
        match self {
            Ok(value) => value.verdict(),
            Err(_) => Verdict::Ended(Outcome::Failure),
        }
    }
}

/// An answer that begins with its status, as tuples of the crate `http`'s do: `(StatusCode, headers, body)`. In them the
/// first status is the one that is sent.
#[doc(hidden)]
pub trait BeginsWithStatus {
    /// The status.
    fn status(&self) -> Verdict;
}

impl<T: BeginsWithStatus, E> BeginsWithStatus for Result<T, E> {
    #[inline]
    fn status(&self) -> Verdict {
        match self {
            Ok(value) => value.status(),
            Err(_) => Verdict::Ended(Outcome::Failure),
        }
    }
}

/// The answers of a version of the crate `http`.
#[cfg(any(feature = "http", feature = "actix"))]
macro_rules! answers_of {
    ($http:ident) => {
        impl<B> ToOutcome for $http::Response<B> {
            const IS_ANSWER: bool = true;

            #[inline]
            fn outcome(&self) -> Outcome {
                Outcome::of_status(self.status().as_u16())
            }
        }

        impl ToOutcome for $http::StatusCode {
            const IS_ANSWER: bool = true;

            #[inline]
            fn outcome(&self) -> Outcome {
                Outcome::of_status(self.as_u16())
            }
        }

        impl ToOutcome for $http::response::Parts {
            const IS_ANSWER: bool = true;

            #[inline]
            fn outcome(&self) -> Outcome {
                Outcome::of_status(self.status.as_u16())
            }
        }

        answers_of!($http: A);
        answers_of!($http: A B);
        answers_of!($http: A B C);
        answers_of!($http: A B C D);
    };
    ($http:ident: $($other:ident)*) => {
        impl<$($other),*> BeginsWithStatus for ($http::StatusCode, $($other),*) {
            #[inline]
            fn status(&self) -> Verdict {
                Verdict::Answer(Outcome::of_status(self.0.as_u16()))
            }
        }
    };
}
#[cfg(feature = "http")]
answers_of!(http);
#[cfg(feature = "actix")]
answers_of!(http_02);
