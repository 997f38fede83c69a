//! Which names are watched: a detector for each, however many places use it, and a bound on how many there are; what
//! stands in the way of that is an error of the place, never of a call.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use foldhash::fast::RandomState;

use super::detector::{Detector, StateError};
use super::endpoint::{Endpoint, Given};
use super::limits::{LimitError, Limits};
use crate::place::Place;

/// How many names are watched unless `MonitorBuilder::series_limit` raises it; calls under more are judged together, as
/// `_overflow`.
pub const ENDPOINTS_MAX: usize = 1_000;
/// Where what is beyond the bound is judged, and what has a name that cannot be.
pub(crate) const OVERFLOW: &str = "_overflow";
/// The longest name, in bytes. The attribute holds to the same.
const NAME_MAX_BYTES: usize = 128;

/// The names that are watched, and what is known of others.
#[derive(Debug)]
pub(crate) struct Names {
    max: AtomicUsize,
    by_name: RwLock<HashMap<&'static str, &'static Endpoint, RandomState>>,
    /// The same in the order of their names, made when one comes: scrapes go through it and allocate nothing.
    in_order: RwLock<Arc<[&'static Endpoint]>>,
    /// What waits for a name's first call.
    awaited: Mutex<HashMap<String, Awaited>>,
    wrong: Mutex<Vec<WatchError>>,
}

impl Default for Names {
    fn default() -> Self {
        Names {
            max: AtomicUsize::new(ENDPOINTS_MAX),
            by_name: RwLock::default(),
            in_order: RwLock::default(),
            awaited: Mutex::default(),
            wrong: Mutex::default(),
        }
    }
}

/// What is to be said to a name when it comes.
#[derive(Debug, Default)]
struct Awaited {
    by_file: Option<Given>,
    learned: Option<Vec<u8>>,
}

/// An endpoint, and whether it is there for the first time.
pub(crate) struct Found {
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) new: bool,
}

impl Names {
    /// Lets so many names be watched, if that is more than before.
    #[cfg(any(test, feature = "actix"))]
    pub(crate) fn raise(&self, max: usize) {
        self.max.fetch_max(max, Ordering::Relaxed);
    }

    pub(crate) fn find(&self, name: &str) -> Option<&'static Endpoint> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    /// The endpoint of a name; beyond the bound that of `_overflow`.
    pub(crate) fn find_or_add(&self, name: &str) -> Found {
        if let Some(endpoint) = self.find(name) {
            return Found { endpoint, new: false };
        }
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        let max = self.max.load(Ordering::Relaxed);
        // One place is kept for `_overflow`, whether it is there yet or not.
        let others = by_name.len() - usize::from(by_name.contains_key(OVERFLOW));
        let name = if others < max - 1 || by_name.contains_key(name) { name } else { OVERFLOW };
        if let Some(endpoint) = by_name.get(name) {
            return Found { endpoint, new: false };
        }
        let name: &'static str = Box::leak(name.into());
        let endpoint: &'static Endpoint = Box::leak(Box::new(Endpoint::new(name)));
        by_name.insert(name, endpoint);
        let mut in_order: Vec<_> = by_name.values().copied().collect();
        in_order.sort_unstable_by_key(|endpoint| endpoint.name());
        *self.in_order.write().unwrap_or_else(PoisonError::into_inner) = in_order.into();
        if let Some(Awaited { by_file, learned }) = lock(&self.awaited).remove(name) {
            endpoint.give_by_file(by_file);
            // What cannot be taken is learned anew.
            let _ = learned.map(|learned| endpoint.learn(&learned));
        }
        Found { endpoint, new: true }
    }

    /// All, in the order of their names.
    pub(crate) fn all(&self) -> Arc<[&'static Endpoint]> {
        Arc::clone(&self.in_order.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says what the file says of all names, in place of what it said before; a name that it leaves out has nothing.
    #[cfg(feature = "toml")]
    pub(crate) fn give_by_file(&self, mut file: HashMap<String, Given>) {
        // Held throughout, so that no name comes in between and is left waiting.
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        for endpoint in by_name.values() {
            endpoint.give_by_file(file.remove(endpoint.name()));
        }
        let mut awaited = lock(&self.awaited);
        awaited.retain(|_, awaited| {
            awaited.by_file = None;
            awaited.learned.is_some()
        });
        for (name, given) in file {
            awaited.entry(name).or_default().by_file = Some(given);
        }
    }

    /// The names that the file speaks of and that had no call yet, in order.
    #[cfg(feature = "toml")]
    pub(crate) fn awaited(&self) -> Vec<String> {
        let awaited = lock(&self.awaited);
        let mut names: Vec<String> =
            awaited.iter().filter(|(_, awaited)| awaited.by_file.is_some()).map(|(name, _)| name.clone()).collect();
        drop(awaited);
        names.sort();
        names
    }

    /// Gives a name what was learned of it, or keeps that until its first call.
    pub(crate) fn learn(&self, name: &str, learned: &[u8]) -> Result<(), StateError> {
        // Held throughout, so that the name does not come in between and leaves it waiting.
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        match by_name.get(name) {
            Some(endpoint) => endpoint.learn(learned),
            None => Detector::restore(Limits::NONE, learned).map(|_| self.await_learned(name, learned.to_vec())),
        }
    }

    fn await_learned(&self, name: &str, learned: Vec<u8>) {
        let mut awaited = lock(&self.awaited);
        if awaited.len() < self.max.load(Ordering::Relaxed) || awaited.contains_key(name) {
            awaited.entry(name.to_owned()).or_default().learned = Some(learned);
        }
    }

    /// Notes what is wrong with a place; false if it is known.
    pub(crate) fn note(&self, error: WatchError) -> bool {
        // A place may be wrong at each of its calls.
        const WRONG_MAX: usize = 1_000;
        let mut wrong = lock(&self.wrong);
        let new = wrong.len() < WRONG_MAX && !wrong.contains(&error);
        if new {
            wrong.push(error);
        }
        new
    }

    pub(crate) fn wrong(&self) -> Vec<WatchError> {
        lock(&self.wrong).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a name breaks of the rules for names.
pub(crate) fn wrong_with(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > NAME_MAX_BYTES {
        Some("has 1 to 128 bytes")
    } else if name.starts_with('_') {
        Some("begins with no `_`, which is kept for `_overflow` and its kin")
    } else if name.chars().any(char::is_control) {
        Some("has no control characters in it")
    } else {
        None
    }
}

/// What is wrong with a place that watches.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum WatchError {
    /// Two places give one name different limits. Those of the first hold.
    Conflict {
        /// The name.
        name: String,
        /// The place whose limits hold, and the limits.
        first: (Place, String),
        /// The place whose limits do not, and the limits.
        second: (Place, String),
    },
    /// A limit that cannot be. It is as if it had not been given.
    Limit {
        /// The name.
        name: String,
        /// Where it is given.
        place: Place,
        /// What is wrong.
        error: LimitError,
    },
    /// A name that cannot be. What it watches is judged as `_overflow`.
    Name {
        /// The name.
        name: String,
        /// Where it is used.
        place: Place,
        /// The rule that it breaks.
        rule: &'static str,
    },
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WatchError::Conflict { name, first, second } => write!(
                f,
                "`{name}` has {} at {}, and other limits, {}, at {}; those of the first hold: give them in one of the \
                 places, or the same in both",
                first.1, first.0, second.1, second.0
            ),
            WatchError::Limit { name, place, error } => write!(f, "`{name}` at {place}: {error}"),
            WatchError::Name { name, place, rule } => write!(f, "{name:?} at {place}: a name {rule}"),
        }
    }
}

impl std::error::Error for WatchError {}

/// Everything that [`check`](super::check) found.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchErrors(pub Vec<WatchError>);

impl fmt::Display for WatchErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for WatchErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_all_names_are_judged_together() {
        let names = Names::default();
        let named = |number: usize| names.find_or_add(&format!("name {number}")).endpoint.name();
        for number in 0..ENDPOINTS_MAX - 1 {
            assert_eq!(named(number), format!("name {number}"));
        }
        assert_eq!([ENDPOINTS_MAX, ENDPOINTS_MAX + 1].map(named), [OVERFLOW; 2]);
        assert_eq!(named(7), "name 7", "those that were there are what they were");
        assert_eq!(names.all().len(), ENDPOINTS_MAX);
        names.raise(ENDPOINTS_MAX + 1);
        assert_eq!(named(ENDPOINTS_MAX + 2), format!("name {}", ENDPOINTS_MAX + 2));
        assert_eq!(named(ENDPOINTS_MAX + 3), OVERFLOW);
    }

    #[test]
    fn what_waits_for_a_name_is_bounded_too() {
        let names = Names::default();
        for number in 0..2 * ENDPOINTS_MAX {
            names.await_learned(&format!("name {number}"), Vec::new());
        }
        assert_eq!(lock(&names.awaited).len(), ENDPOINTS_MAX);
    }
}
