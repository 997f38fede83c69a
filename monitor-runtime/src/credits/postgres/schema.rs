//! The tables of a PostgreSQL ledger, by version; a newer version is refused before anything is touched.

use tokio_postgres::types::Type;

use super::super::error::CreditsError;
use super::connection::{Connection, Done};

/// Two processes that start together wait for each other: "mcrl".
const LOCK: i64 = 0x6d63_726c;

/// Each brings the tables from one version to the next; `$schema` stands for the schema.
const MIGRATIONS: &[&str] = &["
    -- Room in each page, so that a change of a balance stays in it and leaves the indexes alone.
    CREATE TABLE $schema.account (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text COLLATE \"C\" NOT NULL UNIQUE,
        available bigint NOT NULL CHECK (available >= 0),
        held bigint NOT NULL CHECK (held >= 0)
    ) WITH (fillfactor = 50);

    -- state: 0 open, 1 captured, 2 voided, 3 expired, 4 captured late
    CREATE TABLE $schema.hold (
        id uuid PRIMARY KEY,
        account bigint NOT NULL REFERENCES $schema.account,
        operation text NOT NULL,
        amount bigint NOT NULL CHECK (amount > 0),
        key text,
        state smallint NOT NULL CHECK (state BETWEEN 0 AND 4),
        captured bigint CHECK (captured BETWEEN 1 AND amount),
        expires_at timestamptz NOT NULL,
        CHECK ((captured IS NOT NULL) = (state IN (1, 4)))
    ) WITH (fillfactor = 80);
    CREATE INDEX hold_open ON $schema.hold (expires_at) WHERE state = 0;

    CREATE TABLE $schema.hold_key (
        account bigint NOT NULL REFERENCES $schema.account,
        operation text COLLATE \"C\" NOT NULL,
        key text COLLATE \"C\" NOT NULL,
        hold uuid NOT NULL REFERENCES $schema.hold,
        PRIMARY KEY (account, operation, key)
    );

    -- kind: 0 grant, 1 hold, 2 capture, 3 void, 4 expire, 5 late capture
    CREATE TABLE $schema.journal (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT statement_timestamp(),
        account bigint NOT NULL REFERENCES $schema.account,
        kind smallint NOT NULL CHECK (kind BETWEEN 0 AND 5),
        hold uuid,
        key text COLLATE \"C\",
        available bigint NOT NULL,
        held bigint NOT NULL,
        available_after bigint NOT NULL CHECK (available_after >= 0),
        CHECK ((kind = 0) = (hold IS NULL)),
        CHECK ((kind = 0) = (key IS NOT NULL))
    );
    CREATE INDEX journal_account ON $schema.journal (account, number);
    CREATE UNIQUE INDEX journal_grant ON $schema.journal (account, key) WHERE kind = 0;
    CREATE UNIQUE INDEX journal_settled ON $schema.journal (hold) WHERE kind IN (2, 3, 4);
    CREATE UNIQUE INDEX journal_late ON $schema.journal (hold) WHERE kind = 5;
    CREATE FUNCTION $schema.journal_stays() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the journal is only added to'; END $$;
    CREATE TRIGGER journal_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON $schema.journal
        FOR EACH STATEMENT EXECUTE FUNCTION $schema.journal_stays();
", "
    -- Every step takes an account's row from that row itself, so a reference cannot be wrong unless the row goes: that is
    -- refused, and no reference is checked in each step, which was a fifth of what the server did for a busy account.
    ALTER TABLE $schema.journal DROP CONSTRAINT journal_account_fkey;
    ALTER TABLE $schema.hold DROP CONSTRAINT hold_account_fkey;
    ALTER TABLE $schema.hold_key DROP CONSTRAINT hold_key_account_fkey, DROP CONSTRAINT hold_key_hold_fkey;
    CREATE FUNCTION $schema.stays() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'accounts and holds are kept for the journal'; END $$;
    CREATE TRIGGER account_stays BEFORE DELETE OR TRUNCATE ON $schema.account
        FOR EACH STATEMENT EXECUTE FUNCTION $schema.stays();
    CREATE TRIGGER hold_stays BEFORE DELETE OR TRUNCATE ON $schema.hold
        FOR EACH STATEMENT EXECUTE FUNCTION $schema.stays();
"];

/// Brings the tables to the newest version, whole or not at all; one process does, the others wait.
pub(super) async fn migrate(client: &mut Connection, schema: &str) -> Done<()> {
    let known = MIGRATIONS.len() as i64;
    // Whoever may use the tables need not be allowed to make any.
    if version(client, schema).await? == Some(known) {
        return Ok(());
    }
    client.begin().await?;
    client.query("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await?;
    let version = version(client, schema).await?.unwrap_or(0);
    if version > known {
        return Err(CreditsError::NewerSchema { found: version, known }.into());
    }
    if version == 0 {
        let begin = format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};
             CREATE TABLE {schema}.version (version bigint NOT NULL);
             INSERT INTO {schema}.version VALUES (0)"
        );
        client.run(&begin).await?;
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        client.run(&migration.replace("$schema", schema)).await?;
    }
    client.run(&format!("UPDATE {schema}.version SET version = {known}")).await?;
    client.commit().await
}

async fn version(client: &Connection, schema: &str) -> Done<Option<i64>> {
    // Not `to_regclass`, which may remember that there was none before the lock was waited for.
    let there = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'version'";
    if client.row(there, &[(&schema, Type::TEXT)]).await?.is_none() {
        return Ok(None);
    }
    let row = client.row(&format!("SELECT version FROM {schema}.version"), &[]).await?;
    match row.map(|row| row.try_get(0)).transpose() {
        Ok(Some(version)) => Ok(Some(version)),
        _ => {
            let why = format!("the schema {schema} is another program's: give the ledger a schema of its own");
            Err(CreditsError::InvalidStore { why }.into())
        }
    }
}
