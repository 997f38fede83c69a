//! The ledger in this process's memory: for tests and for trying things out. It forgets nothing until it ends, and then
//! everything.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::answer::Answer;
use super::error::CreditsError;
use super::ledger::{
    Balance, Captured, Entry, EntryKind, Expired, Extended, Grant, Granted, HoldRequest, Ledger, Page, Placed, Totals,
    Verified, Voided,
};
use super::moves::{self, Change, Hold, Micros, Next, Sums};
use super::name::{AccountId, HoldId, Key, Operation};
use super::state::HoldState;
use crate::clock::StoreClock;

/// A ledger in memory; see the [module](super) for what a ledger does.
pub struct Memory {
    clock: StoreClock,
    book: Mutex<Book>,
}

/// Entries in one answer at most.
pub(super) const PAGE_MAX: u32 = 1000;
/// Violations told at most.
pub(super) const VIOLATIONS_MAX: usize = 100;

#[derive(Default)]
struct Book {
    accounts: HashMap<AccountId, Account>,
    holds: HashMap<HoldId, Hold>,
    /// The hold that a key belongs to.
    keys: HashMap<(AccountId, Operation, Key), HoldId>,
    /// Open holds in the order of their expiry.
    open: BTreeSet<(Micros, HoldId)>,
    entries: i64,
    held: i64,
}

#[derive(Default)]
struct Account {
    balance: Balance,
    granted: HashMap<Key, i64>,
    journal: Vec<Entry>,
}

impl Memory {
    /// An empty one.
    #[must_use]
    pub fn new() -> Memory {
        Memory::with_clock(StoreClock::system())
    }

    /// An empty one, whose holds expire by this clock.
    #[must_use]
    pub fn with_clock(clock: StoreClock) -> Memory {
        Memory { clock, book: Mutex::default() }
    }

    /// A step looks first and then changes everything: a panic between the two leaves the book as it was.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Ledger for Memory {
    fn grant(&self, grant: Grant) -> Answer<Granted> {
        Answer::now(self.book().grant(&grant, self.clock.now()))
    }

    fn hold(&self, request: HoldRequest) -> Answer<Placed> {
        Answer::now(self.book().hold(request, self.clock.now()))
    }

    fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured> {
        Answer::now(self.book().capture(hold, amount, self.clock.now()))
    }

    fn void(&self, hold: HoldId) -> Answer<Voided> {
        Answer::now(self.book().void(hold, self.clock.now()))
    }

    fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended> {
        Answer::now(self.book().extend(hold, lifetime, self.clock.now()))
    }

    fn balance(&self, account: AccountId) -> Answer<Balance> {
        Answer::now(self.book().account(&account).map(|account| account.balance))
    }

    fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
        Answer::now(self.book().history(&account, before, limit))
    }

    fn expire(&self, limit: u32) -> Answer<Expired> {
        Answer::now(self.book().expire(limit, self.clock.now()))
    }

    fn totals(&self) -> Answer<Totals> {
        let book = self.book();
        Answer::now(Ok(Totals { holds: book.open.len() as u64, credits: book.held }))
    }

    fn verify(&self) -> Answer<Verified> {
        Answer::now(Ok(self.book().verify()))
    }
}

impl Book {
    fn account(&self, name: &AccountId) -> Result<&Account, CreditsError> {
        self.accounts.get(name).ok_or_else(|| CreditsError::UnknownAccount { account: name.clone() })
    }

    fn balance(&self, name: &AccountId) -> Balance {
        self.accounts.get(name).map(|account| account.balance).unwrap_or_default()
    }

    fn found(&self, id: HoldId) -> Result<&Hold, CreditsError> {
        self.holds.get(&id).ok_or(CreditsError::UnknownHold { hold: id })
    }

    fn grant(&mut self, grant: &Grant, now: Micros) -> Result<Granted, CreditsError> {
        let grant = &grant.dated(moves::time(now));
        let account = self.accounts.get(&grant.account);
        let earlier = account.and_then(|account| account.granted.get(&grant.key).copied());
        match moves::grant(account.map(|account| account.balance), earlier, grant)? {
            Next::Same(balance) => Ok(Granted { balance, replayed: true }),
            Next::Do(change) => {
                self.write(&grant.account, &change, None, Some(&grant.key), now);
                let account = self.accounts.entry(grant.account.clone()).or_default();
                account.granted.insert(grant.key.clone(), grant.amount);
                Ok(Granted { balance: change.balance, replayed: false })
            }
        }
    }

    fn hold(&mut self, request: HoldRequest, now: Micros) -> Result<Placed, CreditsError> {
        let account = self.accounts.get(&request.account).map(|account| account.balance);
        let same_id = self.holds.get(&request.id);
        let name = request.key.clone().map(|key| (request.account.clone(), request.operation.clone(), key));
        let same_key = name.as_ref().and_then(|name| self.holds.get(self.keys.get(name)?));
        match moves::hold(account, same_id, same_key, &request)? {
            Next::Same(hold) => Ok(Placed {
                hold: hold.id,
                state: hold.state,
                expires_at: moves::time(hold.expires_at),
                balance: account.unwrap_or_default(),
                replayed: true,
            }),
            Next::Do(change) => {
                let HoldRequest { id, account, operation, amount, lifetime, key } = request;
                let expires_at = moves::after(now, lifetime);
                let hold = Hold { id, account, operation, amount, key, state: HoldState::Open, expires_at };
                self.write(&hold.account, &change, Some(&hold), None, now);
                self.open.insert((expires_at, id));
                self.holds.insert(id, hold);
                self.keys.extend(name.map(|name| (name, id)));
                Ok(Placed {
                    hold: id,
                    state: HoldState::Open,
                    expires_at: moves::time(expires_at),
                    balance: change.balance,
                    replayed: false,
                })
            }
        }
    }

    fn capture(&mut self, id: HoldId, amount: i64, now: Micros) -> Result<Captured, CreditsError> {
        let hold = self.found(id)?;
        let balance = self.balance(&hold.account);
        let name = hold.key_set_free().map(|key| (hold.account.clone(), hold.operation.clone(), key.clone()));
        let same_key = name.as_ref().and_then(|name| self.holds.get(self.keys.get(name)?));
        match moves::capture(balance, hold, same_key, amount, now)? {
            Next::Same((amount, late)) => Ok(Captured { amount, balance, late, replayed: true }),
            Next::Do(change) => {
                self.keys.extend(name.map(|name| (name, id)));
                self.settle(id, &change, now);
                let late = matches!(change.state, Some(HoldState::CapturedLate(_)));
                Ok(Captured { amount, balance: change.balance, late, replayed: false })
            }
        }
    }

    fn void(&mut self, id: HoldId, now: Micros) -> Result<Voided, CreditsError> {
        let hold = self.found(id)?;
        let balance = self.balance(&hold.account);
        match moves::void(balance, hold, now)? {
            Next::Same(()) => Ok(Voided { balance, replayed: true }),
            Next::Do(change) => {
                self.settle(id, &change, now);
                Ok(Voided { balance: change.balance, replayed: false })
            }
        }
    }

    fn extend(&mut self, id: HoldId, lifetime: Duration, now: Micros) -> Result<Extended, CreditsError> {
        let expires_at = moves::extend(self.found(id)?, lifetime, now)?;
        if let Some(hold) = self.holds.get_mut(&id) {
            self.open.remove(&(hold.expires_at, id));
            self.open.insert((expires_at, id));
            hold.expires_at = expires_at;
        }
        Ok(Extended { expires_at: moves::time(expires_at) })
    }

    fn history(&self, account: &AccountId, before: Option<i64>, limit: u32) -> Result<Page, CreditsError> {
        let journal = &self.account(account)?.journal;
        let end = before.map_or(journal.len(), |before| journal.partition_point(|entry| entry.number < before));
        let start = end.saturating_sub(limit.min(PAGE_MAX) as usize);
        let entries: Vec<_> = journal[start..end].iter().rev().cloned().collect();
        let next = entries.last().filter(|_| start > 0).map(|entry| entry.number);
        Ok(Page { entries, next })
    }

    fn expire(&mut self, limit: u32, now: Micros) -> Result<Expired, CreditsError> {
        let due: Vec<_> = self.open.iter().take_while(|(at, _)| *at <= now).take(limit as usize).copied().collect();
        let mut expired = Expired::default();
        for (_, id) in due {
            let hold = self.found(id)?;
            let amount = hold.amount;
            let change = moves::expire(self.balance(&hold.account), hold)?;
            self.settle(id, &change, now);
            expired.holds += 1;
            expired.credits = expired.credits.saturating_add(amount);
        }
        Ok(expired)
    }

    /// Writes a change of a hold that is there.
    fn settle(&mut self, id: HoldId, change: &Change, now: Micros) {
        let Some(mut hold) = self.holds.get(&id).cloned() else { return };
        self.open.remove(&(hold.expires_at, id));
        self.write(&hold.account.clone(), change, Some(&hold), None, now);
        if let Some(state) = change.state {
            hold.state = state;
        }
        self.holds.insert(id, hold);
    }

    fn write(&mut self, account: &AccountId, change: &Change, hold: Option<&Hold>, key: Option<&Key>, now: Micros) {
        let account = self.accounts.entry(account.clone()).or_default();
        account.balance = change.balance;
        for line in change.lines() {
            self.entries += 1;
            self.held = self.held.saturating_add(line.held);
            account.journal.push(Entry {
                number: self.entries,
                at: moves::time(now),
                kind: line.kind,
                available: line.available,
                held: line.held,
                available_after: line.available_after,
                hold: hold.map(|hold| hold.id),
                operation: hold.map(|hold| hold.operation.clone()),
                key: key.cloned(),
            });
        }
    }

    fn verify(&self) -> Verified {
        let mut sums: HashMap<&AccountId, Sums> = HashMap::new();
        for hold in self.holds.values().filter(|hold| hold.state == HoldState::Open) {
            sums.entry(&hold.account).or_default().open += i128::from(hold.amount);
        }
        let mut verified = Verified::default();
        for (name, account) in &self.accounts {
            let sums = sums.entry(name).or_default();
            for entry in &account.journal {
                sums.available += i128::from(entry.available);
                sums.held += i128::from(entry.held);
                match entry.kind {
                    EntryKind::Grant => sums.granted += i128::from(entry.available),
                    EntryKind::Capture | EntryKind::LateCapture => {
                        sums.captured -= i128::from(entry.available) + i128::from(entry.held);
                    }
                    EntryKind::Hold | EntryKind::Void | EntryKind::Expire => {}
                }
            }
            verified.entries += account.journal.len() as u64;
            moves::violations(name, account.balance, *sums, &mut verified.violations);
        }
        verified.accounts = self.accounts.len() as u64;
        verified.holds = self.holds.len() as u64;
        verified.violations.truncate(VIOLATIONS_MAX);
        verified
    }
}
