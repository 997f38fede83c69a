//! What a ledger refuses, and why it could not answer.

use std::fmt;

use super::name::{AccountId, HoldId, Operation};
use super::state::HoldState;

/// Why credits were not granted, held or settled. Nothing has changed in the ledger, unless the error is
/// [`Unavailable`](Self::Unavailable): then a step may or may not have been taken, and the same step by the same id finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreditsError {
    /// A paid call was refused before its body began.
    Refused(Box<Refused>),
    /// There is no paid call whose price could be changed, or it has ended.
    NoHold,
    /// Nobody said which ledger pays.
    NoLedger,
    /// Nobody said which account pays.
    NoAccount,
    /// The call was made outside of any [scope](crate::scope), so the program never said who pays: an error of the
    /// program, not of its user.
    NoScope,
    /// The ledger has no such account: accounts come into being by their first grant.
    UnknownAccount {
        /// The account that was asked for.
        account: AccountId,
    },
    /// The account has fewer credits available than were asked for.
    Insufficient {
        /// Credits asked for.
        required: i64,
        /// Credits that the account has.
        available: i64,
    },
    /// The id or the key was used before, for something else.
    Conflict {
        /// What was used before, and what differs.
        what: &'static str,
    },
    /// A call with the same idempotency key is being served, or was paid.
    Duplicate {
        /// The hold of the first call.
        hold: HoldId,
        /// What has become of it.
        state: HoldState,
    },
    /// The ledger has no such hold.
    UnknownHold {
        /// The hold that was to be settled.
        hold: HoldId,
    },
    /// The hold was settled before, in another way.
    AlreadySettled {
        /// The hold that was to be settled.
        hold: HoldId,
        /// How it was settled.
        state: HoldState,
    },
    /// The hold had expired, and its idempotency key is another hold's now: that one pays, this one takes nothing.
    Superseded {
        /// The hold that was to be captured.
        hold: HoldId,
        /// The hold that its key belongs to now.
        by: HoldId,
        /// What has become of that hold. While it is open the same capture may still succeed: if it is given back, the
        /// key is free again.
        state: HoldState,
    },
    /// More was to be captured than is held.
    ExceedsHold {
        /// Credits to be captured.
        amount: i64,
        /// Credits held.
        held: i64,
    },
    /// An amount must be a whole number of credits above zero.
    InvalidAmount {
        /// The amount.
        amount: i64,
    },
    /// The account would have more credits than a ledger can count.
    TooManyCredits {
        /// Credits that were to come in.
        amount: i64,
    },
    /// An account, an operation or a key with a name that no ledger takes.
    InvalidName {
        /// Which of them: `account`, `operation` or `key`.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// A hold must live for a millisecond at least.
    InvalidLifetime,
    /// The store does not answer, or not in time. Nothing is given away meanwhile.
    Unavailable {
        /// What the store said.
        why: String,
    },
    /// The store is not a ledger, or is damaged. It was left as it is.
    InvalidStore {
        /// What is wrong with it.
        why: String,
    },
    /// The store was written by a newer version of this library. It was left as it is.
    NewerSchema {
        /// The version of the store.
        found: i64,
        /// The newest version that this library knows.
        known: i64,
    },
}

/// A paid call that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// What was to be paid for.
    pub operation: Operation,
    /// What it costs; 0 when its price is what is wrong.
    pub required: i64,
    /// Whether the account that was to pay is the one on whose behalf the call was made. If not, the balance in `why` is
    /// none of the caller's business.
    pub own_account: bool,
    /// Why.
    pub why: CreditsError,
}

impl CreditsError {
    /// An [`Unavailable`](Self::Unavailable) with these words, for a ledger of one's own.
    pub fn unavailable(why: impl fmt::Display) -> CreditsError {
        CreditsError::Unavailable { why: why.to_string() }
    }

    /// The error itself; of a refused call, why it was refused.
    #[must_use]
    pub fn why(&self) -> &CreditsError {
        match self {
            CreditsError::Refused(refused) => refused.why.why(),
            error => error,
        }
    }

    /// Whether the same step may succeed later; what is refused stays refused.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.why(), CreditsError::Unavailable { .. })
    }
}

impl fmt::Display for CreditsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CreditsError::*;
        match self {
            Refused(refused) => write!(f, "`{}` was refused: {}", refused.operation, refused.why),
            NoHold => write!(f, "no credits are held here: charge in the body of a paid call, before it ends"),
            NoLedger => write!(f, "no ledger: give the application one, or name it with `ledger = ..`"),
            NoAccount => write!(f, "no account: sign in, or name the one that pays with `account = ..`"),
            NoScope => write!(
                f,
                "no scope says who pays: wrap the app in `OnBehalf` around what is paid, or enter a `Scope`; into a \
                 spawned task or thread take it along with `scope::carry(..)` or `scope::current().run(..)`"
            ),
            UnknownAccount { account } => write!(f, "account `{account}` is unknown: grant it credits first"),
            Insufficient { required, available } => {
                write!(f, "{required} credits are required and {available} available: grant more")
            }
            Conflict { what } => write!(f, "{what}: use another for another purpose"),
            Duplicate { hold, state } => {
                write!(f, "a call with this idempotency key was made before (hold {hold} is {state}): use a new key")
            }
            UnknownHold { hold } => write!(f, "hold {hold} is unknown: hold first, then settle"),
            AlreadySettled { hold, state } => write!(f, "hold {hold} is {state} and stays so: place a new hold"),
            Superseded { hold, by, state } => {
                write!(f, "hold {hold} had expired and its idempotency key is hold {by}'s now, which is {state}")?;
                write!(f, ": nothing is taken for it")
            }
            ExceedsHold { amount, held } => {
                write!(f, "{amount} credits were to be captured of {held} held: hold the most that it can cost")
            }
            InvalidAmount { amount } => write!(f, "{amount} is no amount of credits: it must be above zero"),
            TooManyCredits { amount } => {
                write!(f, "{amount} more credits would be more than an account can have, which is {}", i64::MAX)
            }
            InvalidName { what, why, bytes } => {
                write!(f, "a name of {bytes} bytes is no {what}: {why}")
            }
            InvalidLifetime => write!(f, "a hold must live for a millisecond at least"),
            Unavailable { why } => write!(f, "the ledger is unavailable, try again: {why}"),
            InvalidStore { why } => write!(f, "this is no ledger that can be used: {why}"),
            NewerSchema { found, known } => write!(
                f,
                "the ledger has schema {found} and this program knows schemas up to {known}: update the program"
            ),
        }
    }
}

impl std::error::Error for CreditsError {}
