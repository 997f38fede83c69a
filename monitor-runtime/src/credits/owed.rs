//! Captures that the ledger owes an answer for, in a file of this machine: written and fsynced before an answer leaves
//! whose capture the ledger has not taken, and read again at the next start. On the usual way nothing is written.
//!
//! ```text
//! monitor-runtime credits owed 1
//! owed <hold> <amount> <account> <operation> <check>        fields apart by tabs, which no name has
//! done <hold> <check>
//! ```
//! A line that was cut by a crash at the end of the file was never acknowledged and goes; anything else that is not as
//! written is told as damage. When nothing is owed the file is cut down to its first line.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use uuid::Uuid;

use super::answer::{Answer, Reply};
use super::error::CreditsError;
use super::name::{AccountId, HoldId, Operation};

const HEAD: &str = "monitor-runtime credits owed 1\n";
/// Every version begins like this.
const HEAD_OF_ANY: &str = "monitor-runtime credits owed ";
/// Lines that share a write and an fsync at most.
const AT_ONCE: usize = 1024;
/// How often the lock of a process that is just ending is tried, and the pause between.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A capture that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) hold: HoldId,
    pub(super) account: AccountId,
    pub(super) operation: Operation,
    pub(super) amount: i64,
}

/// The file, open and locked, with what a previous life left in it.
#[derive(Debug)]
pub(super) struct OwedFile {
    file: File,
    path: PathBuf,
    owed: Vec<Owed>,
}

/// Where captures that are owed are written: by a thread of its own, many with one fsync.
#[derive(Debug)]
pub(super) struct OwedLog(Sender<Line>);

#[derive(Debug)]
enum Line {
    Owed(Owed, Reply<()>),
    Done(HoldId),
}

impl OwedFile {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path) -> Result<OwedFile, CreditsError> {
        let cannot = |error: io::Error| CreditsError::unavailable(format!("{}: {error}", path.display()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // It names accounts.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(cannot)?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(cannot)?;
        let wrong = |why: String| CreditsError::InvalidStore { why: format!("{} {why}", path.display()) };
        let (owed, sound) = read(&bytes).map_err(wrong)?;
        let mut file = OwedFile { file, path: path.to_owned(), owed };
        file.tidy(bytes.len(), sound).map_err(cannot)?;
        Ok(file)
    }

    /// Takes what a crash cut off the end, and what is not needed any more; after it the file is on the disk, with its name.
    fn tidy(&mut self, length: usize, sound: usize) -> io::Result<()> {
        if sound < length {
            tracing::warn!(path = %self.path.display(), bytes = length - sound, "a line cut by a crash was taken away");
        }
        if sound == 0 || self.owed.is_empty() {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(HEAD.as_bytes())?;
        } else {
            self.file.set_len(sound as u64)?;
        }
        self.file.sync_all()?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // A folder cannot be synced everywhere; where it can, the file's name is then on the disk.
        if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    /// What is owed from a previous life.
    pub(super) fn owed(&self) -> &[Owed] {
        &self.owed
    }

    /// Starts the thread that writes.
    ///
    /// # Panics
    /// When the system has no thread left.
    pub(super) fn start(self) -> OwedLog {
        let (lines, waiting) = mpsc::channel();
        thread::Builder::new()
            .name("credits-owed".to_owned())
            .spawn(move || write(self, &waiting))
            .expect("the system has a thread for what is owed");
        OwedLog(lines)
    }
}

impl OwedLog {
    /// Writes down that this is owed; the answer is there when it is on the disk.
    pub(super) fn owes(&self, owed: Owed) -> Answer<()> {
        let (reply, answer) = Answer::sent();
        // A thread that is gone drops the reply.
        let _ = self.0.send(Line::Owed(owed, reply));
        answer
    }

    /// It is owed no longer.
    pub(super) fn done(&self, hold: HoldId) {
        let _ = self.0.send(Line::Done(hold));
    }
}

/// The thread: each round of lines is written and fsynced together.
fn write(file: OwedFile, waiting: &Receiver<Line>) {
    let OwedFile { mut file, path, owed } = file;
    let mut open: HashMap<HoldId, Owed> = owed.into_iter().map(|owed| (owed.hold, owed)).collect();
    let mut end = file.metadata().map_or(HEAD.len() as u64, |data| data.len());
    while let Ok(first) = waiting.recv() {
        let (mut text, mut replies) = (String::new(), Vec::new());
        for line in std::iter::once(first).chain(waiting.try_iter().take(AT_ONCE - 1)) {
            match line {
                Line::Owed(owed, reply) => {
                    text.push_str(&owed_line(&owed));
                    open.insert(owed.hold, owed);
                    replies.push(reply);
                }
                Line::Done(hold) => {
                    if open.remove(&hold).is_some() {
                        text.push_str(&done_line(hold));
                    }
                }
            }
        }
        if text.is_empty() {
            continue;
        }
        let written = if open.is_empty() && replies.is_empty() {
            end = HEAD.len() as u64;
            file.set_len(end).and_then(|()| file.sync_data())
        } else {
            append(&mut file, &mut end, &text)
        };
        match written {
            Ok(()) => replies.into_iter().for_each(|reply| reply.send(Ok(()))),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "captures that are owed cannot be written down");
                let why = format!("{}: {error}", path.display());
                replies.into_iter().for_each(|reply| reply.send(Err(CreditsError::unavailable(&why))));
            }
        }
    }
}

/// Adds text where the last round ended. What a failed round left behind is written over, or cut off.
fn append(file: &mut File, end: &mut u64, text: &str) -> io::Result<()> {
    let written =
        file.seek(SeekFrom::Start(*end)).and_then(|_| file.write_all(text.as_bytes())).and_then(|()| file.sync_data());
    match written {
        Ok(()) => *end += text.len() as u64,
        Err(_) => {
            let _ = file.set_len(*end);
        }
    }
    written
}

fn lock(file: &File, path: &Path) -> Result<(), CreditsError> {
    for tries in 0.. {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                let why = format!("{} is used by another process: give each process a file of its own", path.display());
                return Err(CreditsError::Unavailable { why });
            }
            Err(TryLockError::Error(error)) => {
                return Err(CreditsError::unavailable(format!("{} cannot be locked: {error}", path.display())));
            }
        }
    }
    Ok(())
}

fn owed_line(owed: &Owed) -> String {
    let Owed { hold, account, operation, amount } = owed;
    checked(&format!("owed\t{}\t{amount}\t{account}\t{operation}", hold.uuid()))
}

fn done_line(hold: HoldId) -> String {
    checked(&format!("done\t{}", hold.uuid()))
}

fn checked(line: &str) -> String {
    format!("{line}\t{:016x}\n", check(line))
}

/// FNV-1a of 64 bits: it finds a line that a crash cut or mixed up, and that is all that is asked of it.
fn check(line: &str) -> u64 {
    line.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

enum Found {
    Owed(Owed),
    Done(HoldId),
}

/// What is owed by these bytes, and how many of them are sound.
fn read(bytes: &[u8]) -> Result<(Vec<Owed>, usize), String> {
    let Some(lines) = bytes.strip_prefix(HEAD.as_bytes()) else {
        // A crash while the file was made.
        if HEAD.as_bytes().starts_with(bytes) {
            return Ok((Vec::new(), 0));
        }
        if bytes.starts_with(HEAD_OF_ANY.as_bytes()) {
            return Err("was written by a newer version of this library: update the program".to_owned());
        }
        return Err("is another program's file: name one that is not there yet".to_owned());
    };
    let (mut owed, mut at) = (BTreeMap::new(), HEAD.len());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        match line_of(line) {
            Some(Found::Owed(one)) => drop(owed.insert(one.hold, one)),
            Some(Found::Done(hold)) => drop(owed.remove(&hold)),
            // Cut while it was written, so it was never acknowledged.
            None if !line.ends_with(b"\n") => break,
            None => return Err(format!("is damaged at byte {at}: keep a copy of it, and take that line out by hand")),
        }
        at += line.len();
    }
    Ok((owed.into_values().collect(), at))
}

fn line_of(line: &[u8]) -> Option<Found> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (line, sum) = line.rsplit_once('\t')?;
    if u64::from_str_radix(sum, 16) != Ok(check(line)) {
        return None;
    }
    let mut fields = line.split('\t');
    let (kind, hold) = (fields.next()?, HoldId::from(Uuid::from_str(fields.next()?).ok()?));
    let read = match kind {
        "owed" => {
            let amount = fields.next()?.parse().ok().filter(|amount| *amount > 0)?;
            let account = AccountId::new(fields.next()?).ok()?;
            let operation = Operation::new(fields.next()?).ok()?;
            Found::Owed(Owed { hold, account, operation, amount })
        }
        "done" => Found::Done(hold),
        _ => return None,
    };
    fields.next().is_none().then_some(read)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::fs;

    use super::*;

    fn owed(account: &str, amount: i64) -> Owed {
        let operation = Operation::new("a report, \u{1f4b3}").expect("a name");
        Owed { hold: HoldId::new(), account: AccountId::new(account).expect("a name"), operation, amount }
    }

    /// What a process of its own would find.
    fn found(path: &Path) -> Vec<Owed> {
        OwedFile::open(path).expect("a file").owed().to_vec()
    }

    #[test]
    fn what_is_owed_is_there_again_and_what_is_done_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("owed");
        let (ada, bob, eve) = (owed("ada", 5), owed("bob b. \u{e9}", i64::MAX), owed("eve", 1));
        let log = OwedFile::open(&path).expect("a file").start();
        for one in [&ada, &bob, &eve] {
            assert_eq!(log.owes(one.clone()).wait(), Ok(()));
        }
        log.done(bob.hold);
        // One that was never owed changes nothing, and one that is told twice is owed once.
        log.done(HoldId::new());
        assert_eq!(log.owes(ada.clone()).wait(), Ok(()));
        drop(log);
        assert_eq!(found(&path), [ada.clone(), eve.clone()]);
        let log = OwedFile::open(&path).expect("a file").start();
        log.done(ada.hold);
        log.done(eve.hold);
        drop(log);
        assert_eq!(found(&path), []);
        assert_eq!(fs::read_to_string(&path).expect("a file"), HEAD, "nothing is owed, so nothing is kept");
    }

    #[test]
    fn a_file_cut_at_any_byte_has_every_whole_line_before_the_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("owed");
        let all: Vec<_> = (1..4).map(|amount| owed(&format!("account {amount} \u{e9}"), amount)).collect();
        let mut text = HEAD.to_owned();
        let mut ends = Vec::new();
        for one in &all {
            text.push_str(&owed_line(one));
            ends.push(text.len());
        }
        text.push_str(&done_line(all[0].hold));
        for cut in 0..=text.len() {
            fs::write(&path, &text.as_bytes()[..cut]).expect("a file");
            let mut whole: Vec<_> = all.iter().zip(&ends).filter(|(_, end)| **end <= cut).map(|(one, _)| one).collect();
            if cut == text.len() {
                whole.remove(0);
            }
            let first = found(&path);
            assert_eq!(first.iter().collect::<Vec<_>>(), whole, "cut at {cut}");
            // It can be written to again, after the cut.
            let log = OwedFile::open(&path).expect("a file").start();
            let more = owed("more", 7);
            log.owes(more.clone()).wait().expect("written");
            drop(log);
            assert_eq!(found(&path), [first, vec![more]].concat(), "cut at {cut}");
        }
    }

    #[test]
    fn a_byte_that_changed_is_told_and_never_read_as_another_amount() {
        let (first, second) = (owed("ada", 5), owed("bob", 7));
        let text = format!("{HEAD}{}{}", owed_line(&first), owed_line(&second));
        for at in HEAD.len()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            match read(&bytes) {
                Err(why) => assert!(why.contains("is damaged at byte"), "{why}"),
                // As if the last line had been cut there.
                Ok((owed, _)) => assert_eq!((at, owed), (text.len() - 1, vec![first.clone()])),
            }
        }
    }

    #[test]
    fn another_file_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("owed");
        for (text, why) in [
            ("a shopping list\n", "another program's file"),
            ("SQLite format 3\0", "another program's file"),
            ("monitor-runtime credits owed 2\nsomething", "newer version"),
        ] {
            fs::write(&path, text).expect("a file");
            let error = OwedFile::open(&path).expect_err("not ours").to_string();
            assert!(error.contains(why) && error.contains("owed"), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("a file"), text);
        }
        let error = OwedFile::open(&folder.path().join("no folder").join("owed")).expect_err("no folder");
        assert!(error.to_string().contains("no folder"), "{error}");
    }

    #[test]
    fn one_process_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("owed");
        let _first = OwedFile::open(&path).expect("a file");
        let error = OwedFile::open(&path).expect_err("it is taken");
        assert!(error.to_string().contains("another process"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        // A device that is always full.
        let Ok(file) = OpenOptions::new().read(true).write(true).open("/dev/full") else { return };
        let log = OwedFile { file, path: PathBuf::from("full"), owed: Vec::new() }.start();
        for _ in 0..2 {
            let error = log.owes(owed("ada", 5)).wait().expect_err("the disk is full");
            assert!(error.is_unavailable() && error.to_string().contains("space"), "{error}");
        }
    }
}
