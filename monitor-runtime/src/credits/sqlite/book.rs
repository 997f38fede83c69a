//! The ledger's rows in one transaction: load, ask the moves, store.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::super::error::CreditsError;
use super::super::ledger::{
    Balance, Captured, Entry, EntryKind, Expired, Extended, Grant, Granted, HoldRequest, Page, Placed, Totals,
    Verified, Violation, Voided,
};
use super::super::memory::{PAGE_MAX, VIOLATIONS_MAX};
use super::super::moves::{self, Change, Hold, Micros, Next, Sums};
use super::super::name::{AccountId, HoldId, Key, Operation};
use super::super::state::HoldState;

/// Why a step was not taken.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The step is against the rules: nothing was written.
    Refused(CreditsError),
    /// The store failed: what was written of the transaction must go.
    Store(rusqlite::Error),
}

impl From<CreditsError> for Trouble {
    fn from(error: CreditsError) -> Trouble {
        Trouble::Refused(error)
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        Trouble::Store(error)
    }
}

type Done<T> = Result<T, Trouble>;

pub(super) struct Book<'a>(&'a Connection);

/// The row of an account.
struct Account {
    row: i64,
    balance: Balance,
    /// The number of its last entry.
    last: Option<i64>,
}

/// A statement that selects a hold with its account, as [`hold`] reads it; made once, when the program is compiled.
macro_rules! select_hold {
    ($which:literal) => {
        concat!(
            "SELECT hold.id, account.name, hold.operation, hold.amount, hold.key, hold.state, hold.captured,
            hold.expires_at, account.id, account.available, account.held, account.last
            FROM hold JOIN account ON account.id = hold.account ",
            $which
        )
    };
}

impl<'a> Book<'a> {
    pub(super) fn new(connection: &'a Connection) -> Book<'a> {
        Book(connection)
    }

    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) -> Done<()> {
        Ok(self.0.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
    }

    /// The time of the last entry.
    pub(super) fn newest(&self) -> rusqlite::Result<Option<Micros>> {
        optional(self.0.query_row("SELECT at FROM journal ORDER BY number DESC LIMIT 1", [], |row| row.get(0)))
    }

    pub(super) fn grant(&self, grant: &Grant, now: Micros) -> Done<Granted> {
        let grant = &grant.dated(moves::time(now));
        let account = self.account(&grant.account)?;
        let earlier = match &account {
            Some(account) => self.granted(account.row, &grant.key)?,
            None => None,
        };
        match moves::grant(account.as_ref().map(|account| account.balance), earlier, grant)? {
            Next::Same(balance) => Ok(Granted { balance, replayed: true }),
            Next::Do(change) => {
                let (row, last) = match account {
                    Some(account) => (account.row, account.last),
                    None => {
                        let sql = "INSERT INTO account (name, available, held) VALUES (?1, 0, 0)";
                        (self.0.prepare_cached(sql)?.insert([grant.account.as_str()])?, None)
                    }
                };
                self.write(row, last, &change, None, Some(&grant.key), now)?;
                Ok(Granted { balance: change.balance, replayed: false })
            }
        }
    }

    pub(super) fn hold(&self, request: &HoldRequest, now: Micros) -> Done<Placed> {
        let account = self.account(&request.account)?;
        let same_id = self.found(request.id)?.map(|(hold, _)| hold);
        let same_key = match (&account, &request.key) {
            (Some(account), Some(key)) => self.hold_of_key(account.row, &request.operation, key)?,
            _ => None,
        };
        let balance = account.as_ref().map(|account| account.balance);
        match moves::hold(balance, same_id.as_ref(), same_key.as_ref(), request)? {
            Next::Same(hold) => Ok(Placed {
                hold: hold.id,
                state: hold.state,
                expires_at: moves::time(hold.expires_at),
                balance: balance.unwrap_or_default(),
                replayed: true,
            }),
            Next::Do(change) => {
                let Some(Account { row, last, .. }) = account else {
                    return Err(CreditsError::UnknownAccount { account: request.account.clone() }.into());
                };
                let (id, key) = (request.id.uuid(), request.key.as_ref().map(Key::as_str));
                let operation = request.operation.as_str();
                let expires_at = moves::after(now, request.lifetime);
                let sql = "INSERT INTO hold (id, account, operation, amount, key, state, expires_at)
                    VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)";
                let values = params![id.as_bytes(), row, operation, request.amount, key, expires_at];
                self.0.prepare_cached(sql)?.execute(values)?;
                if let Some(key) = &request.key {
                    self.name(row, &request.operation, key, request.id)?;
                }
                self.write(row, last, &change, Some(request.id), None, now)?;
                Ok(Placed {
                    hold: request.id,
                    state: HoldState::Open,
                    expires_at: moves::time(expires_at),
                    balance: change.balance,
                    replayed: false,
                })
            }
        }
    }

    pub(super) fn capture(&self, id: HoldId, amount: i64, now: Micros) -> Done<Captured> {
        let (hold, account) = self.known(id)?;
        let key = hold.key_set_free();
        let same_key = match key {
            Some(key) => self.hold_of_key(account.row, &hold.operation, key)?,
            None => None,
        };
        match moves::capture(account.balance, &hold, same_key.as_ref(), amount, now)? {
            Next::Same((amount, late)) => Ok(Captured { amount, balance: account.balance, late, replayed: true }),
            Next::Do(change) => {
                if let Some(key) = key {
                    self.name(account.row, &hold.operation, key, id)?;
                }
                self.settle(&hold, &account, &change, now)?;
                let late = matches!(change.state, Some(HoldState::CapturedLate(_)));
                Ok(Captured { amount, balance: change.balance, late, replayed: false })
            }
        }
    }

    pub(super) fn void(&self, id: HoldId, now: Micros) -> Done<Voided> {
        let (hold, account) = self.known(id)?;
        match moves::void(account.balance, &hold, now)? {
            Next::Same(()) => Ok(Voided { balance: account.balance, replayed: true }),
            Next::Do(change) => {
                self.settle(&hold, &account, &change, now)?;
                Ok(Voided { balance: change.balance, replayed: false })
            }
        }
    }

    pub(super) fn extend(&self, id: HoldId, lifetime: Duration, now: Micros) -> Done<Extended> {
        let (hold, _) = self.known(id)?;
        let expires_at = moves::extend(&hold, lifetime, now)?;
        let sql = "UPDATE hold SET expires_at = ?2 WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute(params![id.uuid().as_bytes(), expires_at])?;
        Ok(Extended { expires_at: moves::time(expires_at) })
    }

    /// Frees open holds that expire until `until`.
    pub(super) fn expire(&self, limit: u32, until: Micros, now: Micros) -> Done<Expired> {
        let sql = "SELECT id FROM hold WHERE state = 0 AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
        let due: Vec<HoldId> = self
            .0
            .prepare_cached(sql)?
            .query_map(params![until, limit], |row| row.get(0).map(id))?
            .collect::<Result<_, _>>()?;
        let mut expired = Expired::default();
        for id in due {
            // Each by itself: those before it may have changed its account.
            let (hold, account) = self.known(id)?;
            let change = moves::expire(account.balance, &hold)?;
            self.settle(&hold, &account, &change, now)?;
            expired.holds += 1;
            expired.credits = expired.credits.saturating_add(hold.amount);
        }
        Ok(expired)
    }

    pub(super) fn balance(&self, name: &AccountId) -> Done<Balance> {
        Ok(self.known_account(name)?.balance)
    }

    pub(super) fn history(&self, name: &AccountId, before: Option<i64>, limit: u32) -> Done<Page> {
        let account = self.known_account(name)?;
        let limit = limit.min(PAGE_MAX) as usize;
        let mut next = account.last;
        if let Some(before) = before {
            let sql = "SELECT previous FROM journal WHERE number = ?1 AND account = ?2";
            let known = self.0.prepare_cached(sql)?.query_row(params![before, account.row], |row| row.get(0));
            // A number that is none of its entries is looked for from the end.
            next = optional(known)?.unwrap_or(next);
        }
        let sql = "SELECT journal.number, journal.at, journal.kind, journal.available, journal.held,
            journal.available_after, journal.hold, hold.operation, journal.key, journal.previous
            FROM journal LEFT JOIN hold ON hold.id = journal.hold WHERE journal.number = ?1";
        let mut statement = self.0.prepare_cached(sql)?;
        let mut page = Page::default();
        while let Some(number) = next {
            if page.entries.len() == limit {
                page.next = page.entries.last().map(|entry| entry.number);
                break;
            }
            let (entry, previous) =
                statement.query_row([number], |row| Ok((entry(row), row.get::<_, Option<i64>>(9)?)))?;
            // Backwards only, so that a damaged chain ends.
            next = previous.filter(|previous| *previous < number);
            if before.is_none_or(|before| number < before) {
                page.entries.push(entry?);
            }
        }
        Ok(page)
    }

    pub(super) fn totals(&self) -> Done<Totals> {
        let sql = "SELECT count(*), CAST(total(amount) AS INTEGER) FROM hold WHERE state = 0";
        let totals = self
            .0
            .prepare_cached(sql)?
            .query_row([], |row| Ok(Totals { holds: row.get::<_, i64>(0)?.unsigned_abs(), credits: row.get(1)? }))?;
        Ok(totals)
    }

    pub(super) fn verify(&self) -> Done<Verified> {
        let sound: String = self.0.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if sound != "ok" {
            return Err(CreditsError::InvalidStore { why: format!("it is damaged ({sound}): restore a backup") }.into());
        }
        let mut sums: HashMap<i64, Sums> = HashMap::new();
        let mut verified = Verified::default();
        let mut statement =
            self.0.prepare("SELECT account, kind, available, held, number, previous FROM journal ORDER BY number")?;
        let mut rows = statement.query([])?;
        let (mut last, mut astray) = (HashMap::new(), HashSet::new());
        while let Some(row) = rows.next()? {
            let (account, previous): (i64, Option<i64>) = (row.get(0)?, row.get(5)?);
            if last.insert(account, row.get::<_, i64>(4)?) != previous {
                astray.insert(account);
            }
            let (available, held): (i64, i64) = (row.get(2)?, row.get(3)?);
            let (available, held) = (i128::from(available), i128::from(held));
            let sums = sums.entry(row.get(0)?).or_default();
            sums.available += available;
            sums.held += held;
            match EntryKind::from_number(row.get(1)?)? {
                EntryKind::Grant => sums.granted += available,
                EntryKind::Capture | EntryKind::LateCapture => sums.captured -= available + held,
                EntryKind::Hold | EntryKind::Void | EntryKind::Expire => {}
            }
            verified.entries += 1;
        }
        let mut statement = self.0.prepare("SELECT account, amount, state FROM hold")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(2)? == 0 {
                sums.entry(row.get(0)?).or_default().open += i128::from(row.get::<_, i64>(1)?);
            }
            verified.holds += 1;
        }
        let mut statement = self.0.prepare("SELECT id, name, available, held, last FROM account")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let balance = Balance { available: row.get(2)?, held: row.get(3)? };
            let (id, name): (i64, _) = (row.get(0)?, account_id(row.get(1)?)?);
            let sums = sums.get(&id).copied().unwrap_or_default();
            moves::violations(&name, balance, sums, &mut verified.violations);
            if astray.contains(&id) || last.get(&id).copied() != row.get(4)? {
                let what = "an entry does not name the one before it".to_owned();
                verified.violations.push(Violation { account: name, what });
            }
            verified.accounts += 1;
        }
        // Open holds with an entry that settles them, and settled ones without.
        let sql = "SELECT account.name, count(*) FROM hold JOIN account ON account.id = hold.account
            WHERE (hold.state <> 0) <> EXISTS (
                SELECT 1 FROM journal WHERE journal.hold = hold.id AND journal.kind IN (2, 3, 4)
            ) GROUP BY account.name";
        let mut statement = self.0.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let what = format!("holds whose state is not what the journal says: {}", row.get::<_, i64>(1)?);
            verified.violations.push(Violation { account: account_id(row.get(0)?)?, what });
        }
        verified.violations.truncate(VIOLATIONS_MAX);
        Ok(verified)
    }

    fn account(&self, name: &AccountId) -> rusqlite::Result<Option<Account>> {
        let sql = "SELECT id, available, held, last FROM account WHERE name = ?1";
        optional(self.0.prepare_cached(sql)?.query_row([name.as_str()], |row| {
            let balance = Balance { available: row.get(1)?, held: row.get(2)? };
            Ok(Account { row: row.get(0)?, balance, last: row.get(3)? })
        }))
    }

    fn known_account(&self, name: &AccountId) -> Done<Account> {
        Ok(self.account(name)?.ok_or_else(|| CreditsError::UnknownAccount { account: name.clone() })?)
    }

    fn granted(&self, account: i64, key: &Key) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT available FROM journal WHERE account = ?1 AND key = ?2 AND kind = 0";
        optional(self.0.prepare_cached(sql)?.query_row(params![account, key.as_str()], |row| row.get(0)))
    }

    fn found(&self, id: HoldId) -> Done<Option<(Hold, Account)>> {
        self.hold_by(select_hold!("WHERE hold.id = ?1"), params![id.uuid().as_bytes()])
    }

    fn hold_of_key(&self, account: i64, operation: &Operation, key: &Key) -> Done<Option<Hold>> {
        let sql = select_hold!(
            "WHERE hold.id = (SELECT hold FROM hold_key WHERE account = ?1 AND operation = ?2 AND key = ?3)"
        );
        Ok(self.hold_by(sql, params![account, operation.as_str(), key.as_str()])?.map(|(hold, _)| hold))
    }

    /// Makes a key this hold's.
    fn name(&self, account: i64, operation: &Operation, key: &Key, hold: HoldId) -> Done<()> {
        let sql = "INSERT OR REPLACE INTO hold_key (account, operation, key, hold) VALUES (?1, ?2, ?3, ?4)";
        let hold = hold.uuid();
        self.0.prepare_cached(sql)?.execute(params![account, operation.as_str(), key.as_str(), hold.as_bytes()])?;
        Ok(())
    }

    fn hold_by(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Done<Option<(Hold, Account)>> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        match rows.next()? {
            Some(row) => hold(row).map(Some),
            None => Ok(None),
        }
    }

    fn known(&self, id: HoldId) -> Done<(Hold, Account)> {
        Ok(self.found(id)?.ok_or(CreditsError::UnknownHold { hold: id })?)
    }

    fn settle(&self, hold: &Hold, account: &Account, change: &Change, now: Micros) -> Done<()> {
        if let Some(state) = change.state {
            let (state, captured) = state.stored();
            let sql = "UPDATE hold SET state = ?2, captured = ?3 WHERE id = ?1";
            self.0.prepare_cached(sql)?.execute(params![hold.id.uuid().as_bytes(), state, captured])?;
        }
        self.write(account.row, account.last, change, Some(hold.id), None, now)
    }

    fn write(
        &self,
        account: i64,
        mut last: Option<i64>,
        change: &Change,
        hold: Option<HoldId>,
        key: Option<&Key>,
        now: Micros,
    ) -> Done<()> {
        let sql = "INSERT INTO journal (at, account, kind, hold, key, available, held, available_after, previous)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let mut statement = self.0.prepare_cached(sql)?;
        let hold = hold.map(|hold| *hold.uuid().as_bytes());
        for line in change.lines() {
            last = Some(statement.insert(params![
                now,
                account,
                line.kind.number(),
                hold.as_ref().map(|hold| &hold[..]),
                key.map(Key::as_str),
                line.available,
                line.held,
                line.available_after,
                last
            ])?);
        }
        let Balance { available, held } = change.balance;
        let sql = "UPDATE account SET available = ?2, held = ?3, last = ?4 WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute(params![account, available, held, last])?;
        Ok(())
    }
}

fn id(bytes: [u8; 16]) -> HoldId {
    Uuid::from_bytes(bytes).into()
}

/// A name that no ledger would have written.
fn damaged(error: CreditsError) -> Trouble {
    Trouble::Refused(CreditsError::InvalidStore { why: error.to_string() })
}

fn account_id(name: String) -> Done<AccountId> {
    AccountId::new(name).map_err(damaged)
}

fn hold(row: &Row<'_>) -> Done<(Hold, Account)> {
    let state = HoldState::from_stored(row.get(5)?, row.get(6)?)?;
    let hold = Hold {
        id: id(row.get(0)?),
        account: account_id(row.get(1)?)?,
        operation: Operation::new(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?).map_err(damaged)?,
        amount: row.get(3)?,
        key: row.get::<_, Option<String>>(4)?.map(Key::new).transpose().map_err(damaged)?,
        state,
        expires_at: row.get(7)?,
    };
    let balance = Balance { available: row.get(9)?, held: row.get(10)? };
    Ok((hold, Account { row: row.get(8)?, balance, last: row.get(11)? }))
}

fn entry(row: &Row<'_>) -> Done<Entry> {
    Ok(Entry {
        number: row.get(0)?,
        at: moves::time(row.get(1)?),
        kind: EntryKind::from_number(row.get(2)?)?,
        available: row.get(3)?,
        held: row.get(4)?,
        available_after: row.get(5)?,
        hold: row.get::<_, Option<[u8; 16]>>(6)?.map(id),
        operation: row.get::<_, Option<String>>(7)?.map(Operation::new).transpose().map_err(damaged)?,
        key: row.get::<_, Option<String>>(8)?.map(Key::new).transpose().map_err(damaged)?,
    })
}

/// An answer that was not given in a row of the file.
fn optional<T>(row: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    row.optional()
}
