//! Paid work: credits are held before it begins, captured when it succeeds, and given back in every other case. Where
//! holds stand is the ledger's affair, and who settles them when nobody waits any more.

mod arguments;
mod call;
mod families;
mod operations;
mod refusal;

pub use arguments::{AsCredits, Cost, IdempotencyKey, Payer};
#[cfg(feature = "actix")]
pub(crate) use call::Name;
pub use call::{PaidCall, Running};
#[cfg(feature = "actix")]
pub(crate) use families::{charged_in_vain, know_operations};
pub use operations::{Declared, PaidOperation, operations};
pub use refusal::Refusal;

use crate::credits::CreditsError;
use crate::scope;

/// Called in the body of a paid function: if it succeeds, `amount` credits are captured instead of all that are held.
/// The last call counts. With 0 nothing is captured.
///
/// ```
/// use monitor_runtime::credits::{self, CreditsError};
///
/// #[monitor_runtime::with_credits(cost = 50, operation = "answer")]
/// async fn answer(question: &str) -> Result<usize, CreditsError> {
///     let words = question.split(' ').count();
///     credits::charge(words as i64)?;
///     Ok(words)
/// }
/// # drop(answer(""));
/// ```
///
/// A task or thread that the body spawns is in the call only if it is carried there: [`scope::carry`].
///
/// # Errors
/// `InvalidAmount` when it is negative; `ExceedsHold` when it is more than is held; `NoHold` outside of a paid call, or
/// after it.
pub fn charge(amount: i64) -> Result<(), CreditsError> {
    match scope::current().charge() {
        Some(charge) => charge.set(amount),
        None => Err(CreditsError::NoHold),
    }
}
