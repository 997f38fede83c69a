//! Why the store of users, tokens and sessions did not do what it should; what a client is told of it is in `problem`.

use std::fmt;

/// Why the store did not do what it should.
#[derive(Debug)]
pub(crate) enum StoreError {
    Sqlite(rusqlite::Error),
    Postgres(tokio_postgres::Error),
    /// The tables are of a version that this program does not know.
    Newer {
        found: u32,
        /// The newest that it knows.
        known: u32,
    },
    /// No connection, or the thread that worked on it, is there; or it does not answer in time.
    Lost,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Sqlite(error) => error.fmt(f),
            // The outer error says where, its source what.
            StoreError::Postgres(error) => match std::error::Error::source(error) {
                Some(source) => write!(f, "{error}: {source}"),
                None => error.fmt(f),
            },
            StoreError::Newer { found, known } => {
                write!(f, "its tables are of a newer version ({found}) than this program knows ({known})")
            }
            StoreError::Lost => f.write_str("there is no connection to it, or no answer"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError::Sqlite(error)
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> StoreError {
        StoreError::Postgres(error)
    }
}
