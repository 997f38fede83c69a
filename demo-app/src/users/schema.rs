//! The tables of the users. Nothing in them lets whoever reads them sign in: passwords are hashed, tokens and sessions
//! are kept as digests.

/// The version of the tables here.
pub(super) const VERSION: u32 = 2;

pub(super) const SQLITE: &str = "
    CREATE TABLE users (
        name TEXT PRIMARY KEY,
        password_hash TEXT NOT NULL
    ) STRICT;
    CREATE TABLE tokens (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL REFERENCES users (name),
        issued_s INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX tokens_of_a_user ON tokens (name, id);
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        expires_s INTEGER NOT NULL,
        name TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE INDEX sessions_by_expiry ON sessions (expires_s);
    CREATE INDEX sessions_of_a_user ON sessions (name, id);
";

/// From version 1, which knew sessions by their state alone.
pub(super) const SQLITE_FROM_1: &str = r#"
    ALTER TABLE tokens ADD COLUMN issued_s INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sessions ADD COLUMN name TEXT NOT NULL DEFAULT '';
    UPDATE sessions SET name = coalesce(trim(json_extract(state, '$."actix_identity.user_id"'), '"'), '');
    CREATE INDEX sessions_of_a_user ON sessions (name, id);
"#;

/// Several instances may run it at once: one of them does it.
pub(super) const POSTGRES: &str = r#"
    SELECT pg_advisory_xact_lock(713264021);
    CREATE TABLE IF NOT EXISTS demo_schema (version INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS demo_users (
        name TEXT PRIMARY KEY,
        password_hash TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS demo_tokens (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL REFERENCES demo_users (name)
    );
    CREATE INDEX IF NOT EXISTS demo_tokens_of_a_user ON demo_tokens (name, id);
    CREATE TABLE IF NOT EXISTS demo_sessions (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        expires_s BIGINT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS demo_sessions_by_expiry ON demo_sessions (expires_s);
    INSERT INTO demo_schema (version) SELECT 1 WHERE NOT EXISTS (SELECT FROM demo_schema);
    DO $$ BEGIN
        IF (SELECT version FROM demo_schema) = 1 THEN
            ALTER TABLE demo_tokens ADD COLUMN issued_s BIGINT NOT NULL DEFAULT 0;
            ALTER TABLE demo_sessions ADD COLUMN name TEXT NOT NULL DEFAULT '';
            UPDATE demo_sessions
                SET name = coalesce(trim(both '"' from state::jsonb ->> 'actix_identity.user_id'), '');
            CREATE INDEX demo_sessions_of_a_user ON demo_sessions (name, id);
            UPDATE demo_schema SET version = 2;
        END IF;
    END $$;
"#;

/// The oldest session of the user who has the most: the sessions of one user sign no other user out.
pub(super) const IN_EXCESS: &str = "
    SELECT min(id) FROM sessions WHERE name = (
        SELECT name FROM sessions GROUP BY name ORDER BY count(*) DESC, min(id) LIMIT 1
    )
";
