//! Where a ledger's file is: who has it, under whatever name, and whether it is still there.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::error::CreditsError;
use super::super::process::Process;

/// Which file it is, whatever its name.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FileId {
    device: u64,
    inode: u64,
}

/// Which file it is, by the only name that the standard library has for it here.
#[cfg(not(unix))]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FileId(PathBuf);

#[cfg(unix)]
fn id_of(_: &Path, metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;

    FileId { device: metadata.dev(), inode: metadata.ino() }
}

#[cfg(not(unix))]
fn id_of(path: &Path, _: &Metadata) -> FileId {
    FileId(path.to_owned())
}

#[cfg(unix)]
fn names(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn names(_: &Metadata) -> u64 {
    1
}

/// The files that this process has open.
///
/// Asked before a file is opened: POSIX takes all of a process's locks of a file away as soon as the process closes it
/// anywhere, and SQLite has such locks.
static CLAIMED: Mutex<Option<HashMap<FileId, Claimed>>> = Mutex::new(None);

struct Claimed {
    process: Process,
    /// The lock beside the file.
    beside: Option<File>,
    /// The file, locked where its lock is none of SQLite's; and its journal.
    files: Vec<File>,
}

fn claimed() -> MutexGuard<'static, Option<HashMap<FileId, Claimed>>> {
    CLAIMED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that this process alone has, as long as this lives. It is dropped after SQLite has closed the file.
#[derive(Debug)]
pub(super) struct Claim(FileId);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(all) = &mut *claimed() {
            all.remove(&self.0);
        }
    }
}

/// In a forked child: closes the locks that it inherited, so that they end with the process that has them. The files stay
/// claimed, because SQLite keeps in memory what its locks were.
pub(super) fn let_go_of_inherited() {
    // Whoever had it locked when the process was forked does not unlock it here.
    let Ok(mut all) = CLAIMED.try_lock() else { return };
    for claimed in all.iter_mut().flat_map(HashMap::values_mut) {
        if !claimed.process.is_this() {
            claimed.beside = None;
            claimed.files.clear();
        }
    }
}

/// Takes the file for this process, and makes it if need be.
pub(super) fn claim(path: &Path) -> Result<(PathBuf, Claim), CreditsError> {
    let cannot = |error: &dyn fmt::Display| {
        let why = format!("{} cannot be locked: {error}; its directory must be writable", path.display());
        CreditsError::Unavailable { why }
    };
    let unwritable = |error: &dyn fmt::Display| {
        let path = path.display();
        let why = format!("{path} cannot be written: {error}; the file and its directory must be writable");
        CreditsError::Unavailable { why }
    };
    let real = real(path, 0).map_err(|error| cannot(&error))?;
    let mut all = claimed();
    let all = all.get_or_insert_default();
    let there = match fs::metadata(&real) {
        Ok(metadata) => {
            vacant(all, path, &id_of(&real, &metadata))?;
            if metadata.is_file() && names(&metadata) > 1 {
                return Err(several_names(path, names(&metadata)));
            }
            metadata.len() > 0
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(unwritable(&error)),
    };
    let journal = with_suffix(&real, "-wal");
    if !there && fs::metadata(&journal).is_ok_and(|metadata| metadata.len() > 0) {
        let (path, journal) = (path.display(), journal.display());
        let why = format!(
            "{path} is gone or empty, and its journal {journal} is there: put the file back or restore a backup; to begin \
             anew, move the journal away"
        );
        return Err(CreditsError::InvalidStore { why });
    }
    // A process of an earlier version looks at this lock alone.
    let beside = OpenOptions::new().create(true).truncate(false).write(true).open(with_suffix(&real, "-lock"));
    let beside = beside.map_err(|error| cannot(&error))?;
    take(&beside, path)?;
    // SQLite opens a file that it may not write for reading, and leaves files beside it that cannot be written either.
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&real);
    let file = file.map_err(|error| unwritable(&error))?;
    let metadata = file.metadata().map_err(|error| unwritable(&error))?;
    let id = id_of(&real, &metadata);
    if let Err(error) = vacant(all, path, &id) {
        // It came to this name a moment ago. Closed, it would lose the locks of the one that has it.
        std::mem::forget(file);
        return Err(error);
    }
    let files = if cfg!(any(target_os = "linux", target_os = "android")) {
        // Here the locks of files and those of SQLite, of bytes, do not see each other.
        take(&file, path)?;
        vec![file]
    } else {
        Vec::new()
    };
    all.insert(id.clone_id(), Claimed { process: Process::this(), beside: Some(beside), files });
    Ok((real, Claim(id)))
}

impl FileId {
    /// A path where there are no numbers.
    #[cfg_attr(unix, expect(clippy::clone_on_copy, reason = "it is a path elsewhere"))]
    fn clone_id(&self) -> FileId {
        self.clone()
    }
}

fn vacant(all: &HashMap<FileId, Claimed>, path: &Path, id: &FileId) -> Result<(), CreditsError> {
    let Some(claimed) = all.get(id) else { return Ok(()) };
    let path = path.display();
    let why = if claimed.process.is_this() {
        format!("{path} is open in this process already: share that ledger, or drop it first")
    } else {
        format!(
            "{path} was open before a fork, and SQLite cannot open it again in the child: open it after the fork, or start \
             another program"
        )
    };
    Err(CreditsError::Unavailable { why })
}

fn several_names(path: &Path, names: u64) -> CreditsError {
    let path = path.display();
    let why = format!(
        "{path} has {names} names (hard links), and SQLite's journal belongs to one of them: what is written under one name \
         is lost under another. Keep one name; copy the file where you need a second"
    );
    CreditsError::InvalidStore { why }
}

/// The system frees the lock however the process ends.
fn take(file: &File, path: &Path) -> Result<(), CreditsError> {
    let path = path.display();
    let why = match file.try_lock() {
        Ok(()) => return Ok(()),
        Err(TryLockError::WouldBlock) => {
            format!("{path} is open in another process, maybe under another name: end that one first")
        }
        Err(TryLockError::Error(error)) => format!("{path} cannot be locked: {error}"),
    };
    Err(CreditsError::Unavailable { why })
}

/// The path without symbolic links, of a file that need not be there.
fn real(path: &Path, followed: u32) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && followed < 40 => {}
        known => return known,
    }
    let directory = match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    if let Ok(target) = fs::read_link(path) {
        return real(&directory.join(target), followed + 1);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(fs::canonicalize(directory)?.join(name))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The file and what SQLite keeps beside it, as they were when they were opened.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
    id: FileId,
    journal: PathBuf,
    journal_id: FileId,
    index: PathBuf,
    index_id: FileId,
}

/// Why the files are not where they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Astray {
    /// The file itself.
    File(String),
    /// What SQLite keeps beside it; what is in there can still be brought into the file.
    Journal(String),
}

impl Astray {
    pub(super) fn why(&self) -> &str {
        match self {
            Astray::File(why) | Astray::Journal(why) => why,
        }
    }
}

impl Place {
    /// The place of a file that SQLite has open.
    pub(super) fn of(path: &Path) -> Result<Place, CreditsError> {
        let found = |path: PathBuf| {
            let metadata = fs::metadata(&path).map_err(|error| {
                let why = format!("{} is gone as soon as it was opened: {error}", path.display());
                CreditsError::Unavailable { why }
            })?;
            let id = id_of(&path, &metadata);
            Ok::<_, CreditsError>((path, id))
        };
        let (path, id) = found(path.to_owned())?;
        let (journal, journal_id) = found(with_suffix(&path, "-wal"))?;
        let (index, index_id) = found(with_suffix(&path, "-shm"))?;
        // SQLite's locks are not of the journal: it may be closed at any time.
        if let Ok(journal) = File::open(&journal)
            && let Some(claimed) = claimed().as_mut().and_then(|all| all.get_mut(&id))
        {
            claimed.files.push(journal);
        }
        Ok(Place { path, id, journal, journal_id, index, index_id })
    }

    /// Whether the file and its journal have a name still: what is written to one without is lost. It costs less than
    /// [`look`](Self::look), and does not see what was moved, which is not lost.
    pub(super) fn is_kept(&self) -> bool {
        let all = claimed();
        let claimed = all.as_ref().and_then(|all| all.get(&self.id));
        claimed.is_some_and(|claimed| {
            claimed.files.iter().all(|file| file.metadata().is_ok_and(|metadata| names(&metadata) > 0))
        })
    }

    /// Whether all is where it was. Then it gives the length of the journal, in bytes.
    pub(super) fn look(&self) -> Result<u64, Astray> {
        let file = |why: &str| Astray::File(format!("{} {why}{}", self.path.display(), self.whereabouts()));
        match fs::metadata(&self.path) {
            Ok(metadata) if id_of(&self.path, &metadata) != self.id => {
                return Err(file("was replaced by another file while it was open"));
            }
            Ok(metadata) if metadata.len() == 0 => return Err(file("was emptied while it was open")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(file("was deleted or moved away while it was open"));
            }
            Err(error) => return Err(file(&format!("cannot be seen any more ({error})"))),
        }
        let journal = part(&self.journal, &self.journal_id)?;
        part(&self.index, &self.index_id)?;
        Ok(journal)
    }

    /// Where its content is now, and what to do.
    fn whereabouts(&self) -> String {
        let files = claimed();
        let mine = files.as_ref().and_then(|all| all.get(&self.id)).and_then(|claimed| claimed.files.first());
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(file) = mine
            && let Ok(metadata) = file.metadata()
            && metadata.len() > 0
        {
            use std::os::fd::AsRawFd;

            let content = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
            return match fs::read_link(&content) {
                Ok(now) if names(&metadata) > 0 => {
                    format!(": it is {} now. Move it back, and the ledger goes on", now.display())
                }
                _ => format!(
                    ": copy {content} while this process runs, then end the process, put the copy in its place and \
                     start it again"
                ),
            };
        }
        let _ = mine;
        ": put it back, or end the process and restore a backup".to_owned()
    }
}

fn part(path: &Path, id: &FileId) -> Result<u64, Astray> {
    let what = match fs::metadata(path) {
        Ok(metadata) if id_of(path, &metadata) == *id => return Ok(metadata.len()),
        Ok(_) => "was replaced by another file while it was open".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            "was deleted or moved away while it was open".to_owned()
        }
        Err(error) => format!("cannot be seen any more ({error})"),
    };
    Err(Astray::Journal(format!("{} {what}: end the process and start it again", path.display())))
}
