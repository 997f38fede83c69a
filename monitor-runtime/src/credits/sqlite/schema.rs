//! The tables of a SQLite ledger, by version; what is not ours or newer is refused before it is touched.

use rusqlite::{Connection, TransactionBehavior};

use super::super::error::CreditsError;
use super::book::Trouble;

/// What the file says that it is: "mcrl".
const APPLICATION: i64 = 0x6d63_726c;

/// Each brings a file from one version to the next.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE account (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        available INTEGER NOT NULL CHECK (available >= 0),
        held INTEGER NOT NULL CHECK (held >= 0),
        last INTEGER
    ) STRICT;

    -- state: 0 open, 1 captured, 2 voided, 3 expired, 4 captured late
    CREATE TABLE hold (
        id BLOB PRIMARY KEY CHECK (length(id) = 16),
        account INTEGER NOT NULL REFERENCES account,
        operation TEXT NOT NULL,
        amount INTEGER NOT NULL CHECK (amount > 0),
        key TEXT,
        state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
        captured INTEGER CHECK (captured BETWEEN 1 AND amount),
        expires_at INTEGER NOT NULL,
        CHECK ((captured IS NOT NULL) = (state IN (1, 4)))
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX hold_open ON hold (expires_at) WHERE state = 0;

    CREATE TABLE hold_key (
        account INTEGER NOT NULL REFERENCES account,
        operation TEXT NOT NULL,
        key TEXT NOT NULL,
        hold BLOB NOT NULL REFERENCES hold,
        PRIMARY KEY (account, operation, key)
    ) STRICT, WITHOUT ROWID;

    -- Each entry names its account's previous one, and the account its last: an index of entries by account would have
    -- another page written for almost every step.
    -- kind: 0 grant, 1 hold, 2 capture, 3 void, 4 expire, 5 late capture
    CREATE TABLE journal (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        account INTEGER NOT NULL REFERENCES account,
        kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 5),
        hold BLOB REFERENCES hold,
        key TEXT,
        available INTEGER NOT NULL,
        held INTEGER NOT NULL,
        available_after INTEGER NOT NULL CHECK (available_after >= 0),
        previous INTEGER,
        CHECK ((kind = 0) = (hold IS NULL)),
        CHECK ((kind = 0) = (key IS NOT NULL))
    ) STRICT;
    CREATE UNIQUE INDEX journal_grant ON journal (account, key) WHERE kind = 0;
    CREATE UNIQUE INDEX journal_settled ON journal (hold) WHERE kind IN (2, 3, 4);
    CREATE UNIQUE INDEX journal_late ON journal (hold) WHERE kind = 5;
    CREATE TRIGGER journal_stays BEFORE UPDATE ON journal BEGIN SELECT raise(ABORT, 'the journal is only added to'); END;
    CREATE TRIGGER journal_keeps BEFORE DELETE ON journal BEGIN SELECT raise(ABORT, 'the journal is only added to'); END;
"];

/// Refuses a file that is another program's or a newer version's. It only reads.
pub(super) fn check(connection: &Connection) -> Result<(), Trouble> {
    let version = version(connection)?;
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && version == 0 && tables == 0;
    if !empty && application != APPLICATION {
        let why = "it is a database of another program: give the ledger a file of its own".to_owned();
        return Err(Trouble::Refused(CreditsError::InvalidStore { why }));
    }
    let known = MIGRATIONS.len() as i64;
    if version > known {
        return Err(Trouble::Refused(CreditsError::NewerSchema { found: version, known }));
    }
    Ok(())
}

/// Brings the file to the newest version, whole or not at all.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Trouble> {
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    check(&step)?;
    let version = version(&step)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        step.execute_batch(migration)?;
    }
    if version < MIGRATIONS.len() as i64 {
        step.pragma_update(None, "application_id", APPLICATION)?;
        step.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    }
    step.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
