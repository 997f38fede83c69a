//! How many may look at a time, on whatever threads, and whose place is free again; what they are told is the feed's.

use std::net::IpAddr;
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
    /// Where its viewer comes from, where that is known.
    origin: Option<IpAddr>,
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

    /// A place for a viewer from this address. Where all are taken, it is that of a viewer who reads nothing, or one of
    /// the address that has the most, if that has two more than this one: one address keeps no other away.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Option<Arc<Place>> {
        let origin = address.map(origin);
        let mut taken = lock(&self.taken);
        taken.retain(|place| place.strong_count() > 0);
        if taken.len() >= self.bound {
            let all: Vec<Arc<Place>> = taken.iter().filter_map(Weak::upgrade).collect();
            let loser = stale(&all).or_else(|| in_excess(&all, origin))?;
            taken.retain(|place| !std::ptr::eq(place.as_ptr(), Arc::as_ptr(loser)));
            // Its body ends as soon as its viewer reads on; until then it holds one message, and no place.
            loser.asked.store(GONE, Relaxed);
        }
        let place = Arc::new(Place { origin, asked: AtomicU64::new(clock::ticks()) });
        taken.push(Arc::downgrade(&place));
        Some(place)
    }
}

/// The place whose viewer has asked for nothing for the longest time, if that is long.
fn stale(all: &[Arc<Place>]) -> Option<&Arc<Place>> {
    let waited = all.iter().map(|place| (place, clock::seconds_since(place.asked.load(Relaxed))));
    waited.filter(|(_, waited)| *waited > STALE_S).max_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}

/// The oldest place of the address that has the most.
fn in_excess(all: &[Arc<Place>], newcomer: Option<IpAddr>) -> Option<&Arc<Place>> {
    let places_of = |origin: Option<IpAddr>| all.iter().filter(|place| place.origin == origin).count();
    let mut most: Option<(&Arc<Place>, usize)> = None;
    // In the order of their coming, so that the first of an address is its oldest.
    for place in all {
        let places = places_of(place.origin);
        if most.is_none_or(|(_, most)| places > most) {
            most = Some((place, places));
        }
    }
    most.filter(|(_, most)| *most > places_of(newcomer) + 1).map(|(place, _)| place)
}

/// The part of an address that identifies a client: a client that has one IPv6 address has the 2^64 addresses beside it.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
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
        let (one, other) = (places.take(None).expect("a place"), places.take(None).expect("a place"));
        time.advance(Duration::from_secs(29));
        assert!(places.take(None).is_none(), "both have been there for a short time");
        other.asked.store(clock::ticks(), Relaxed);
        time.advance(Duration::from_secs(2));
        let third = places.take(None).expect("the place of the one that reads nothing");
        assert_eq!(one.asked.load(Relaxed), GONE);
        assert!(places.take(None).is_none());
        drop(third);
        assert!(places.take(None).is_some(), "a place given back");
    }

    #[test]
    fn one_address_cannot_keep_the_others_away() {
        let _time = clock::Manual::start();
        let places = Places::new(4);
        let at = |text: &str| Some(text.parse::<IpAddr>().expect("an address"));
        let crowd: Vec<_> = (0..4).map(|_| places.take(at("192.0.2.1")).expect("a place")).collect();
        assert!(places.take(at("192.0.2.1")).is_none(), "nor does it take its own");
        let operator = places.take(at("198.51.100.7")).expect("a place of the crowd's");
        assert!(!crowd[0].is_asked_for(), "the oldest of the crowd is gone");
        assert!(crowd[1..].iter().all(|place| place.is_asked_for()));
        // A network of IPv6 is one origin, so its second viewer is not a newcomer.
        let third = places.take(at("2001:db8::1")).expect("a place of the crowd's");
        assert!(places.take(at("2001:db8::2")).is_none(), "2, 1 and 1: it would only change whose turn it is");
        assert!(operator.is_asked_for() && third.is_asked_for());
    }
}
