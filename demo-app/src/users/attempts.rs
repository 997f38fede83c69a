//! How often something may be tried: a bucket for each key, in bounded memory. Time is the caller's.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many keys are known at a time; then those go that have been tried least.
const KEYS_MAX: usize = 10_000;

/// A limit on attempts: so many at once, then one for each pause.
pub(crate) struct Attempts {
    at_once: u32,
    pause: Duration,
    hasher: RandomState,
    /// By the hash of the key: names that were tried are kept nowhere. For each, when its bucket will be full again.
    full_again: Mutex<HashMap<u64, Instant>>,
}

/// Too many were made; the next is possible after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) wait: Duration,
}

impl Attempts {
    pub(crate) fn new(at_once: u32, pause: Duration) -> Attempts {
        Attempts { at_once, pause, hasher: RandomState::new(), full_again: Mutex::default() }
    }

    /// Takes one attempt, before it is known how it ends: parallel guesses count like others.
    pub(crate) fn take(&self, key: impl Hash, now: Instant) -> Result<(), TooMany> {
        let key = self.hasher.hash_one(key);
        let mut all = self.full_again.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEYS_MAX && !all.contains_key(&key) {
            all.retain(|_, full| *full > now);
            if all.len() >= KEYS_MAX {
                let mut tried: Vec<Instant> = all.values().copied().collect();
                let (_, least, _) = tried.select_nth_unstable(KEYS_MAX / 10);
                all.retain(|_, full| full > least);
            }
        }
        let full = all.get(&key).copied().unwrap_or(now).max(now) + self.pause;
        match full.duration_since(now).checked_sub(self.pause * self.at_once) {
            None | Some(Duration::ZERO) => {
                all.insert(key, full);
                Ok(())
            }
            Some(wait) => Err(TooMany { wait }),
        }
    }

    /// Gives one attempt back: it was none of those that the limit is for.
    pub(crate) fn give_back(&self, key: impl Hash) {
        let key = self.hasher.hash_one(key);
        let mut all = self.full_again.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full) = all.get_mut(&key) {
            // Near the birth of the clock there is nothing to give back.
            *full = full.checked_sub(self.pause).unwrap_or(*full);
        }
    }

    /// Forgets what this key tried.
    pub(crate) fn forgive(&self, key: impl Hash) {
        let key = self.hasher.hash_one(key);
        self.full_again.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// What of an address says who it is: whoever has one IPv6 address has the 2^64 beside it.
pub(crate) fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    #[test]
    fn a_burst_is_allowed_then_one_for_each_pause() {
        let (attempts, now) = (Attempts::new(3, PAUSE), Instant::now());
        for _ in 0..3 {
            assert_eq!(attempts.take("ada", now), Ok(()));
        }
        assert_eq!(attempts.take("ada", now), Err(TooMany { wait: PAUSE }));
        assert_eq!(attempts.take("grace", now), Ok(()), "another key is not held back");
        let later = now + Duration::from_secs(4);
        assert_eq!(attempts.take("ada", later), Err(TooMany { wait: Duration::from_secs(6) }));
        assert_eq!(attempts.take("ada", now + PAUSE), Ok(()), "a refusal costs nothing");
        assert!(attempts.take("ada", now + PAUSE).is_err());
    }

    #[test]
    fn what_is_forgiven_or_given_back_may_be_tried_again() {
        let (attempts, now) = (Attempts::new(2, PAUSE), Instant::now());
        let used_up = || while attempts.take("ada", now).is_ok() {};
        used_up();
        attempts.give_back("ada");
        assert_eq!(attempts.take("ada", now), Ok(()));
        assert!(attempts.take("ada", now).is_err());
        attempts.forgive("ada");
        assert_eq!(attempts.take("ada", now), Ok(()));
        assert_eq!(attempts.take("ada", now), Ok(()));
        attempts.give_back("nobody");
    }

    #[test]
    fn a_flood_of_keys_is_kept_in_bounded_memory_and_forgives_no_guesser() {
        let (attempts, now) = (Attempts::new(5, PAUSE), Instant::now());
        for _ in 0..5 {
            attempts.take("guesser", now).expect("below the limit");
        }
        for key in 0..2 * KEYS_MAX {
            attempts.take(key, now).expect("a new key");
        }
        assert!(attempts.full_again.lock().expect("no panic").len() <= KEYS_MAX);
        assert!(attempts.take("guesser", now).is_err(), "those who tried least leave first");
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
