//! The ledger in a file of this machine: one thread writes, and what many ask at a time it writes in one transaction. One
//! reads, and another reads what takes long.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, InterruptHandle, OpenFlags, TransactionBehavior};

use super::answer::Answer;
use super::error::CreditsError;
use super::ledger::{
    Balance, Captured, Expired, Extended, Grant, Granted, HoldRequest, Ledger, Page, Placed, Totals, Verified, Voided,
};
use super::moves::Micros;
use super::name::{AccountId, HoldId};
use super::process::Process;
use crate::clock::StoreClock;

mod book;
mod explain;
mod place;
mod reader;
mod schema;
mod writer;

use book::{Book, Trouble};
use explain::{explained, in_words};
use place::{Claim, Place};
use reader::{Look, read};
use writer::{JOURNAL_KEPT, Task, Writer};

/// Steps that wait at most: holds beyond are refused, so that a slow disk is seen as one.
const STEPS_WAITING: usize = 16_384;
/// How long a step or a look waits while another program keeps the file to itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// Holds of a previous life freed in one transaction.
const FREED_AT_ONCE: u32 = 1000;
/// Pages of the journal from which on each step tries to bring them into the file. A checkpoint is a pause for all: it
/// comes every 16 MiB, and takes longer then, but its share is less.
const CHECKPOINT_PAGES: u32 = 4000;

/// A ledger in a SQLite file; see the [module](super) for what a ledger does.
///
/// One process has it open at a time, under whatever name: the file itself is locked, and the file `PATH-lock` beside it.
/// Any program may read it meanwhile. A step is on the disk before its answer is there (WAL, `synchronous=FULL`), and steps
/// that come together share a write. When another program keeps the file locked, a step is refused after 5 seconds.
///
/// Opening it frees the holds that its previous life left: nobody is there to settle them. Dropping it waits for the
/// steps that are under way, and brings all of them into the file.
///
/// # When the file is taken away
/// If the file or its journal (`PATH-wal`) is deleted or replaced, every step is refused from then on as
/// [`Unavailable`](CreditsError::Unavailable). No step is acknowledged that went into a deleted file. If the file is moved,
/// this is noticed within half a second, and the steps until then are in the moved file. Move it back, and it is used again.
/// The error, [`Ledger::health`] and the log say what happened and how to mend it.
///
/// # Backup
/// While the service runs, the newest steps are in `PATH-wal`, so a copy of the file alone lacks them. Use SQLite's own
/// means, which any program may while the service runs: `sqlite3 PATH ".backup COPY"`, `VACUUM INTO 'COPY'`, or its backup
/// API. After [`Credits::shutdown`](super::Credits::shutdown), or after the ledger was dropped, everything is in the file,
/// and it can be copied.
///
/// # Time
/// The system's clock is read when the ledger is opened; from then on, holds expire and months begin by a steady clock. A
/// ledger never goes back behind the last entry of its journal. When the system's clock is behind it at the start, time goes
/// on from that entry, and the log says so.
pub struct Sqlite {
    path: PathBuf,
    place: Place,
    steps: Option<Sender<Task>>,
    looks: Option<Sender<Look>>,
    long_looks: Option<Sender<Look>>,
    stop_long_look: InterruptHandle,
    waiting: Arc<AtomicUsize>,
    freed: Expired,
    readers: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
    /// The process whose threads these are.
    process: Process,
    /// Given up after the threads have closed the file.
    claim: Option<Claim>,
}

impl Sqlite {
    /// Opens the ledger in this file, or makes it.
    ///
    /// # Errors
    /// [`Unavailable`](CreditsError::Unavailable) when it is open already, or it cannot be read and written;
    /// [`InvalidStore`](CreditsError::InvalidStore) when it is damaged or another program's, has several names (hard links),
    /// or is gone while its journal is there; [`NewerSchema`](CreditsError::NewerSchema). It is left as it is then.
    pub fn open(path: impl AsRef<Path>) -> Result<Sqlite, CreditsError> {
        Sqlite::open_with_clock(path, StoreClock::system())
    }

    /// [`open`](Self::open), with the clock by which holds expire.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_clock(path: impl AsRef<Path>, clock: StoreClock) -> Result<Sqlite, CreditsError> {
        let path = path.as_ref().to_owned();
        place::let_go_of_inherited();
        let (real, claim) = place::claim(&path)?;
        let told = |error: &rusqlite::Error| explained(&path, error);
        // Another program's file, or a newer one, is only read.
        let reading = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&real, reading).map_err(|error| told(&error))?;
        schema::check(&connection).map_err(|trouble| in_words(&path, trouble))?;
        drop(connection);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&real, flags).map_err(|error| told(&error))?;
        let (clock, freed) = prepare(&mut connection, clock).map_err(|trouble| in_words(&path, trouble))?;
        let place = Place::of(&real)?;
        let reader = || {
            let reader = Connection::open_with_flags(&real, reading).map_err(|error| told(&error))?;
            reader.set_prepared_statement_cache_capacity(64);
            Ok::<_, CreditsError>(reader)
        };
        let (short, long) = (reader()?, reader()?);

        let (steps, asked) = mpsc::channel();
        let (looks, wanted) = mpsc::channel();
        let (long_looks, wanted_long) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = Writer::new(connection, clock, path.clone(), place.clone(), waiting.clone());
        let stop_long_look = long.get_interrupt_handle();
        // Each has a channel that is gone should the next not start.
        let writer = spawn("credits-write", move || writer.run(&asked))?;
        let readers = vec![
            spawn("credits-read", move || read(short, &wanted))?,
            spawn("credits-verify", move || read(long, &wanted_long))?,
        ];
        Ok(Sqlite {
            path,
            place,
            steps: Some(steps),
            looks: Some(looks),
            long_looks: Some(long_looks),
            stop_long_look,
            waiting,
            freed,
            readers,
            writer: Some(writer),
            process: Process::this(),
            claim: Some(claim),
        })
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
        if let Err(forked) = self.own_process() {
            return Answer::now(Err(forked));
        }
        let (reply, answer) = Answer::sent();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if let Some(steps) = &self.steps {
            // A writer that is gone drops the reply, which says so.
            let _ = steps.send(Task::step(take, reply, Instant::now() + PATIENCE));
        }
        answer
    }

    /// Has one of the readers look something up.
    fn look<T: Send + 'static>(
        &self,
        reader: Option<&Sender<Look>>,
        look: impl FnOnce(&Book<'_>) -> Result<T, Trouble> + Send + 'static,
    ) -> Answer<T> {
        if let Err(forked) = self.own_process() {
            return Answer::now(Err(forked));
        }
        let (reply, answer) = Answer::sent();
        let (path, place, until) = (self.path.clone(), self.place.clone(), Instant::now() + PATIENCE);
        let look = move |connection: &mut Connection| {
            let looked = || {
                place.look().map_err(|astray| CreditsError::unavailable(astray.why()))?;
                // Another program can keep a reader out too, while it mends what a killed one left.
                let patience = until.saturating_duration_since(Instant::now());
                connection.busy_timeout(patience).map_err(|error| explained(&path, &error))?;
                // One transaction sees one state.
                let result = connection.transaction().map_err(Trouble::from).and_then(|all| look(&Book::new(&all)));
                result.map_err(|trouble| in_words(&path, trouble))
            };
            reply.send(looked());
        };
        if let Some(looks) = reader {
            let _ = looks.send(Box::new(look));
        }
        answer
    }

    /// A forked child has none of the threads, and gives up the locks that it inherited.
    fn own_process(&self) -> Result<(), CreditsError> {
        self.process.check().inspect_err(|_| place::let_go_of_inherited())
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
        self.look(self.looks.as_ref(), move |book| book.balance(&account))
    }

    fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
        self.look(self.looks.as_ref(), move |book| book.history(&account, before, limit))
    }

    fn expire(&self, limit: u32) -> Answer<Expired> {
        self.step(move |book, now| book.expire(limit, now, now))
    }

    fn totals(&self) -> Answer<Totals> {
        self.look(self.looks.as_ref(), |book| book.totals())
    }

    fn verify(&self) -> Answer<Verified> {
        self.look(self.long_looks.as_ref(), |book| book.verify())
    }

    fn health(&self) -> Answer<()> {
        let ended = self.writer.iter().chain(&self.readers).any(JoinHandle::is_finished);
        Answer::now(self.own_process().and_then(|()| {
            if ended {
                return Err(CreditsError::unavailable("a thread of the ledger has ended: start the service again"));
            }
            self.place.look().map(drop).map_err(|astray| CreditsError::unavailable(astray.why()))
        }))
    }

    fn flush(&self) -> Answer<()> {
        if let Err(forked) = self.own_process() {
            return Answer::now(Err(forked));
        }
        let (reply, answer) = Answer::sent();
        if let Some(steps) = &self.steps {
            let _ = steps.send(Task::Flush(reply));
        }
        answer
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if self.own_process().is_err() {
            // Its threads are not in this process, and may have held the queues' locks when it was forked.
            std::mem::forget((self.steps.take(), self.looks.take(), self.long_looks.take()));
            std::mem::forget((std::mem::take(&mut self.readers), self.writer.take(), self.claim.take()));
            return;
        }
        (self.looks, self.long_looks) = (None, None);
        for reader in self.readers.drain(..) {
            while !reader.is_finished() {
                // A verification may take minutes. Only one that has begun can be interrupted, so it is tried again.
                self.stop_long_look.interrupt();
                thread::sleep(Duration::from_millis(1));
            }
            // It panicked: whoever waited for it has been told.
            let _ = reader.join();
        }
        // The last that closes the file brings all into it.
        self.steps = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, CreditsError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(CreditsError::unavailable)
}

/// Brings the file up to date and frees what its previous life held.
fn prepare(connection: &mut Connection, clock: StoreClock) -> Result<(StoreClock, Expired), Trouble> {
    connection.busy_timeout(PATIENCE)?;
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
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_KEPT)?;
    schema::migrate(connection)?;
    let clock = match Book::new(connection).newest()? {
        Some(newest) => clock.not_before(newest),
        None => clock,
    };
    let now = clock.now();
    let mut all = Expired::default();
    loop {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let freed = Book::new(&step).expire(FREED_AT_ONCE, Micros::MAX, now)?;
        step.commit()?;
        all.holds += freed.holds;
        all.credits = all.credits.saturating_add(freed.credits);
        if freed.holds < u64::from(FREED_AT_ONCE) {
            return Ok((clock, all));
        }
    }
}
