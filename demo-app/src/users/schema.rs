//! The tables of the users. Nothing in them lets whoever reads them sign in: passwords are hashed, tokens and sessions
//! are kept as digests.

/// The version of the tables here.
pub(super) const VERSION: u32 = 1;

pub(super) const SQLITE: &str = "
    CREATE TABLE users (
        name TEXT PRIMARY KEY,
        password_hash TEXT NOT NULL
    ) STRICT;
    CREATE TABLE tokens (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL REFERENCES users (name)
    ) STRICT;
    CREATE INDEX tokens_of_a_user ON tokens (name, id);
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        expires_s INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_expiry ON sessions (expires_s);
";

/// Several instances may run it at once: one of them does it.
pub(super) const POSTGRES: &str = "
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
";
