//! Credits: no work that is not paid, no credit that is lost.
//!
//! An account gets credits by a **grant**. Whoever wants paid work done **holds** credits first, and the work begins when
//! the hold is durable. Then the hold is settled once: **captured** (as much of it as the work cost, the rest is given
//! back), **voided**, or, when nobody came in time, **expired**.
//!
//! ```text
//! grant: credits come in
//! hold -> captured (amount <= held) | voided | expired        these three are final
//! posted = grants - captures          available = posted - held
//! ```
//!
//! ```
//! use monitor_runtime::credits::{AccountId, Credits, CreditsError, Grant, Memory, Operation};
//!
//! # fn main() -> Result<(), CreditsError> {
//! let credits = Credits::new(Memory::new());
//! let account = AccountId::new("ada")?;
//! credits.grant(Grant::new(account.clone(), 7)).wait()?;
//!
//! let report = Operation::new("report")?;
//! let held = credits.hold(&account, &report, 5).wait()?; // `.await` it in async code
//! assert_eq!(credits.balance(account.clone()).wait()?.available, 2);
//! // The work is done here. Whatever ends it early drops `held`, which gives the credits back.
//! held.capture_part(3).wait()?;
//! assert_eq!(credits.balance(account.clone()).wait()?.available, 4);
//!
//! let refused = credits.hold(&account, &report, 5).wait().map(|_| ());
//! assert_eq!(refused, Err(CreditsError::Insufficient { required: 5, available: 4 }));
//! # Ok(())
//! # }
//! ```
//!
//! # Ledgers
//! | | for | durable |
//! |---|---|---|
//! | [`Memory`] | tests | no |
//! | `Sqlite` (feature `sqlite`) | one process | yes: WAL, `synchronous=FULL` |
//! | `Postgres` (feature `postgres`) | several processes | as the server is |
//!
//! All take the same legal moves and pass one conformance suite. [`Ledger`] is the trait of one's own.
//!
//! A process that forks opens its ledger afterwards: a child has none of the threads of a ledger that was opened before, so
//! each step that it asks for is refused as `Unavailable`, with that reason.
//!
//! # What holds always
//! - Neither available nor held credits are ever below zero, whoever calls at once.
//! - The journal is only ever added to: available credits are the sum of its entries, held credits are the sum of the open
//!   holds. [`Credits::verify`] compares.
//! - A step that was not heard of may be repeated: by the same id or key it is taken once.
//! - Settling cannot be cancelled. Dropping a [`Held`] gives it back, dropping a [`Settling`] captures: the keeper's thread
//!   does it, and tries again while the store does not answer. A capture is never given up while the process lives, and
//!   outlives it in a file of [captures that are owed](CreditsBuilder::owed_captures).
//! - The hold of a [`Held`] that lives is renewed at half its life. A hold whose process died expires, and so does one that
//!   could not be renewed because the store was away. A capture that comes later charges afresh, or is counted as lost
//!   (`credit_settles_lost_total`) and told as an error: never silently free.
//! - One idempotency key is paid once, however often it was sent and whichever hold expired.

mod alive;
mod answer;
mod check;
#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
mod desk;
mod error;
mod families;
mod keeper;
mod ledger;
mod memory;
mod month;
mod moves;
mod name;
mod owed;
#[cfg(feature = "postgres")]
mod postgres;
mod process;
#[cfg(feature = "sqlite")]
mod sqlite;
mod state;

pub use crate::clock::StoreClock;
pub use answer::{Answer, Reply};
pub use desk::{Paid, Settled};
pub use error::{CreditsError, Refused};
pub use keeper::{Credits, CreditsBuilder, Held, Holding, Settling};
pub use ledger::{
    Balance, Captured, Entry, EntryKind, Expired, Extended, Grant, Granted, HoldRequest, Ledger, Page, Placed, Totals,
    Verified, Violation, Voided,
};
pub use memory::Memory;
pub use name::{AccountId, HoldId, Key, Operation};
#[cfg(feature = "postgres")]
pub use postgres::{Postgres, PostgresBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use state::HoldState;
// What a paid call needs of its program; calls are not the ledger's affair, but this is where a user looks for them.
pub use crate::paid::{AsCredits, Cost, IdempotencyKey, PaidOperation, Payer, Refusal, charge, operations};

#[cfg(test)]
mod tests;
