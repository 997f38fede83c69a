//! How many may look at a time, on whatever threads, and whose place is free again; what they are told is the feed's.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::clock;

/// A viewer that has asked for nothing for so long gives its place to one that comes.
const STALE_S: f64 = 30.0;

/// So many viewers at a time.
#[derive(Debug)]
pub(super) struct Places {
    bound: usize,
    taken: Mutex<Vec<Weak<Place>>>,
}

/// One viewer's. Given back when it is dropped, and taken away when it is stale and another viewer comes.
#[derive(Debug)]
pub(super) struct Place {
    /// When its viewer asked for more, in ticks.
    asked: AtomicU64,
}

impl Places {
    pub(super) fn new(bound: usize) -> Places {
        Places { bound, taken: Mutex::default() }
    }

    pub(super) fn bound(&self) -> usize {
        self.bound
    }

    pub(super) fn take(&self) -> Option<Arc<Place>> {
        let mut taken = lock(&self.taken);
        taken.retain(|place| place.strong_count() > 0);
        if taken.len() >= self.bound {
            let waited = |place: &Arc<Place>| clock::seconds_since(place.asked.load(Relaxed));
            let places = taken.iter().enumerate().filter_map(|(n, place)| Some((n, waited(&place.upgrade()?))));
            let (stale, _) = places.filter(|(_, waited)| *waited > STALE_S).max_by(|a, b| a.1.total_cmp(&b.1))?;
            // Its body ends as soon as its viewer reads on; until then it holds one message, and no place.
            if let Some(place) = taken.swap_remove(stale).upgrade() {
                place.asked.store(GONE, Relaxed);
            }
        }
        let place = Arc::new(Place { asked: AtomicU64::new(clock::ticks()) });
        taken.push(Arc::downgrade(&place));
        Some(place)
    }
}

impl Place {
    /// Its viewer asks for more; false when the place has been taken away.
    pub(super) fn is_asked_for(&self) -> bool {
        let has_it = self.asked.load(Relaxed) != GONE;
        if has_it {
            self.asked.store(clock::ticks(), Relaxed);
        }
        has_it
    }
}

/// No tick that a viewer asks at.
const GONE: u64 = u64::MAX;

/// What stands behind these locks is whole at every moment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_that_reads_nothing_loses_its_place_to_one_that_comes() {
        use std::time::Duration;

        let time = clock::Manual::start();
        let places = Places::new(2);
        let (one, other) = (places.take().expect("a place"), places.take().expect("a place"));
        time.advance(Duration::from_secs(29));
        assert!(places.take().is_none(), "both have been there for a short time");
        other.asked.store(clock::ticks(), Relaxed);
        time.advance(Duration::from_secs(2));
        let third = places.take().expect("the place of the one that reads nothing");
        assert_eq!(one.asked.load(Relaxed), GONE);
        assert!(places.take().is_none());
        drop(third);
        assert!(places.take().is_some(), "a place given back");
    }
}
