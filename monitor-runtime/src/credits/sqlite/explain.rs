//! What SQLite says, in words that say what to do.

use std::path::Path;

use rusqlite::ErrorCode;

use super::super::error::CreditsError;
use super::book::Trouble;

pub(super) fn in_words(path: &Path, trouble: Trouble) -> CreditsError {
    match trouble {
        Trouble::Refused(CreditsError::InvalidStore { why }) => {
            CreditsError::InvalidStore { why: format!("{}: {why}", path.display()) }
        }
        Trouble::Refused(error) => error,
        Trouble::Store(error) => explained(path, &error),
    }
}

pub(super) fn explained(path: &Path, error: &rusqlite::Error) -> CreditsError {
    let path = path.display();
    let cure = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            return CreditsError::InvalidStore { why: format!("{path} is damaged ({error}): restore a backup") };
        }
        // The store refuses what the moves allowed: its numbers are not what they were.
        Some(ErrorCode::ConstraintViolation) => {
            return CreditsError::InvalidStore { why: format!("{path} does not agree with itself ({error})") };
        }
        Some(ErrorCode::OperationInterrupted) => "the ledger was dropped",
        Some(ErrorCode::DiskFull) => "make room on its disk",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "the file and its directory must be writable"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program keeps it locked",
        _ => "look at its disk",
    };
    CreditsError::Unavailable { why: format!("{path}: {error}; {cure}") }
}
