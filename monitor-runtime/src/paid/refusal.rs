//! How the refusal of a paid call becomes the value that the function returns.

use crate::credits::CreditsError;
use crate::outcome::{Outcome, ToOutcome};

/// A value that can say that a paid call was refused.
///
/// A `Result` is one when its error can be made from a [`CreditsError`]; with the feature `actix`, an actix-web
/// response is. A type of one's own says how:
///
/// ```
/// use monitor_runtime::credits::{CreditsError, Refusal};
///
/// enum Answer { Report(String), Refused(String) }
///
/// impl Refusal for Answer {
///     fn refused(error: CreditsError) -> Self {
///         Answer::Refused(error.to_string())
///     }
/// }
/// # assert!(matches!(Answer::refused(CreditsError::NoAccount), Answer::Refused(text) if text.contains("account")));
/// # let _ = Answer::Report(String::new());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that a paid call was refused",
    label = "the return type of a paid function",
    note = "return a `Result<T, E>` with `E: From<CreditsError>`, an actix-web `HttpResponse` (feature `actix`), or a type that implements `monitor_runtime::credits::Refusal`"
)]
pub trait Refusal {
    /// The value that a call returns that was refused for this reason; its body has not begun.
    fn refused(error: CreditsError) -> Self;
}

// Not recommended, so that a `Result` of another error is explained in the words above.
#[diagnostic::do_not_recommend]
impl<T, E: From<CreditsError>> Refusal for Result<T, E> {
    fn refused(error: CreditsError) -> Self {
        Err(error.into())
    }
}

/// As its response's status says it, where there is one: who pays, and with what, is the caller's affair; what the store
/// and the program do is ours.
impl ToOutcome for CreditsError {
    fn outcome(&self) -> Outcome {
        match self.why() {
            CreditsError::NoAccount
            | CreditsError::UnknownAccount { .. }
            | CreditsError::Insufficient { .. }
            | CreditsError::Duplicate { .. }
            | CreditsError::Conflict { .. }
            | CreditsError::InvalidAmount { .. }
            | CreditsError::InvalidName { what: "key" | "account", .. } => Outcome::Refused,
            _ => Outcome::Failure,
        }
    }
}
