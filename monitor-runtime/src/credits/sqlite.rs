//! The ledger in a file of this machine: one thread writes, and what many ask at a time it writes in one transaction.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::answer::{Answer, Reply};
use super::error::CreditsError;
use super::ledger::{
    Balance, Captured, Expired, Extended, Grant, Granted, HoldRequest, Ledger, Page, Placed, Totals, Verified, Voided,
};
use super::moves::Micros;
use super::name::{AccountId, HoldId};
use super::process::Process;
use crate::clock::StoreClock;

mod book;
mod schema;

use book::{Book, Trouble};

/// Steps in one transaction at most.
const STEPS_AT_ONCE: usize = 256;
/// Steps that wait at most: holds beyond are refused, so that a slow disk is seen as one.
const STEPS_WAITING: usize = 16_384;
/// How long another program, a backup say, may keep the file to itself.
const BUSY: Duration = Duration::from_secs(5);
/// Holds of a previous life freed in one transaction.
const FREED_AT_ONCE: u32 = 1000;

/// A ledger in a SQLite file; see the [module](super) for what a ledger does.
///
/// One process has it open at a time, which a lock on the file `PATH-lock` sees to; any program may read it meanwhile. A
/// step is on the disk before its answer is there (WAL, `synchronous=FULL`), and steps that come together share a write.
///
/// Opening it frees the holds that its previous life left: nobody is there to settle them. Dropping it waits for the
/// steps that are under way.
pub struct Sqlite {
    path: PathBuf,
    steps: Option<Sender<Box<dyn Step>>>,
    looks: Option<Sender<Look>>,
    waiting: Arc<AtomicUsize>,
    freed: Expired,
    threads: Vec<JoinHandle<()>>,
    /// The one whose threads these are.
    process: Process,
}

/// Something that reads.
type Look = Box<dyn FnOnce(&mut Connection) + Send>;

impl Sqlite {
    /// Opens the ledger in this file, or makes it.
    ///
    /// # Errors
    /// [`Unavailable`](CreditsError::Unavailable) when another process has it open, or it cannot be read and written;
    /// [`InvalidStore`](CreditsError::InvalidStore) when it is damaged or another program's;
    /// [`NewerSchema`](CreditsError::NewerSchema). It is left as it is then.
    pub fn open(path: impl AsRef<Path>) -> Result<Sqlite, CreditsError> {
        Sqlite::open_with_clock(path, StoreClock::system())
    }

    /// [`open`](Self::open), with the clock by which holds expire.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_clock(path: impl AsRef<Path>, clock: StoreClock) -> Result<Sqlite, CreditsError> {
        let path = path.as_ref().to_owned();
        let lock = lock(&path)?;
        let told = |error: &rusqlite::Error| explained(&path, error);
        if path.exists() {
            writable(&path)?;
            // Another program's file, or a newer one, is only read.
            let connection =
                Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
                    .map_err(|error| told(&error))?;
            schema::check(&connection).map_err(|trouble| in_words(&path, trouble))?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(|error| told(&error))?;
        let freed = prepare(&mut connection, clock.now()).map_err(|trouble| in_words(&path, trouble))?;
        let reading = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&path, reading)
            .and_then(|reader| reader.busy_timeout(BUSY).map(|()| reader))
            .map_err(|error| told(&error))?;

        let (steps, asked) = mpsc::channel();
        let (looks, wanted) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = Writer { connection, clock, path: path.clone(), waiting: waiting.clone(), _lock: lock };
        let threads = vec![
            spawn("credits-write", move || writer.run(&asked))?,
            spawn("credits-read", move || read(reader, &wanted))?,
        ];
        Ok(Sqlite { path, steps: Some(steps), looks: Some(looks), waiting, freed, threads, process: Process::this() })
    }

    /// The holds of its previous life that were freed when it was opened.
    #[must_use]
    pub fn freed_at_start(&self) -> Expired {
        self.freed
    }

    /// Lets the file have so many pages, those that it has at least; without a number, as many as it likes.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: Option<u32>) -> Answer<()> {
        self.step(move |book, _| book.limit_pages(pages.unwrap_or(u32::MAX - 1)))
    }

    /// Has the writer take a step.
    fn step<T: Send + 'static>(
        &self,
        take: impl FnMut(&Book<'_>, Micros) -> Result<T, Trouble> + Send + 'static,
    ) -> Answer<T> {
        if let Err(forked) = self.process.check() {
            return Answer::now(Err(forked));
        }
        let (reply, answer) = Answer::sent();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if let Some(steps) = &self.steps {
            // A writer that is gone drops the reply, which says so.
            let _ = steps.send(Box::new(Asked { take, result: None, reply }));
        }
        answer
    }

    /// Has the reader look something up.
    fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Book<'_>) -> Result<T, Trouble> + Send + 'static,
    ) -> Answer<T> {
        if let Err(forked) = self.process.check() {
            return Answer::now(Err(forked));
        }
        let (reply, answer) = Answer::sent();
        let path = self.path.clone();
        let look = move |connection: &mut Connection| {
            // One transaction sees one state.
            let result = connection.transaction().map_err(Trouble::from).and_then(|all| look(&Book::new(&all)));
            reply.send(result.map_err(|trouble| in_words(&path, trouble)));
        };
        if let Some(looks) = &self.looks {
            let _ = looks.send(Box::new(look));
        }
        answer
    }
}

impl Ledger for Sqlite {
    fn grant(&self, grant: Grant) -> Answer<Granted> {
        self.step(move |book, now| book.grant(&grant, now))
    }

    fn hold(&self, request: HoldRequest) -> Answer<Placed> {
        if self.waiting.load(Ordering::Relaxed) >= STEPS_WAITING {
            let why = format!("{} waits for its disk: {STEPS_WAITING} steps are to be written", self.path.display());
            return Answer::now(Err(CreditsError::Unavailable { why }));
        }
        self.step(move |book, now| book.hold(&request, now))
    }

    fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured> {
        self.step(move |book, now| book.capture(hold, amount, now))
    }

    fn void(&self, hold: HoldId) -> Answer<Voided> {
        self.step(move |book, now| book.void(hold, now))
    }

    fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended> {
        self.step(move |book, now| book.extend(hold, lifetime, now))
    }

    fn balance(&self, account: AccountId) -> Answer<Balance> {
        self.look(move |book| book.balance(&account))
    }

    fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
        self.look(move |book| book.history(&account, before, limit))
    }

    fn expire(&self, limit: u32) -> Answer<Expired> {
        self.step(move |book, now| book.expire(limit, now, now))
    }

    fn totals(&self) -> Answer<Totals> {
        self.look(|book| book.totals())
    }

    fn verify(&self) -> Answer<Verified> {
        self.look(|book| book.verify())
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if !self.process.is_this() {
            // Its threads are not in this process, and may have held the queues' locks when it was forked.
            std::mem::forget((self.steps.take(), self.looks.take(), std::mem::take(&mut self.threads)));
            return;
        }
        (self.steps, self.looks) = (None, None);
        for thread in self.threads.drain(..) {
            // It panicked: whoever waited for it has been told.
            let _ = thread.join();
        }
    }
}

/// A step that somebody waits for.
trait Step: Send {
    /// Takes it in a transaction, and keeps what came of it. It may have to be taken again in another.
    fn take(&mut self, book: &Book<'_>, now: Micros) -> Result<(), rusqlite::Error>;

    /// Tells what came of it, or why nothing did.
    fn reply(self: Box<Self>, failed: Option<CreditsError>);
}

struct Asked<T, F> {
    take: F,
    result: Option<Result<T, CreditsError>>,
    reply: Reply<T>,
}

impl<T: Send, F: FnMut(&Book<'_>, Micros) -> Result<T, Trouble> + Send> Step for Asked<T, F> {
    fn take(&mut self, book: &Book<'_>, now: Micros) -> Result<(), rusqlite::Error> {
        self.result = Some(match (self.take)(book, now) {
            Ok(value) => Ok(value),
            Err(Trouble::Refused(error)) => Err(error),
            Err(Trouble::Store(error)) => return Err(error),
        });
        Ok(())
    }

    fn reply(self: Box<Self>, failed: Option<CreditsError>) {
        let result = match (failed, self.result) {
            (None, Some(result)) => result,
            (Some(error), _) => Err(error),
            (None, None) => Err(CreditsError::unavailable("the step was not taken")),
        };
        self.reply.send(result);
    }
}

struct Writer {
    connection: Connection,
    clock: StoreClock,
    path: PathBuf,
    waiting: Arc<AtomicUsize>,
    /// Kept as long as the connection.
    _lock: File,
}

impl Writer {
    fn run(mut self, asked: &Receiver<Box<dyn Step>>) {
        let mut steps = Vec::with_capacity(STEPS_AT_ONCE);
        while let Ok(first) = asked.recv() {
            steps.push(first);
            steps.extend(asked.try_iter().take(STEPS_AT_ONCE - 1));
            self.waiting.fetch_sub(steps.len(), Ordering::Relaxed);
            match self.write(&mut steps) {
                Ok(()) => steps.drain(..).for_each(|step| step.reply(None)),
                // One of them may be at fault: the others must not suffer.
                Err(_) if steps.len() > 1 => {
                    for mut step in steps.drain(..) {
                        let failed = self.write(std::slice::from_mut(&mut step)).err();
                        step.reply(failed.map(|error| explained(&self.path, &error)));
                    }
                }
                Err(error) => steps.drain(..).for_each(|step| step.reply(Some(explained(&self.path, &error)))),
            }
        }
    }

    /// All steps or none.
    fn write(&mut self, steps: &mut [Box<dyn Step>]) -> Result<(), rusqlite::Error> {
        let now = self.clock.now();
        let all = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let book = Book::new(&all);
        for step in steps {
            step.take(&book, now)?;
        }
        all.commit()
    }
}

fn read(mut connection: Connection, wanted: &Receiver<Look>) {
    while let Ok(look) = wanted.recv() {
        look(&mut connection);
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, CreditsError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(CreditsError::unavailable)
}

/// One process at a time; the system frees the lock however the process ends.
fn lock(path: &Path) -> Result<File, CreditsError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let cannot = |error: &dyn fmt::Display| {
        let why = format!("{} cannot be locked: {error}; its directory must be writable", path.display());
        CreditsError::Unavailable { why }
    };
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(name).map_err(|error| cannot(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let why = format!("{} is open in another process: end that one first", path.display());
            Err(CreditsError::Unavailable { why })
        }
        Err(TryLockError::Error(error)) => Err(cannot(&error)),
    }
}

/// SQLite opens a file that it may not write for reading, and leaves files beside it that nobody may write either.
fn writable(path: &Path) -> Result<(), CreditsError> {
    OpenOptions::new().write(true).open(path).map(drop).map_err(|error| {
        let why = format!("{} cannot be written: {error}; the file and its directory must be writable", path.display());
        CreditsError::Unavailable { why }
    })
}

/// Brings the file up to date and frees what its previous life held.
fn prepare(connection: &mut Connection, now: Micros) -> Result<Expired, Trouble> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let why = format!("its journal mode is {mode}, not wal: is it on a network's file system?");
        return Err(Trouble::Refused(CreditsError::InvalidStore { why }));
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // In KiB: what a busy ledger touches stays here, by itself it would be 2 MiB.
    connection.pragma_update(None, "cache_size", -32_768)?;
    // A checkpoint is a pause for all: it comes every 16 MiB, and takes longer then, but its share is less.
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    schema::migrate(connection)?;
    let mut all = Expired::default();
    loop {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let freed = Book::new(&step).expire(FREED_AT_ONCE, Micros::MAX, now)?;
        step.commit()?;
        all.holds += freed.holds;
        all.credits = all.credits.saturating_add(freed.credits);
        if freed.holds < u64::from(FREED_AT_ONCE) {
            return Ok(all);
        }
    }
}

fn in_words(path: &Path, trouble: Trouble) -> CreditsError {
    match trouble {
        Trouble::Refused(CreditsError::InvalidStore { why }) => {
            CreditsError::InvalidStore { why: format!("{}: {why}", path.display()) }
        }
        Trouble::Refused(error) => error,
        Trouble::Store(error) => explained(path, &error),
    }
}

fn explained(path: &Path, error: &rusqlite::Error) -> CreditsError {
    let path = path.display();
    let cure = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            return CreditsError::InvalidStore { why: format!("{path} is damaged ({error}): restore a backup") };
        }
        // The store refuses what the moves allowed: its numbers are not what they were.
        Some(ErrorCode::ConstraintViolation) => {
            return CreditsError::InvalidStore { why: format!("{path} does not agree with itself ({error})") };
        }
        Some(ErrorCode::DiskFull) => "make room on its disk",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "the file and its directory must be writable"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program keeps it locked",
        _ => "look at its disk",
    };
    CreditsError::Unavailable { why: format!("{path}: {error}; {cure}") }
}
