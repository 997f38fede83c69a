//! Distinct users in windows that end now: exact up to a limit, beyond it by a sketch of fixed size. Time and tags are
//! given.

use super::hash::Tag;
use super::sketch::{Sketch, relative_error};
use super::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::SeqCst};
use super::sync::{OnceLock, write_before_read};
use super::table::{Recorded, Table};

/// See the file's head.
///
/// It goes from the table to the sketch when more users than the limit were seen within the widest window. Nothing waits,
/// and nothing is lost: whoever writes to the table looks afterwards whether it is being left, and whoever leaves it says
/// so before it reads it, so one of the two takes each user over.
///
/// It goes back when there are few again: from the moment that the sketch reads half the limit, users are recorded in
/// both, and when that has gone on for the widest window, the table holds all of them. Both say of a user only what is
/// true, so neither is ever emptied: what they hold from before leaves the windows by itself.
pub(super) struct Windows {
    /// A [`Phase`].
    phase: AtomicU64,
    table: Table,
    sketch: OnceLock<Sketch>,
    limit: usize,
    precision: u32,
    /// Seconds from now back to where the widest window begins.
    widest: u32,
    /// The latest era whose table is in the sketch as a whole.
    taken_over: AtomicU32,
    /// At least as many as the table holds of the widest window, while it is written to.
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

/// Where users are recorded, as one word: two bits of a kind, thirty of an era, and a second.
///
/// An era begins whenever the table is left, so that what is said of one is never taken for another's.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Phase(u64);

impl Phase {
    /// In the table, which answers.
    const TABLE: u64 = 0;
    /// In the sketch, which answers.
    const SKETCH: u64 = 1;
    /// In both, since the phase's second; the sketch answers.
    const BOTH: u64 = 2;
    const KIND: u64 = 3;
    /// A second that no window reaches back to.
    const NEVER: u32 = u32::MAX;

    const fn new(kind: u64, era: u32, since: u32) -> Phase {
        Phase((since as u64) << 32 | (era as u64) << 2 | kind)
    }

    const fn kind(self) -> u64 {
        self.0 & Phase::KIND
    }

    const fn era(self) -> u32 {
        (self.0 as u32) >> 2
    }

    const fn since(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

impl Windows {
    pub(super) fn new(limit: usize, precision: u32, widest: u32) -> Windows {
        Windows {
            phase: AtomicU64::new(Phase::new(Phase::TABLE, 0, 0).0),
            table: Table::new(limit),
            sketch: OnceLock::new(),
            limit,
            precision,
            widest,
            taken_over: AtomicU32::new(0),
            users: AtomicUsize::new(0),
        }
    }

    /// Sees a user. Seconds begin at `widest + 2`.
    #[inline]
    pub(super) fn record(&self, tag: Tag, second: u32) {
        self.record_at(tag, second, self.horizon(second), second);
    }

    #[inline(always)]
    fn record_at(&self, tag: Tag, second: u32, horizon: u32, now: u32) {
        match self.phase().kind() {
            Phase::TABLE => {}
            Phase::SKETCH => return self.sketch().record(tag, second),
            _ => return self.record_in_both(tag, second, horizon, now),
        }
        match self.table.record(tag, second, horizon) {
            Recorded::Before => return,
            Recorded::Known => {}
            Recorded::New => self.grown(now),
            Recorded::Full => self.leave(now),
        }
        write_before_read();
        if self.phase().kind() != Phase::TABLE {
            self.sketch().record(tag, second);
        }
    }

    #[cold]
    fn record_in_both(&self, tag: Tag, second: u32, horizon: u32, now: u32) {
        self.sketch().record(tag, second);
        match self.table.record(tag, second, horizon) {
            Recorded::Before | Recorded::Known => {}
            Recorded::New => self.grown(now),
            Recorded::Full => self.leave(now),
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
        if self.structure() == Structure::Exact {
            return self.table.counts(since);
        }
        self.finish_leaving(now);
        self.sketch().counts(since).into_iter().map(|count| count.round() as u64).collect()
    }

    /// Takes the next step on the way back to the table, if it is time: `users` were counted in the widest window just
    /// now. `clock` tells the second.
    pub(super) fn tend(&self, users: u64, clock: impl Fn() -> u32) {
        let phase = self.phase();
        match phase.kind() {
            Phase::SKETCH if users <= self.limit as u64 / 2 => {
                let now = clock();
                self.finish_leaving(now);
                let there: u64 = self.table.counts(&[self.horizon(now)]).iter().sum();
                self.users.store(there as usize, Relaxed);
                let both = Phase::new(Phase::BOTH, phase.era(), Phase::NEVER);
                if self.change(phase, both) {
                    write_before_read();
                    // Whoever read the clock, and then saw the phase before, did so at this second or earlier.
                    let since = clock().saturating_add(1);
                    self.change(both, Phase::new(Phase::BOTH, phase.era(), since));
                }
            }
            // Everybody of the widest window was recorded in the table.
            Phase::BOTH if self.horizon(clock()) > phase.since() => {
                self.change(phase, Phase::new(Phase::TABLE, phase.era(), 0));
            }
            _ => {}
        }
    }

    #[inline]
    pub(super) fn structure(&self) -> Structure {
        if self.phase().kind() == Phase::TABLE { Structure::Exact } else { Structure::Sketch }
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

    /// Every user and when it was seen; nothing while the sketch is in use.
    pub(super) fn for_each_user(&self, now: u32, visit: &mut dyn FnMut(Tag, u32)) {
        if self.structure() == Structure::Exact {
            self.table.for_each(self.horizon(now), visit);
        }
    }

    /// Takes over a cell of another's sketch, which makes this one a sketch too; false if there is no such cell.
    pub(super) fn merge_cell(&self, register: usize, rank: usize, second: u32, now: u32) -> bool {
        // Whoever is in the cell is in no table, so a way back begins anew.
        self.leave(now);
        self.sketch().merge_cell(register, rank, second)
    }

    #[inline]
    fn horizon(&self, now: u32) -> u32 {
        now.saturating_sub(self.widest)
    }

    #[inline]
    fn phase(&self) -> Phase {
        Phase(self.phase.load(SeqCst))
    }

    /// False if it was another by then.
    fn change(&self, from: Phase, to: Phase) -> bool {
        self.phase.compare_exchange(from.0, to.0, SeqCst, SeqCst).is_ok()
    }

    #[inline]
    fn sketch(&self) -> &Sketch {
        match self.sketch.get() {
            Some(sketch) => sketch,
            None => self.first_sketch(),
        }
    }

    #[cold]
    fn first_sketch(&self) -> &Sketch {
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

    /// Goes over to the sketch, or gives up going back.
    #[cold]
    fn leave(&self, now: u32) {
        self.first_sketch();
        loop {
            let phase = self.phase();
            let left = match phase.kind() {
                Phase::TABLE => Phase::new(Phase::SKETCH, phase.era() + 1, 0),
                Phase::BOTH => Phase::new(Phase::SKETCH, phase.era(), 0),
                _ => break,
            };
            if self.change(phase, left) {
                break;
            }
        }
        self.finish_leaving(now);
    }

    /// Takes the table's users over, which another thread may be doing too: it comes to the same.
    fn finish_leaving(&self, now: u32) {
        let era = self.phase().era();
        if self.taken_over.load(Acquire) < era {
            write_before_read();
            let sketch = self.sketch();
            self.table.for_each(self.horizon(now), &mut |tag, second| sketch.record(tag, second));
            self.taken_over.fetch_max(era, SeqCst);
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;
