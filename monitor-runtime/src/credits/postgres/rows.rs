//! What stands in the rows of the tables, read and written.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::super::error::CreditsError;
use super::super::ledger::{Balance, Entry, EntryKind};
use super::super::moves::{Change, Micros};
use super::super::name::{AccountId, HoldId, Key, Operation};
use super::connection::{Done, Trouble, Value};

/// Entries to be written, column by column.
#[derive(Default)]
pub(super) struct Lines {
    accounts: Vec<i64>,
    kinds: Vec<i16>,
    holds: Vec<Uuid>,
    available: Vec<i64>,
    held: Vec<i64>,
    available_after: Vec<i64>,
}

/// The types of those columns.
pub(super) const LINE_KINDS: [Type; 6] =
    [Type::INT8_ARRAY, Type::INT2_ARRAY, Type::UUID_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY];

impl Lines {
    pub(super) fn add(&mut self, account: i64, change: &Change, hold: HoldId) {
        for line in change.lines() {
            self.accounts.push(account);
            self.kinds.push(line.kind.number());
            self.holds.push(hold.uuid());
            self.available.push(line.available);
            self.held.push(line.held);
            self.available_after.push(line.available_after);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub(super) fn values(&self) -> [Value<'_>; 6] {
        let [accounts, kinds, holds, available, held, available_after] = LINE_KINDS;
        [
            (&self.accounts, accounts),
            (&self.kinds, kinds),
            (&self.holds, holds),
            (&self.available, available),
            (&self.held, held),
            (&self.available_after, available_after),
        ]
    }
}

/// The statement that writes [`Lines`], in their order; the columns are its parameters from this one on.
pub(super) fn journal(schema: &str, first: usize) -> String {
    let at = |column: usize| first + column;
    format!(
        "INSERT INTO {schema}.journal (account, kind, hold, available, held, available_after)
        SELECT account, kind, hold, available, held, available_after
        FROM unnest(${}::bigint[], ${}::smallint[], ${}::uuid[], ${}::bigint[], ${}::bigint[], ${}::bigint[])
            WITH ORDINALITY AS line (account, kind, hold, available, held, available_after, place)
        ORDER BY place",
        at(0),
        at(1),
        at(2),
        at(3),
        at(4),
        at(5)
    )
}

pub(super) fn balance(row: &Row, column: usize) -> Done<Balance> {
    Ok(Balance { available: row.try_get(column)?, held: row.try_get(column + 1)? })
}

pub(super) fn entry(row: &Row) -> Done<Entry> {
    Ok(Entry {
        number: row.try_get(0)?,
        at: row.try_get(1)?,
        kind: EntryKind::from_number(row.try_get(2)?)?,
        available: row.try_get(3)?,
        held: row.try_get(4)?,
        available_after: row.try_get(5)?,
        hold: row.try_get::<_, Option<Uuid>>(6)?.map(HoldId::from),
        operation: row.try_get::<_, Option<&str>>(7)?.map(Operation::new).transpose().map_err(damaged)?,
        key: row.try_get::<_, Option<&str>>(8)?.map(Key::new).transpose().map_err(damaged)?,
    })
}

pub(super) fn account_id(name: &str) -> Done<AccountId> {
    AccountId::new(name).map_err(damaged)
}

/// A name that no ledger would have written.
pub(super) fn damaged(error: CreditsError) -> Trouble {
    Trouble::Refused(CreditsError::InvalidStore { why: error.to_string() })
}

/// Microseconds since the epoch.
pub(super) fn micros_of(at: SystemTime) -> Micros {
    let micros = |duration: std::time::Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}
