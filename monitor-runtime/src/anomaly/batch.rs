//! Calls on their way to a detector: each thread puts them in a tray of its own, so that threads which serve one
//! endpoint do not wait for each other; in the order of time they come out. What they mean is the detector's matter.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::detector::Observed;

/// One call that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen {
    /// When it ended, in milliseconds since the epoch.
    pub(crate) at: u64,
    /// How long it took; NaN where that says nothing, as of a call that was dropped.
    pub(crate) seconds: f32,
    /// How it ended.
    pub(crate) observed: Observed,
    /// Whether its failure has been told under another name, that of a watched function within it: it is counted only.
    pub(crate) told: bool,
}

/// How many calls wait in one tray.
const WAITING_MAX: usize = 16;
/// How many trays there are; threads beyond share them.
const TRAYS: usize = 4;
/// How long the first of a tray waits, as far as there is another call that can see it.
const WAIT_MS: u64 = 1_000;

/// What became of a call that was put somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It waits with others.
    Waits,
    /// It is there, and it is time to take all.
    Ripe,
    /// There is no room before all are taken.
    Full,
}

/// The calls that wait for one detector.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    trays: [Tray; TRAYS],
}

/// Apart from the others by what processors fetch at once, so that threads do not fetch each other's.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Tray(Mutex<Waiting>);

#[derive(Clone, Copy, Debug)]
struct Waiting {
    count: usize,
    calls: [Seen; WAITING_MAX],
}

impl Default for Waiting {
    fn default() -> Self {
        let none = Seen { at: 0, seconds: f32::NAN, observed: Observed::Success, told: false };
        Waiting { count: 0, calls: [none; WAITING_MAX] }
    }
}

impl Batches {
    /// Puts a call with this thread's others.
    #[inline]
    pub(crate) fn put(&self, call: Seen) -> Put {
        let mut waiting = lock(&self.trays[tray_of_this_thread()].0);
        let count = waiting.count;
        let Some(room) = waiting.calls.get_mut(count) else { return Put::Full };
        *room = call;
        waiting.count = count + 1;
        let ripe = count + 1 == WAITING_MAX || call.at.saturating_sub(waiting.calls[0].at) >= WAIT_MS;
        if ripe { Put::Ripe } else { Put::Waits }
    }

    /// Takes out all that wait, in the order of time. They lie in `taken` meanwhile.
    pub(crate) fn take(&self, taken: &mut Taken, mut each: impl FnMut(&Seen)) {
        let (mut last, mut trays) = (0, 0);
        for (number, (tray, taken)) in self.trays.iter().zip(&mut taken.0).enumerate() {
            let mut waiting = lock(&tray.0);
            let count = std::mem::take(&mut waiting.count);
            if count > 0 {
                taken.calls[..count].copy_from_slice(&waiting.calls[..count]);
                (last, trays) = (number, trays + 1);
            }
            taken.count = count;
        }
        let taken = &taken.0;
        if trays <= 1 {
            return taken[last].calls[..taken[last].count].iter().for_each(each);
        }
        // Each tray is in order but for threads that share it: the least of the heads comes next.
        let mut next = [0; TRAYS];
        loop {
            let heads = (0..TRAYS).filter(|&tray| next[tray] < taken[tray].count);
            let Some(tray) = heads.min_by_key(|&tray| taken[tray].calls[next[tray]].at) else { break };
            each(&taken[tray].calls[next[tray]]);
            next[tray] += 1;
        }
    }
}

/// Where calls lie between their trays and their judge.
#[derive(Debug, Default)]
pub(crate) struct Taken([Waiting; TRAYS]);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[inline]
fn tray_of_this_thread() -> usize {
    const NONE: usize = usize::MAX;
    thread_local! {
        static TRAY: Cell<usize> = const { Cell::new(NONE) };
    }
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    let tray = TRAY.get();
    if tray < TRAYS {
        return tray;
    }
    let tray = THREADS.fetch_add(1, Ordering::Relaxed) % TRAYS;
    TRAY.set(tray);
    tray
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(at: u64) -> Seen {
        Seen { at, seconds: 0.1, observed: Observed::Success, told: false }
    }

    fn taken(batches: &Batches) -> Vec<u64> {
        let mut all = Vec::new();
        batches.take(&mut Taken::default(), |call| all.push(call.at));
        all
    }

    #[test]
    fn a_full_tray_asks_to_be_emptied_and_so_does_an_old_one() {
        let batches = Batches::default();
        for _ in 1..WAITING_MAX {
            assert_eq!(batches.put(call(7)), Put::Waits);
        }
        assert_eq!([7, 7].map(|at| batches.put(call(at))), [Put::Ripe, Put::Full]);
        assert_eq!(taken(&batches), [7; WAITING_MAX]);
        assert_eq!([7, 8, 7 + WAIT_MS].map(|at| batches.put(call(at))), [Put::Waits, Put::Waits, Put::Ripe]);
        assert_eq!(taken(&batches).len(), 3);
        assert!(taken(&batches).is_empty());
    }

    #[test]
    fn threads_put_side_by_side_and_nothing_is_lost() {
        const EACH: u64 = 20_000;
        let batches = Batches::default();
        let count = Mutex::new(0);
        let empty = || batches.take(&mut Taken::default(), |_| *count.lock().expect("no panic") += 1);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for at in 0..EACH {
                        loop {
                            match batches.put(call(at)) {
                                Put::Waits => break,
                                Put::Ripe => break empty(),
                                Put::Full => empty(),
                            }
                        }
                    }
                });
            }
        });
        empty();
        assert_eq!(*count.lock().expect("no panic"), 3 * EACH);
    }

    #[test]
    fn what_threads_put_comes_out_in_the_order_of_time() {
        let batches = Batches::default();
        for start in 0..3 {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for at in 0..5 {
                        batches.put(call(at * 3 + start));
                    }
                });
            });
        }
        assert_eq!(taken(&batches), (0..15).collect::<Vec<_>>());
    }
}
