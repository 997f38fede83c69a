//! One connection of the pool, and what goes wrong on it.

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;

use super::super::error::CreditsError;

/// Why a step was not taken, or is not known to have been.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is final.
    Refused(CreditsError),
    /// It met another step: taken again, it sees what that one did.
    Met(String),
    /// The connection broke: taken again by the same id, it finds out.
    Broken(String),
}

impl From<CreditsError> for Trouble {
    fn from(error: CreditsError) -> Trouble {
        Trouble::Refused(error)
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Trouble {
        let Some(said) = error.as_db_error() else {
            let mut why = format!("PostgreSQL is not reached: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                why = format!("{why}: {error}");
                cause = error.source();
            }
            return Trouble::Broken(why);
        };
        let (code, why) = (said.code(), format!("PostgreSQL says: {}", said.message()));
        let met = [SqlState::UNIQUE_VIOLATION, SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
        let broken =
            [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT];
        // The store refuses what the moves allowed, or is not what the last migration made.
        let invalid = [
            SqlState::CHECK_VIOLATION,
            SqlState::NOT_NULL_VIOLATION,
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_COLUMN,
            SqlState::DATA_CORRUPTED,
            SqlState::INDEX_CORRUPTED,
        ];
        if met.contains(code) {
            Trouble::Met(why)
        } else if broken.contains(code) {
            Trouble::Broken(why)
        } else if invalid.contains(code) {
            Trouble::Refused(CreditsError::InvalidStore { why })
        } else {
            Trouble::Refused(CreditsError::Unavailable { why })
        }
    }
}

/// A connection. One whose step did not end is not used again: what it will still say is not known.
pub(super) struct Connection {
    object: Option<Object>,
    ended: bool,
}

impl Connection {
    pub(super) fn new(object: Object) -> Connection {
        Connection { object: Some(object), ended: false }
    }

    pub(super) fn ended<T>(&mut self, result: Result<T, Trouble>) -> Result<T, Trouble> {
        self.ended = !matches!(result, Err(Trouble::Broken(_)));
        result
    }
}

impl std::ops::Deref for Connection {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.object.as_ref().expect("a connection has its object until it is dropped")
    }
}

impl std::ops::DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Object {
        self.object.as_mut().expect("a connection has its object until it is dropped")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && !self.ended
        {
            drop(Object::take(object));
        }
    }
}
