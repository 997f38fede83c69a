//! How often something may be tried: a bucket for each key, in bounded memory. `governor` decides; here is what it does
//! not have: a bound on the keys, and attempts that are given back.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

/// The most keys that are known at a time; then the keys go that have been tried least.
const KEYS_MAX: usize = 10_000;

/// A limit on attempts: `at_once` of them, then one for each pause.
pub(crate) struct Attempts<C: Clock = MonotonicClock> {
    limiter: RateLimiter<u64, Buckets, C, NoOpMiddleware<C::Instant>>,
    buckets: Buckets,
    pause: Duration,
    clock: C,
    hasher: RandomState,
}

/// Too many were made; the next is possible after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) wait: Duration,
}

impl Attempts {
    pub(crate) fn new(at_once: u32, pause: Duration) -> Attempts {
        Attempts::by(MonotonicClock, at_once, pause)
    }
}

impl<C: Clock + Clone> Attempts<C> {
    fn by(clock: C, at_once: u32, pause: Duration) -> Attempts<C> {
        let buckets = Buckets::default();
        // A pause of nothing would be no limit: it is the shortest there is.
        let quota = Quota::with_period(pause).unwrap_or(Quota::per_second(std::num::NonZeroU32::MAX));
        let quota = quota.allow_burst(std::num::NonZeroU32::new(at_once).unwrap_or(std::num::NonZeroU32::MIN));
        let limiter = RateLimiter::new(quota, buckets.clone(), clock.clone());
        Attempts { limiter, buckets, pause, clock, hasher: RandomState::new() }
    }

    /// Takes one attempt, before it is known how it ends: parallel guesses count like others.
    pub(crate) fn take(&self, key: impl Hash) -> Result<(), TooMany> {
        let refused = |not_until: governor::NotUntil<C::Instant>| not_until.wait_time_from(self.clock.now());
        self.limiter.check_key(&self.hasher.hash_one(key)).map_err(|not_until| TooMany { wait: refused(not_until) })
    }

    /// Gives one attempt back: the limit is not for such attempts.
    pub(crate) fn give_back(&self, key: impl Hash) {
        if let Some(full) = self.buckets.lock().get_mut(&self.hasher.hash_one(key)) {
            *full = full.saturating_sub(self.pause.into());
        }
    }

    /// Forgets what this key tried.
    pub(crate) fn forgive(&self, key: impl Hash) {
        self.buckets.lock().remove(&self.hasher.hash_one(key));
    }
}

/// When each bucket will be full again, by the hash of its key: names that were tried are kept nowhere.
#[derive(Clone, Default)]
struct Buckets(Arc<Mutex<HashMap<u64, Nanos>>>);

impl Buckets {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Nanos>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Buckets {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut all = self.lock();
        if all.len() >= KEYS_MAX && !all.contains_key(key) {
            // Those that are full are among the first to go.
            let mut tried: Vec<Nanos> = all.values().copied().collect();
            let (_, least, _) = tried.select_nth_unstable(KEYS_MAX / 10);
            all.retain(|_, full| *full > *least);
        }
        let (decided, full) = decide(all.get(key).copied())?;
        all.insert(*key, full);
        Ok(decided)
    }
}

/// The part of an address that identifies a client: a client that has one IPv6 address has the 2^64 addresses beside it.
pub(crate) fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    const PAUSE: Duration = Duration::from_secs(10);

    fn attempts(at_once: u32) -> (Attempts<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Attempts::by(clock.clone(), at_once, PAUSE), clock)
    }

    #[test]
    fn a_burst_is_allowed_then_one_for_each_pause() {
        let (attempts, clock) = attempts(3);
        for _ in 0..3 {
            assert_eq!(attempts.take("ada"), Ok(()));
        }
        assert_eq!(attempts.take("ada"), Err(TooMany { wait: PAUSE }));
        assert_eq!(attempts.take("grace"), Ok(()), "another key is not held back");
        clock.advance(Duration::from_secs(4));
        assert_eq!(attempts.take("ada"), Err(TooMany { wait: Duration::from_secs(6) }));
        clock.advance(Duration::from_secs(6));
        assert_eq!(attempts.take("ada"), Ok(()), "a refusal costs nothing");
        assert!(attempts.take("ada").is_err());
    }

    #[test]
    fn what_is_forgiven_or_given_back_may_be_tried_again() {
        let (attempts, _) = attempts(2);
        let used_up = || while attempts.take("ada").is_ok() {};
        used_up();
        attempts.give_back("ada");
        assert_eq!(attempts.take("ada"), Ok(()));
        assert!(attempts.take("ada").is_err());
        attempts.forgive("ada");
        assert_eq!(attempts.take("ada"), Ok(()));
        assert_eq!(attempts.take("ada"), Ok(()));
        attempts.give_back("nobody");
    }

    #[test]
    fn a_flood_of_keys_is_kept_in_bounded_memory_and_forgives_no_guesser() {
        let (attempts, _) = attempts(5);
        for _ in 0..5 {
            attempts.take("guesser").expect("below the limit");
        }
        for key in 0..2 * KEYS_MAX {
            attempts.take(key).expect("a new key");
        }
        assert!(attempts.buckets.lock().len() <= KEYS_MAX);
        assert!(attempts.take("guesser").is_err(), "those who tried least leave first");
    }

    #[test]
    fn a_whole_ipv6_network_is_one_origin() {
        let at = |text: &str| origin(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:2"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }
}
