//! Distinct users in windows that end now: exact up to a limit, then a sketch of fixed size. Time and tags are given.

use super::hash::Tag;
use super::sketch::{Sketch, relative_error};
use super::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::SeqCst};
use super::sync::{OnceLock, write_before_read};
use super::table::{Recorded, Table};

/// See the file's head.
///
/// It goes from the table to the sketch once, when more users than the limit were seen within the widest window, and
/// stays there. Nothing waits, and nothing is lost: whoever writes to the table looks afterwards whether it is being
/// left, and whoever leaves it says so before it reads it, so one of the two takes each user over.
pub(super) struct Windows {
    limit: usize,
    precision: u32,
    /// Seconds from now back to where the widest window begins.
    widest: u32,
    table: Table,
    sketch: OnceLock<Sketch>,
    /// The table is being left, or was.
    leaving: AtomicBool,
    /// Everything that the table held is in the sketch.
    left: AtomicBool,
    /// At least as many as the table holds of the widest window.
    users: AtomicUsize,
}

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// A table of all users: exact.
    Exact,
    /// A timestamped HyperLogLog: within its relative error.
    Sketch,
}

impl Windows {
    pub(super) fn new(limit: usize, precision: u32, widest: u32) -> Windows {
        Windows {
            limit,
            precision,
            widest,
            table: Table::new(limit),
            sketch: OnceLock::new(),
            leaving: AtomicBool::new(false),
            left: AtomicBool::new(false),
            users: AtomicUsize::new(0),
        }
    }

    /// Sees a user. Seconds begin at `widest + 2`.
    #[inline]
    pub(super) fn record(&self, tag: Tag, second: u32) {
        self.record_at(tag, second, self.horizon(second), second);
    }

    #[inline]
    fn record_at(&self, tag: Tag, second: u32, horizon: u32, now: u32) {
        if self.leaving.load(Acquire) {
            self.sketch().record(tag, second);
            return;
        }
        match self.table.record(tag, second, horizon) {
            Recorded::Before => return,
            Recorded::Known => {}
            Recorded::New => self.grown(now),
            Recorded::Full => self.leave(now),
        }
        write_before_read();
        if self.leaving.load(SeqCst) {
            self.sketch().record(tag, second);
        }
    }

    /// Takes over from another that a user was seen at `second`, which may be past; it is within the widest window.
    pub(super) fn record_past(&self, tag: Tag, second: u32, now: u32) {
        // What is free is free for now, and not for then.
        self.record_at(tag, second, self.horizon(now), now);
    }

    /// How many users were seen at or after each of the seconds `since`, which fall, the last at most `widest` before
    /// `now`.
    pub(super) fn counts(&self, since: &[u32], now: u32) -> Vec<u64> {
        if !self.leaving.load(Acquire) {
            return self.table.counts(since);
        }
        self.finish_leaving(now);
        self.sketch().counts(since).into_iter().map(|count| count.round() as u64).collect()
    }

    pub(super) fn structure(&self) -> Structure {
        if self.leaving.load(Relaxed) { Structure::Sketch } else { Structure::Exact }
    }

    pub(super) fn relative_error(&self) -> f64 {
        match self.structure() {
            Structure::Exact => 0.0,
            Structure::Sketch => relative_error(self.precision),
        }
    }

    pub(super) fn precision(&self) -> u32 {
        self.precision
    }

    /// The bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self) + self.table.bytes() + self.sketch.get().map_or(0, Sketch::bytes)
    }

    /// What of the sketch could still be in a window; nothing while it is not in use.
    pub(super) fn for_each_cell(&self, now: u32, visit: &mut dyn FnMut(usize, usize, u32)) {
        if self.structure() == Structure::Sketch {
            self.finish_leaving(now);
            self.sketch().for_each_cell(self.horizon(now), visit);
        }
    }

    /// Every user and when it was seen; nothing once the sketch is in use.
    pub(super) fn for_each_user(&self, now: u32, visit: &mut dyn FnMut(Tag, u32)) {
        if self.structure() == Structure::Exact {
            self.table.for_each(self.horizon(now), visit);
        }
    }

    /// Takes over a cell of another's sketch, which makes this one a sketch too; false if there is no such cell.
    pub(super) fn merge_cell(&self, register: usize, rank: usize, second: u32, now: u32) -> bool {
        self.leave(now);
        self.sketch().merge_cell(register, rank, second)
    }

    #[inline]
    fn horizon(&self, now: u32) -> u32 {
        now.saturating_sub(self.widest)
    }

    fn sketch(&self) -> &Sketch {
        self.sketch.get_or_init(|| Sketch::new(self.precision))
    }

    /// A user more has a slot.
    #[cold]
    fn grown(&self, now: u32) {
        let users = self.users.fetch_add(1, Relaxed) + 1;
        // Many may have left the window since. They are counted, and then again when a sixteenth more have come.
        let step = (self.limit / 16).max(1);
        if users > self.limit && (users - self.limit - 1).is_multiple_of(step) {
            let there: u64 = self.table.counts(&[self.horizon(now)]).iter().sum();
            if there > self.limit as u64 {
                self.leave(now);
            } else {
                // Those who came while we counted are counted twice at worst.
                self.users.fetch_sub(users - (there as usize).min(self.limit + 1 - step), Relaxed);
            }
        }
    }

    /// Goes over to the sketch.
    #[cold]
    fn leave(&self, now: u32) {
        self.sketch();
        self.leaving.store(true, SeqCst);
        self.finish_leaving(now);
    }

    /// Takes the table's users over, which another thread may be doing too: it comes to the same.
    fn finish_leaving(&self, now: u32) {
        if !self.left.load(Acquire) {
            write_before_read();
            let sketch = self.sketch();
            self.table.for_each(self.horizon(now), &mut |tag, second| sketch.record(tag, second));
            self.left.store(true, SeqCst);
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;
