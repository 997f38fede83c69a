//! The file that a process keeps its state in, and why that, or bytes from elsewhere, are of no use.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The form of the bytes.
pub(super) const VERSION: u32 = 1;

/// Why bytes, or a file of them, are of no use.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateError {
    /// They are cut off, changed, or something else altogether; or they were made under another key.
    Damaged,
    /// They were made by another version of this crate, in another form.
    Version(u32),
    /// They were made under another key: a user has another hash there.
    OtherKey,
    /// There is no file to save to: [`Builder::state_file`](super::Builder::state_file) names none.
    NoFile,
    /// The file cannot be read or written.
    Io(io::Error),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Damaged => f.write_str("the saved windows are damaged"),
            StateError::Version(version) => write!(f, "the saved windows are of version {version}, not {VERSION}"),
            StateError::OtherKey => f.write_str("the saved windows were made under another key"),
            StateError::NoFile => f.write_str("there is no file to save the windows to"),
            StateError::Io(error) => write!(f, "the file of the windows: {error}"),
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StateError::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// The file that a process keeps its state in.
pub(super) struct StateFile {
    path: PathBuf,
    /// One writes at a time.
    writing: Mutex<()>,
}

impl StateFile {
    pub(super) fn new(path: PathBuf) -> StateFile {
        StateFile { path, writing: Mutex::new(()) }
    }

    /// All or nothing: a new file takes the old one's place.
    pub(super) fn save(&self, bytes: &[u8]) -> Result<(), StateError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut beside = self.path.clone().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        let write = || {
            let mut file = fs::File::create(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        };
        write().map_err(|error| {
            // It may not be there, and who cares for it is told of the first error.
            let _ = fs::remove_file(&beside);
            StateError::Io(error)
        })
    }

    /// `None` when there is none yet.
    pub(super) fn load(&self) -> Result<Option<Vec<u8>>, StateError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StateError::Io(error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
