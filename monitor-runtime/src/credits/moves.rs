//! The legal moves, pure: what an engine knows and what it is asked -> what is then true, or a refusal. Engines load, ask
//! here, and store; none decides for itself.

use std::time::{Duration, SystemTime};

use super::error::CreditsError;
use super::ledger::{Balance, EntryKind, Grant, HoldRequest, Violation};
use super::name::{AccountId, HoldId, Key, Operation};
use super::state::HoldState;

/// Microseconds since the epoch, on the store's clock.
pub(super) type Micros = i64;

/// What a store knows of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) id: HoldId,
    pub(super) account: AccountId,
    pub(super) operation: Operation,
    pub(super) amount: i64,
    pub(super) key: Option<Key>,
    pub(super) state: HoldState,
    pub(super) expires_at: Micros,
}

impl Hold {
    fn has_expired(&self, now: Micros) -> bool {
        self.expires_at <= now
    }

    /// Whether its key belongs to it still.
    pub(super) fn keeps_its_key(&self) -> bool {
        !matches!(self.state, HoldState::Voided | HoldState::Expired)
    }

    /// The key that another hold may have taken since this one expired: an engine that captures it looks for that hold
    /// first, and makes the key this hold's again if the capture succeeds.
    pub(super) fn key_set_free(&self) -> Option<&Key> {
        self.key.as_ref().filter(|_| self.state == HoldState::Expired)
    }
}

/// One entry to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) kind: EntryKind,
    /// What it adds to the available credits.
    pub(super) available: i64,
    /// What it adds to the held credits.
    pub(super) held: i64,
    pub(super) available_after: i64,
}

/// What is to be stored for a move: the account's balance, the hold, and these entries, all of them or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) balance: Balance,
    /// What becomes of the hold; a grant has none.
    pub(super) state: Option<HoldState>,
    pub(super) first: Line,
    pub(super) second: Option<Line>,
}

impl Change {
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        [Some(&self.first), self.second.as_ref()].into_iter().flatten()
    }
}

/// A move's outcome that is no refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// The step was taken before: this is what it led to.
    Same(T),
    /// This is to be stored.
    Do(Change),
}

/// `earlier` is what the same key granted the account before.
pub(super) fn grant(
    account: Option<Balance>,
    earlier: Option<i64>,
    grant: &Grant,
) -> Result<Next<Balance>, CreditsError> {
    positive(grant.amount)?;
    if let Some(amount) = earlier {
        return match account {
            Some(balance) if amount == grant.amount => Ok(Next::Same(balance)),
            _ => Err(CreditsError::Conflict { what: "the key of this grant was used before, for another amount" }),
        };
    }
    let before = account.unwrap_or_default();
    // What is posted must have room too, so that no later step can overflow.
    if before.posted().checked_add(grant.amount).is_none() {
        return Err(CreditsError::TooManyCredits { amount: grant.amount });
    }
    let balance = Balance { available: before.available + grant.amount, ..before };
    Ok(Next::Do(Change { balance, state: None, first: line(EntryKind::Grant, before, balance), second: None }))
}

/// `same_id` is the hold with the id that is asked for, `same_key` the one that its key belongs to.
pub(super) fn hold(
    account: Option<Balance>,
    same_id: Option<&Hold>,
    same_key: Option<&Hold>,
    request: &HoldRequest,
) -> Result<Next<Hold>, CreditsError> {
    positive(request.amount)?;
    lifetime(request.lifetime)?;
    if let Some(hold) = same_id {
        let same = hold.account == request.account
            && hold.operation == request.operation
            && hold.amount == request.amount
            && hold.key == request.key;
        return match same {
            true => Ok(Next::Same(hold.clone())),
            false => Err(CreditsError::Conflict { what: "the id of this hold was used before, for another hold" }),
        };
    }
    if let Some(hold) = same_key.filter(|hold| hold.keeps_its_key()) {
        return match hold.amount == request.amount {
            true => Ok(Next::Same(hold.clone())),
            false => Err(CreditsError::Conflict { what: "the key of this hold was used before, for another amount" }),
        };
    }
    let Some(before) = account else {
        return Err(CreditsError::UnknownAccount { account: request.account.clone() });
    };
    if before.available < request.amount {
        return Err(CreditsError::Insufficient { required: request.amount, available: before.available });
    }
    let balance = Balance { available: before.available - request.amount, held: sum(before.held, request.amount)? };
    let first = line(EntryKind::Hold, before, balance);
    Ok(Next::Do(Change { balance, state: Some(HoldState::Open), first, second: None }))
}

/// The same, for what was captured before: how much, and whether it was late. `same_key` is the hold that its key belongs
/// to, if the key was [set free](Hold::key_set_free).
pub(super) fn capture(
    account: Balance,
    hold: &Hold,
    same_key: Option<&Hold>,
    amount: i64,
    now: Micros,
) -> Result<Next<(i64, bool)>, CreditsError> {
    positive(amount)?;
    if amount > hold.amount {
        return Err(CreditsError::ExceedsHold { amount, held: hold.amount });
    }
    match hold.state {
        HoldState::Captured(before) if before == amount => Ok(Next::Same((amount, false))),
        HoldState::CapturedLate(before) if before == amount => Ok(Next::Same((amount, true))),
        HoldState::Open if !hold.has_expired(now) => {
            let balance = Balance {
                available: sum(account.available, hold.amount - amount)?,
                held: less(account.held, hold.amount)?,
            };
            let first = line(EntryKind::Capture, account, balance);
            Ok(Next::Do(Change { balance, state: Some(HoldState::Captured(amount)), first, second: None }))
        }
        // The reaper has not come yet: its part is done here.
        HoldState::Open => {
            let freed = freed(account, hold)?;
            let first = line(EntryKind::Expire, account, freed);
            let balance = charged(freed, amount)?;
            let second = Some(line(EntryKind::LateCapture, freed, balance));
            Ok(Next::Do(Change { balance, state: Some(HoldState::CapturedLate(amount)), first, second }))
        }
        HoldState::Expired => {
            // One key is paid once: by the hold that has it.
            if let Some(owner) = same_key.filter(|owner| owner.id != hold.id && owner.keeps_its_key()) {
                return Err(CreditsError::Superseded { hold: hold.id, by: owner.id, state: owner.state });
            }
            let balance = charged(account, amount)?;
            let first = line(EntryKind::LateCapture, account, balance);
            Ok(Next::Do(Change { balance, state: Some(HoldState::CapturedLate(amount)), first, second: None }))
        }
        state => Err(CreditsError::AlreadySettled { hold: hold.id, state }),
    }
}

pub(super) fn void(account: Balance, hold: &Hold, now: Micros) -> Result<Next<()>, CreditsError> {
    match hold.state {
        HoldState::Voided | HoldState::Expired => Ok(Next::Same(())),
        HoldState::Open if hold.has_expired(now) => expire(account, hold).map(Next::Do),
        HoldState::Open => {
            let balance = freed(account, hold)?;
            let first = line(EntryKind::Void, account, balance);
            Ok(Next::Do(Change { balance, state: Some(HoldState::Voided), first, second: None }))
        }
        state => Err(CreditsError::AlreadySettled { hold: hold.id, state }),
    }
}

/// When the hold will expire.
pub(super) fn extend(hold: &Hold, longer: Duration, now: Micros) -> Result<Micros, CreditsError> {
    lifetime(longer)?;
    match hold.state {
        HoldState::Open if !hold.has_expired(now) => Ok(hold.expires_at.max(after(now, longer))),
        HoldState::Open => Err(CreditsError::AlreadySettled { hold: hold.id, state: HoldState::Expired }),
        state => Err(CreditsError::AlreadySettled { hold: hold.id, state }),
    }
}

/// For an open hold that has expired, or whose owner's previous life has ended.
pub(super) fn expire(account: Balance, hold: &Hold) -> Result<Change, CreditsError> {
    let balance = freed(account, hold)?;
    let first = line(EntryKind::Expire, account, balance);
    Ok(Change { balance, state: Some(HoldState::Expired), first, second: None })
}

/// What a verifying engine has added up of one account.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// The journal's deltas.
    pub(super) available: i128,
    pub(super) held: i128,
    /// What the journal granted, and what it took.
    pub(super) granted: i128,
    pub(super) captured: i128,
    /// What the open holds hold.
    pub(super) open: i128,
}

/// What of an account does not agree.
pub(super) fn violations(account: &AccountId, balance: Balance, sums: Sums, found: &mut Vec<Violation>) {
    let mut compare = |what: &str, one: i128, other: i128| {
        if one != other {
            found.push(Violation { account: account.clone(), what: format!("{what}: {one} is not {other}") });
        }
    };
    compare("available credits and the journal's sum", balance.available.into(), sums.available);
    compare("held credits and the open holds", balance.held.into(), sums.open);
    compare("held credits and the journal's sum", balance.held.into(), sums.held);
    let posted = i128::from(balance.available) + i128::from(balance.held);
    compare("grants less captures and what the account has", sums.granted - sums.captured, posted);
    compare("a negative number of credits", balance.available.min(balance.held).min(0).into(), 0);
}

/// The instant so long after `now`; the end of time if that is later.
pub(super) fn after(now: Micros, duration: Duration) -> Micros {
    now.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
        // PostgreSQL's timestamps end in the year 294276.
        .min(END_OF_TIME)
}

/// The first of January of the year 9999.
const END_OF_TIME: Micros = 253_370_764_800 * 1_000_000;

pub(super) fn time(at: Micros) -> SystemTime {
    let since = Duration::from_micros(at.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    if at < 0 { epoch.checked_sub(since) } else { epoch.checked_add(since) }.unwrap_or(epoch)
}

fn positive(amount: i64) -> Result<(), CreditsError> {
    if amount > 0 { Ok(()) } else { Err(CreditsError::InvalidAmount { amount }) }
}

fn lifetime(lifetime: Duration) -> Result<(), CreditsError> {
    if lifetime >= Duration::from_millis(1) { Ok(()) } else { Err(CreditsError::InvalidLifetime) }
}

fn line(kind: EntryKind, before: Balance, after: Balance) -> Line {
    // Both are between 0 and i64::MAX: their difference fits.
    let (available, held) = (after.available - before.available, after.held - before.held);
    Line { kind, available, held, available_after: after.available }
}

fn freed(account: Balance, hold: &Hold) -> Result<Balance, CreditsError> {
    Ok(Balance { available: sum(account.available, hold.amount)?, held: less(account.held, hold.amount)? })
}

fn charged(account: Balance, amount: i64) -> Result<Balance, CreditsError> {
    if account.available < amount {
        return Err(CreditsError::Insufficient { required: amount, available: account.available });
    }
    Ok(Balance { available: account.available - amount, ..account })
}

/// A sound store's numbers never get here: those of a damaged one go no further.
fn sum(one: i64, other: i64) -> Result<i64, CreditsError> {
    one.checked_add(other).ok_or_else(damaged)
}

fn less(one: i64, other: i64) -> Result<i64, CreditsError> {
    one.checked_sub(other).filter(|rest| *rest >= 0).ok_or_else(damaged)
}

fn damaged() -> CreditsError {
    CreditsError::InvalidStore { why: "an account holds less than its holds do".to_owned() }
}
