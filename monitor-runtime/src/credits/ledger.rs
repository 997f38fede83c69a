//! The one trait of all ledgers: what they are asked, and what they answer. How they keep it is theirs, but for the
//! numbers that stand for a state and a kind.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::answer::Answer;
use super::error::CreditsError;
use super::month;
use super::name::{AccountId, HoldId, Key, Operation};
use super::state::HoldState;
use crate::clock;

/// Keeps accounts, holds and a journal.
///
/// Each method takes one step, whole or not at all, and begins it when it is called: an [`Answer`] that is dropped takes
/// no step back. A step is durable before its answer is there. Every answer comes within a bounded time;
/// [`CreditsError::Unavailable`] when the store does not give it.
///
/// All engines of this library share the legal moves and pass one conformance suite.
pub trait Ledger: fmt::Debug + Send + Sync + 'static {
    /// Adds credits to an account, which comes into being by its first grant. The same key grants once.
    ///
    /// # Errors
    /// `InvalidAmount`, `TooManyCredits`, `Conflict` when the key granted another amount.
    fn grant(&self, grant: Grant) -> Answer<Granted>;

    /// Reserves credits. The same id, or the same key that is held or was captured, holds once: the answer then tells
    /// of the first hold.
    ///
    /// # Errors
    /// `InvalidAmount`, `InvalidLifetime`, `UnknownAccount`, `Insufficient`, `Conflict`.
    fn hold(&self, request: HoldRequest) -> Answer<Placed>;

    /// Takes `amount` of a hold's credits and gives the rest back. After the hold has expired the amount is charged
    /// afresh, if the account has it, and the hold's key belongs to it again. If its key has become another hold's, which
    /// is open or captured, nothing is taken: one key is paid once.
    ///
    /// # Errors
    /// `InvalidAmount`, `ExceedsHold`, `UnknownHold`, `AlreadySettled`; `Superseded` or `Insufficient` after expiry.
    fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured>;

    /// Gives a hold's credits back. One that was voided or has expired has done so.
    ///
    /// # Errors
    /// `UnknownHold`; `AlreadySettled` when it was captured.
    fn void(&self, hold: HoldId) -> Answer<Voided>;

    /// Lets a hold live for `lifetime` from now on, if that is longer than it would.
    ///
    /// # Errors
    /// `InvalidLifetime`, `UnknownHold`; `AlreadySettled` when it was settled or has expired.
    fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended>;

    /// What an account has.
    ///
    /// # Errors
    /// `UnknownAccount`.
    fn balance(&self, account: AccountId) -> Answer<Balance>;

    /// An account's entries, the newest first: at most `limit` (1,000 at most), those before the entry `before`.
    ///
    /// # Errors
    /// `UnknownAccount`.
    fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page>;

    /// Frees holds that have expired, `limit` at most. Safe to run in every instance at once.
    fn expire(&self, limit: u32) -> Answer<Expired>;

    /// How much is held now, in all accounts.
    fn totals(&self) -> Answer<Totals>;

    /// Compares every account with the journal and with its holds. It reads everything.
    fn verify(&self) -> Answer<Verified>;

    /// Whether it can be used now: a file that was deleted under it cannot. It does not ask for much, so a probe may call
    /// it every second. A ledger that does not say otherwise can always be used.
    ///
    /// # Errors
    /// `Unavailable`, with what is wrong and how to mend it.
    fn health(&self) -> Answer<()> {
        Answer::now(Ok(()))
    }

    /// Brings all steps that were answered to where a copy of the store has them; the ledger goes on afterwards. A ledger
    /// that does not say otherwise has them there.
    ///
    /// # Errors
    /// `Unavailable`, with what keeps them elsewhere.
    fn flush(&self) -> Answer<()> {
        Answer::now(Ok(()))
    }
}

/// A ledger that is shared.
impl<L: Ledger + ?Sized> Ledger for Arc<L> {
    fn grant(&self, grant: Grant) -> Answer<Granted> {
        (**self).grant(grant)
    }

    fn hold(&self, request: HoldRequest) -> Answer<Placed> {
        (**self).hold(request)
    }

    fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured> {
        (**self).capture(hold, amount)
    }

    fn void(&self, hold: HoldId) -> Answer<Voided> {
        (**self).void(hold)
    }

    fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended> {
        (**self).extend(hold, lifetime)
    }

    fn balance(&self, account: AccountId) -> Answer<Balance> {
        (**self).balance(account)
    }

    fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
        (**self).history(account, before, limit)
    }

    fn expire(&self, limit: u32) -> Answer<Expired> {
        (**self).expire(limit)
    }

    fn totals(&self) -> Answer<Totals> {
        (**self).totals()
    }

    fn verify(&self) -> Answer<Verified> {
        (**self).verify()
    }

    fn health(&self) -> Answer<()> {
        (**self).health()
    }

    fn flush(&self) -> Answer<()> {
        (**self).flush()
    }
}

/// Credits that come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who gets them.
    pub account: AccountId,
    /// How many.
    pub amount: i64,
    /// What makes this grant the same one when it is asked for again.
    pub key: Key,
    /// The key is of the month in which the ledger takes the grant, by its own clock.
    by_month: bool,
}

impl Grant {
    /// A grant of its own: each call of this function makes another.
    #[must_use]
    pub fn new(account: AccountId, amount: i64) -> Grant {
        let key = Key::new(HoldId::new().to_string()).expect("a uuid is a key");
        Grant { account, amount, key, by_month: false }
    }

    /// A grant that an account gets once for this key: `sign-up`, an order's number.
    #[must_use]
    pub fn once(account: AccountId, amount: i64, key: Key) -> Grant {
        Grant { account, amount, key, by_month: false }
    }

    /// An allowance for a period (`2026-11`, `2026-W48`): whoever asks first grants it, everybody else is told so.
    ///
    /// # Errors
    /// [`CreditsError::InvalidName`] when the period's name is none.
    pub fn for_period(account: AccountId, amount: i64, period: &str) -> Result<Grant, CreditsError> {
        Ok(Grant { account, amount, key: Key::new(format!("period {period}"))?, by_month: false })
    }

    /// The allowance of this calendar month, in UTC, by the ledger's clock: a system's clock that jumps grants no second
    /// one.
    #[must_use]
    pub fn this_month(account: AccountId, amount: i64) -> Grant {
        let key = month_key(clock::unix_micros());
        Grant { account, amount, key, by_month: true }
    }

    /// This grant as a ledger takes it at this time of its own clock: one of [`this_month`](Self::this_month) gets its key
    /// here. A ledger of one's own asks for it before it looks for the key.
    #[must_use]
    pub fn dated(&self, now: SystemTime) -> Grant {
        let key = if self.by_month { month_key(micros(now)) } else { self.key.clone() };
        Grant { account: self.account.clone(), key, ..*self }
    }

    /// Whether [`dated`](Self::dated) gives it another key.
    #[cfg(feature = "postgres")]
    pub(super) fn is_by_month(&self) -> bool {
        self.by_month
    }
}

fn month_key(at: i64) -> Key {
    let (year, month) = month::month_of(at);
    Key::new(format!("period {year:04}-{month:02}")).expect("a month is a key")
}

/// Microseconds since the epoch.
fn micros(at: SystemTime) -> i64 {
    let micros = |since: Duration| i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

/// Credits to be reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRequest {
    /// The caller's id for it; the same id is the same hold.
    pub id: HoldId,
    /// Who pays.
    pub account: AccountId,
    /// What for.
    pub operation: Operation,
    /// How many credits at most.
    pub amount: i64,
    /// How long the hold stands if nobody settles it.
    pub lifetime: Duration,
    /// The caller's caller's key: within an account and an operation it is held or captured once. A hold that was
    /// voided or has expired sets its key free.
    pub key: Option<Key>,
}

/// What an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What can be held.
    pub available: i64,
    /// What is held.
    pub held: i64,
}

impl Balance {
    /// Grants less captures: what is available and what is held.
    #[must_use]
    pub fn posted(self) -> i64 {
        self.available.saturating_add(self.held)
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl HoldState {
    /// What stands for it in every store: a number, and how much was captured.
    pub(super) const fn stored(self) -> (i16, Option<i64>) {
        match self {
            HoldState::Open => (0, None),
            HoldState::Captured(amount) => (1, Some(amount)),
            HoldState::Voided => (2, None),
            HoldState::Expired => (3, None),
            HoldState::CapturedLate(amount) => (4, Some(amount)),
        }
    }

    /// The other way.
    pub(super) fn from_stored(number: i16, captured: Option<i64>) -> Result<HoldState, CreditsError> {
        Ok(match (number, captured) {
            (0, None) => HoldState::Open,
            (1, Some(amount)) => HoldState::Captured(amount),
            (2, None) => HoldState::Voided,
            (3, None) => HoldState::Expired,
            (4, Some(amount)) => HoldState::CapturedLate(amount),
            _ => return Err(CreditsError::InvalidStore { why: format!("a hold has the state {number}") }),
        })
    }
}

/// The answer to a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What the account has now.
    pub balance: Balance,
    /// The key had granted before; nothing was added.
    pub replayed: bool,
}

/// The answer to a request for a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The hold; not the one asked for when its key belongs to an earlier one.
    pub hold: HoldId,
    /// What has become of it; `Open` unless it was there before.
    pub state: HoldState,
    /// When it expires, on the store's clock.
    pub expires_at: SystemTime,
    /// What the account has now.
    pub balance: Balance,
    /// The hold was there before; nothing was reserved.
    pub replayed: bool,
}

/// The answer to a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Credits taken.
    pub amount: i64,
    /// What the account has now.
    pub balance: Balance,
    /// The hold had expired: the amount was charged afresh.
    pub late: bool,
    /// The hold had been captured before; nothing was taken.
    pub replayed: bool,
}

/// The answer to a void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voided {
    /// What the account has now.
    pub balance: Balance,
    /// The hold had been voided, or had expired, before.
    pub replayed: bool,
}

/// The answer to an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    /// When the hold expires now, on the store's clock.
    pub expires_at: SystemTime,
}

/// What has been freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Holds that had expired.
    pub holds: u64,
    /// Credits given back.
    pub credits: i64,
}

/// How much is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Open holds.
    pub holds: u64,
    /// Credits that they hold.
    pub credits: i64,
}

/// One line of the journal; it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: within an account, in the order of what happened.
    pub number: i64,
    /// When, on the store's clock.
    pub at: SystemTime,
    /// What happened.
    pub kind: EntryKind,
    /// What it added to the account's available credits.
    pub available: i64,
    /// What it added to the account's held credits.
    pub held: i64,
    /// What was available afterwards.
    pub available_after: i64,
    /// The hold, where it is about one.
    pub hold: Option<HoldId>,
    /// The operation of that hold.
    pub operation: Option<Operation>,
    /// The key of a grant.
    pub key: Option<Key>,
}

/// What an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// Credits came in.
    Grant,
    /// Credits were reserved.
    Hold,
    /// Reserved credits were taken.
    Capture,
    /// Reserved credits were given back.
    Void,
    /// Reserved credits were given back because nobody settled them in time.
    Expire,
    /// Credits were taken afresh for a hold that had expired.
    LateCapture,
}

impl EntryKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            EntryKind::Grant => "grant",
            EntryKind::Hold => "hold",
            EntryKind::Capture => "capture",
            EntryKind::Void => "void",
            EntryKind::Expire => "expire",
            EntryKind::LateCapture => "late capture",
        }
    }

    /// The number that stands for it in every store.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) const fn number(self) -> i16 {
        match self {
            EntryKind::Grant => 0,
            EntryKind::Hold => 1,
            EntryKind::Capture => 2,
            EntryKind::Void => 3,
            EntryKind::Expire => 4,
            EntryKind::LateCapture => 5,
        }
    }

    /// The other way.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) fn from_number(number: i16) -> Result<EntryKind, CreditsError> {
        Ok(match number {
            0 => EntryKind::Grant,
            1 => EntryKind::Hold,
            2 => EntryKind::Capture,
            3 => EntryKind::Void,
            4 => EntryKind::Expire,
            5 => EntryKind::LateCapture,
            _ => return Err(CreditsError::InvalidStore { why: format!("an entry has the kind {number}") }),
        })
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A part of an account's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries, the newest first.
    pub entries: Vec<Entry>,
    /// What to ask for the entries before these; none when these are the first that the account has.
    pub next: Option<i64>,
}

/// What was compared, and what does not agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Accounts compared.
    pub accounts: u64,
    /// Holds compared.
    pub holds: u64,
    /// Entries compared.
    pub entries: u64,
    /// What does not agree; empty in a sound ledger. At most 100 are told.
    pub violations: Vec<Violation>,
}

/// An account whose numbers do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The account.
    pub account: AccountId,
    /// What does not agree with what.
    pub what: String,
}

#[cfg(all(test, any(feature = "sqlite", feature = "postgres")))]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again_and_what_was_never_stored_is_refused() {
        for number in 0..6 {
            assert_eq!(EntryKind::from_number(number).expect("a kind").number(), number);
        }
        for stored in [(0, None), (1, Some(7)), (2, None), (3, None), (4, Some(7))] {
            assert_eq!(HoldState::from_stored(stored.0, stored.1).expect("a state").stored(), stored);
        }
        assert!(EntryKind::from_number(6).is_err() && EntryKind::from_number(-1).is_err());
        for (number, captured) in [(0, Some(7)), (1, None), (3, Some(7)), (5, None)] {
            assert!(HoldState::from_stored(number, captured).is_err(), "{number} {captured:?}");
        }
    }
}
