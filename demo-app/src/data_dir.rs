//! The directory where the service keeps its files: nobody else's, and one service's at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use actix_web::cookie::Key;
use rustix::fs::Mode;
use rustix::process::umask;

use crate::{StartError, random};

/// The files in it.
const FILES: [&str; 7] = ["lock", "session.key", "users.db", "credits.db", "captures.owed", "activity", "learned"];

/// An open directory; it is free for another service when this is dropped, or its process ends in whatever way.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing.
    pub(crate) fn open(path: &Path) -> Result<DataDir, StartError> {
        let failed = |source| StartError::DataDir { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let mut mine = OpenOptions::new();
        mine.create(true).truncate(false).write(true).mode(0o600);
        let lock = mine.open(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {
                // An earlier version, or a copy, may have left them readable.
                for name in FILES {
                    for ending in ["", "-wal", "-shm", "-journal", "-lock", ".new"] {
                        close(&path.join(format!("{name}{ending}"))).map_err(failed)?;
                    }
                }
                Ok(DataDir { path: path.to_owned(), _lock: lock })
            }
            Err(TryLockError::WouldBlock) => Err(StartError::DataDirInUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What session cookies are signed with: made at the first start, so that a restart signs nobody out.
    pub(crate) fn session_key(&self) -> Result<Key, StartError> {
        let path = self.file("session.key");
        let failed = |source| StartError::DataDir { path: path.clone(), source };
        let mut key = Vec::new();
        match File::open(&path) {
            Ok(file) => {
                file.take(KEY_LENGTH as u64 + 1).read_to_end(&mut key).map_err(failed)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                key =
                    random::bytes::<KEY_LENGTH>().map_err(|error| failed(io::Error::other(error.to_string())))?.into();
                self.write_whole("session.key", &key).map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        if key.len() != KEY_LENGTH {
            let wrong = format!("it should hold {KEY_LENGTH} bytes; remove it, which signs everybody out");
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, wrong)));
        }
        Ok(Key::from(&key))
    }

    /// Writes a file that is all there or as it was, whenever the process is killed.
    pub(crate) fn write_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.file(&format!("{name}.new"));
        let mut new = OpenOptions::new();
        new.create(true).truncate(true).write(true).mode(0o600);
        let mut file = new.open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.file(name))
    }
}

const KEY_LENGTH: usize = 64;

/// From now on, what this process makes is for its owner alone.
pub(crate) fn keep_to_oneself() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Takes a file from everybody but its owner, whatever it was made with. A link is left alone: it is not ours.
fn close(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => found,
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mode = found.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(mode & 0o700)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_holds_is_for_its_owner_alone_and_one_service_at_a_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("of/the/demo");
        let data = DataDir::open(&path).expect("a new directory");
        let taken = DataDir::open(&path).err().expect("a directory in use");
        assert!(taken.to_string().contains("--data-dir"), "{taken}");

        let key = data.session_key().expect("a key");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&data.file("session.key")), 0o600);
        drop(data);
        let data = DataDir::open(&path).expect("it is free again");
        assert_eq!(data.session_key().expect("the same key").signing(), key.signing());

        // A directory of an earlier version, whose files others can read.
        drop(data);
        for name in ["users.db", "users.db-wal", "users.db-shm", "credits.db", "session.key", "activity"] {
            fs::write(path.join(name), "secret").expect("written");
            fs::set_permissions(path.join(name), Permissions::from_mode(0o644)).expect("set");
        }
        let data = DataDir::open(&path).expect("it is free again");
        for name in ["users.db", "users.db-wal", "users.db-shm", "credits.db", "session.key", "activity"] {
            assert_eq!(mode(&data.file(name)), 0o600, "{name}");
        }

        fs::write(data.file("session.key"), "short").expect("written");
        let wrong = data.session_key().err().expect("a wrong key");
        assert!(wrong.to_string().contains("session.key") && wrong.to_string().contains("64 bytes"), "{wrong}");
    }
}
