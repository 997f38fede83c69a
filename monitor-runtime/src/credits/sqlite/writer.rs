//! The thread that writes: steps that come together share a transaction, and none waits longer than its patience.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::super::answer::Reply;
use super::super::error::CreditsError;
use super::super::moves::Micros;
use super::book::{Book, Trouble};
use super::explain::explained;
use super::place::{Astray, Place};
use crate::clock::StoreClock;

/// Bytes of the journal that are kept for what comes next; what is beyond goes back to the disk.
pub(super) const JOURNAL_KEPT: u32 = 24 << 20;
/// Steps in one transaction at most.
const STEPS_AT_ONCE: usize = 256;
/// How long one try waits for another program. Between two of them, steps that have waited long enough are told.
const BUSY: Duration = Duration::from_millis(50);
/// How often the file is looked at when nothing is written.
const TICK: Duration = Duration::from_millis(500);
/// How often it is looked at when steps are written: after each of them alone, whether the file was deleted.
const LOOK: Duration = Duration::from_millis(100);
/// How long a flush waits for programs that read.
const PATIENCE_TO_FLUSH: Duration = Duration::from_secs(1);

/// What the writer is asked.
pub(super) enum Task {
    /// A step, and until when it is tried while the file is locked.
    Step(Box<dyn Step>, Instant),
    /// To bring everything into the file itself.
    Flush(Reply<()>),
}

impl Task {
    pub(super) fn step<T: Send + 'static>(
        take: impl FnMut(&Book<'_>, Micros) -> Result<T, Trouble> + Send + 'static,
        reply: Reply<T>,
        until: Instant,
    ) -> Task {
        Task::Step(Box::new(Asked { take, result: None, reply }), until)
    }
}

/// A step that somebody waits for.
pub(super) trait Step: Send {
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

type Waiting = (Box<dyn Step>, Instant);

pub(super) struct Writer {
    connection: Connection,
    clock: StoreClock,
    path: PathBuf,
    place: Place,
    /// Steps that were asked for and are not being taken yet.
    waiting: Arc<AtomicUsize>,
    tasks: VecDeque<Task>,
    /// The transaction's, kept for its memory.
    batch: Vec<Waiting>,
    /// Why the file cannot be used, as it was logged.
    astray: Option<Astray>,
    journal_bytes: u64,
    looked: Instant,
    tended: Instant,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        clock: StoreClock,
        path: PathBuf,
        place: Place,
        waiting: Arc<AtomicUsize>,
    ) -> Writer {
        let (tasks, batch) = (VecDeque::new(), Vec::with_capacity(STEPS_AT_ONCE));
        let (looked, tended) = (Instant::now(), Instant::now());
        Writer { connection, clock, path, place, waiting, tasks, batch, astray: None, journal_bytes: 0, looked, tended }
    }

    /// Until nobody can ask any more; then everything is brought into the file.
    pub(super) fn run(mut self, asked: &Receiver<Task>) {
        if let Err(error) = self.connection.busy_timeout(BUSY) {
            tracing::error!(%error, "SQLite takes no time limit");
        }
        loop {
            if self.tasks.is_empty() {
                match asked.recv_timeout(TICK) {
                    Ok(task) => self.tasks.push_back(task),
                    Err(RecvTimeoutError::Timeout) => {
                        self.is_astray();
                        self.tend();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            self.tasks.extend(asked.try_iter());
            self.work();
            if self.tended.elapsed() > TICK {
                self.tend();
            }
        }
        if self.is_astray().is_none()
            && let Err(error) = self.flush()
        {
            tracing::warn!(%error, "the ledger is closed");
        }
    }

    /// The next task, or as many steps as go into one transaction.
    fn work(&mut self) {
        if let Some(Task::Flush(_)) = self.tasks.front() {
            if let Some(Task::Flush(reply)) = self.tasks.pop_front() {
                let result = match self.is_astray() {
                    Some(error) => Err(error),
                    None => self.flush(),
                };
                reply.send(result);
            }
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        while batch.len() < STEPS_AT_ONCE {
            match self.tasks.pop_front() {
                Some(Task::Step(step, until)) => batch.push((step, until)),
                Some(flush) => {
                    self.tasks.push_front(flush);
                    break;
                }
                None => break,
            }
        }
        self.take(&mut batch);
        self.batch = batch;
    }

    /// Takes these steps, and replies to each but those that have to wait.
    fn take(&mut self, batch: &mut Vec<Waiting>) {
        // Written in a file that is gone, they would be gone too.
        if self.astray.is_some()
            && let Some(error) = self.is_astray()
        {
            return self.reply(batch, Some(&error));
        }
        match self.write(batch) {
            Ok(()) => {
                let failed = self.is_lost();
                self.reply(batch, failed.as_ref());
            }
            Err(error) if is_busy(&error) => self.put_back(batch, &error),
            // One of them may be at fault: the others must not suffer.
            Err(_) if batch.len() > 1 => {
                let mut later = Vec::new();
                for one in batch.drain(..) {
                    let mut one = vec![one];
                    match self.write(&mut one) {
                        Ok(()) => {
                            let failed = self.is_lost();
                            self.reply(&mut one, failed.as_ref());
                        }
                        Err(error) if is_busy(&error) => later.append(&mut one),
                        Err(error) => self.reply(&mut one, Some(&explained(&self.path, &error))),
                    }
                }
                self.put_back_in_front(&mut later);
            }
            Err(error) => self.reply(batch, Some(&explained(&self.path, &error))),
        }
    }

    /// All steps or none.
    fn write(&mut self, steps: &mut [Waiting]) -> Result<(), rusqlite::Error> {
        let all = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (book, now) = (Book::new(&all), self.clock.now());
        for (step, _) in steps {
            step.take(&book, now)?;
        }
        all.commit()
    }

    fn reply(&self, batch: &mut Vec<Waiting>, failed: Option<&CreditsError>) {
        self.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        for (step, _) in batch.drain(..) {
            step.reply(failed.cloned());
        }
    }

    /// Another program has the file. Steps that have waited long enough are told, the others are tried again.
    fn put_back(&mut self, batch: &mut Vec<Waiting>, error: &rusqlite::Error) {
        self.put_back_in_front(batch);
        let now = Instant::now();
        let mut overdue = Vec::new();
        // They came in this order, so those that have waited longest are in front.
        while let Some(Task::Step(_, until)) = self.tasks.front()
            && *until <= now
        {
            if let Some(Task::Step(step, until)) = self.tasks.pop_front() {
                overdue.push((step, until));
            }
        }
        if !overdue.is_empty() {
            self.reply(&mut overdue, Some(&explained(&self.path, error)));
        }
    }

    fn put_back_in_front(&mut self, batch: &mut Vec<Waiting>) {
        for (step, until) in batch.drain(..).rev() {
            self.tasks.push_front(Task::Step(step, until));
        }
    }

    /// Whether what was just written may be lost, or the file was moved some time ago.
    fn is_lost(&mut self) -> Option<CreditsError> {
        if self.looked.elapsed() < LOOK && self.place.is_kept() { None } else { self.is_astray() }
    }

    /// Whether the file is where it was; if not, why steps are refused. A change is logged once.
    fn is_astray(&mut self) -> Option<CreditsError> {
        self.looked = Instant::now();
        let astray = match self.place.look() {
            Ok(bytes) => {
                self.journal_bytes = bytes;
                if self.astray.take().is_some() {
                    tracing::info!(path = %self.path.display(), "the ledger's file is back: steps are taken again");
                }
                return None;
            }
            Err(astray) => astray,
        };
        if self.astray.as_ref().map(std::mem::discriminant) != Some(std::mem::discriminant(&astray)) {
            tracing::error!(why = astray.why(), "the ledger's file is gone: nothing is held or captured");
            // What was acknowledged goes from the journal, which may be gone too, into the file, which may be copied.
            if let Err(error) = self.checkpoint(PATIENCE_TO_FLUSH) {
                tracing::error!(%error, "what was written last cannot be brought into the ledger's file");
            }
        }
        let error = CreditsError::unavailable(astray.why());
        self.astray = Some(astray);
        Some(error)
    }

    /// Gives back what a reader has let the journal grow to.
    fn tend(&mut self) {
        self.tended = Instant::now();
        if self.astray.is_none() && self.journal_bytes > JOURNAL_KEPT.into() {
            // Without a wait: whoever reads it now will be done later.
            if let Err(error) = self.checkpoint(Duration::ZERO) {
                tracing::debug!(%error, "the journal stays as long as it is");
            }
        }
    }

    /// Brings everything into the file.
    fn flush(&mut self) -> Result<(), CreditsError> {
        match self.checkpoint(PATIENCE_TO_FLUSH) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let path = self.path.display();
                let why = format!(
                    "{path} is being read by another program: what is newest stays in {path}-wal; copy both, or end that \
                     program first"
                );
                Err(CreditsError::Unavailable { why })
            }
            Err(error) => Err(explained(&self.path, &error)),
        }
    }

    /// Brings what is in the journal into the file, and empties the journal. Whether all is in the file.
    fn checkpoint(&mut self, patience: Duration) -> rusqlite::Result<bool> {
        self.connection.busy_timeout(patience)?;
        let done = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            let (busy, pages, written): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            // Busy may also mean that it is all there, and the journal cannot be emptied yet.
            Ok(busy == 0 || (pages >= 0 && pages == written))
        });
        self.connection.busy_timeout(BUSY)?;
        done
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
