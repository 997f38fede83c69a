//! What is known of who is here, in one piece: the windows, the events, the sessions, and what a look at them finds. Who
//! tells it, and who shows it, are others.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::events::Events;
use super::families::{EXPIRED, Families, USER_SESSIONS_ENDED};
use super::file::StateFile;
use super::hash::{Key, Tag};
#[cfg(feature = "redis")]
use super::redis;
use super::sessions::Sessions;
use super::windows::{Structure, Windows};
use super::{sketch, table};
use crate::clock;
use crate::health::{Trouble, caught};

pub(super) struct Inner {
    pub(super) key: Key,
    pub(super) clock: Clock,
    /// The latest second that the clock said: it does not go back.
    pub(super) latest: AtomicU32,
    /// The second from which on users are known.
    pub(super) known_since: AtomicU32,
    pub(super) timeframes: Vec<Duration>,
    pub(super) users: Windows,
    pub(super) events: Events,
    pub(super) sessions: Sessions,
    pub(super) file: Option<StateFile>,
    #[cfg(feature = "redis")]
    pub(super) store: Option<redis::Store>,
    pub(super) families: Families,
}

/// The second of the clock's zero. Seconds 0 and 1 mean never; and what was seen before this process began has to have
/// a second, too, as far back as a window can reach.
pub(super) const ORIGIN: u32 = 32 * 86_400;

/// Registers of the sketch: 2^14 of them are 1.5 MiB, within 0.81 %.
pub(super) const PRECISION: u32 = 14;

/// Time since some moment.
pub(super) enum Clock {
    Process,
    Given(Box<dyn Fn() -> Duration + Send + Sync>),
}

/// What is known now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Distinct users, in the order of the timeframes.
    pub users: Vec<u64>,
    /// Events by name, each with its distinct users in the order of the timeframes.
    pub events: Vec<(&'static str, Vec<u64>)>,
    /// What they count.
    pub scope: Scope,
    /// What counts the users in this process.
    pub structure: Structure,
    /// The standard error of `users`, as a share.
    pub relative_error: f64,
    /// How far back users are known, at most the widest timeframe.
    pub history: Duration,
    /// Sessions open now, in this process.
    pub sessions_open: u64,
}

/// Users, and users by event, in the order of the timeframes.
type Counts = (Vec<u64>, Vec<(&'static str, Vec<u64>)>);

/// What active users are counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This process alone.
    Process,
    /// All processes that share a store.
    Cluster,
}

impl Inner {
    /// Once in the program, with all that it does in one piece.
    pub(super) fn see_user(&self, user: &[u8]) {
        if !user.is_empty() {
            self.see(self.key.tag(user), self.now());
        }
    }

    #[inline]
    pub(super) fn see(&self, tag: Tag, now: u32) {
        self.users.record(tag, now);
        #[cfg(feature = "redis")]
        if let Some(store) = &self.store {
            store.tell(redis::ALL, tag, now, &self.families.store_errors);
        }
    }

    pub(super) fn see_event(&self, event: &'static str, tag: Tag, now: u32) {
        let (number, users) = self.events.of(event);
        users.record(tag, now);
        #[cfg(feature = "redis")]
        if let Some(store) = &self.store {
            store.tell(number as u16 + 1, tag, now, &self.families.store_errors);
        }
        #[cfg(not(feature = "redis"))]
        let _ = number;
    }

    /// The second now. Those of the windows' past are not below 2.
    #[inline(always)]
    pub(super) fn now(&self) -> u32 {
        let seconds = match &self.clock {
            Clock::Process => clock::uptime() as u32,
            // None is before the latest second, where time then stands still.
            Clock::Given(clock) => caught(Trouble::ActivityClockPanicked, clock)
                .map_or(0, |time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
        };
        let now = ORIGIN.saturating_add(seconds).min(table::LAST_SECOND);
        let latest = self.latest.load(Relaxed);
        if now > latest {
            self.latest.fetch_max(now, Relaxed);
        }
        now.max(latest)
    }

    /// Seconds back to where the widest window begins.
    pub(super) fn widest(&self) -> u32 {
        self.timeframes.last().map_or(0, |widest| widest.as_secs() as u32)
    }

    /// The users and the events of all instances, unless there is no store or it is away.
    #[cfg(feature = "redis")]
    pub(super) fn cluster(&self, now: u32) -> Option<Counts> {
        let numbers = self.store.as_ref()?.numbers(now)?;
        Some((numbers.users, numbers.events))
    }

    #[cfg(not(feature = "redis"))]
    pub(super) fn cluster(&self, _now: u32) -> Option<Counts> {
        None
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let now = self.now();
        self.sessions.expire(now, &mut |seconds| {
            self.families.lengths.observe(f64::from(seconds));
            self.families.ended.with(USER_SESSIONS_ENDED { reason: EXPIRED }).inc();
        });
        // The second that a window ends with is not over, so a window of 60 s is the one now and 60 before it.
        let since: Vec<u32> = self.timeframes.iter().map(|timeframe| now - timeframe.as_secs() as u32).collect();
        let cluster = self.cluster(now);
        let (scope, relative_error) = match cluster {
            Some(_) => (Scope::Cluster, sketch::relative_error(PRECISION)),
            None => (Scope::Process, self.users.relative_error()),
        };
        let count = |windows: &Windows| {
            let counts = windows.counts(&since, now);
            windows.tend(counts.last().copied().unwrap_or(0), || self.now());
            counts
        };
        let (users, events) = match cluster {
            Some(counts) => {
                // The windows of the process are not shown, but go back to being exact all the same.
                let all = std::iter::once(&self.users).chain(self.events.iter().map(|(_, users)| users));
                all.filter(|windows| windows.structure() == Structure::Sketch).for_each(|windows| drop(count(windows)));
                counts
            }
            None => (count(&self.users), self.events.iter().map(|(event, users)| (event, count(users))).collect()),
        };
        Snapshot {
            users,
            events,
            scope,
            structure: self.users.structure(),
            relative_error,
            history: Duration::from_secs(u64::from(now - self.known_since.load(Relaxed)))
                .min(Duration::from_secs(u64::from(self.widest()))),
            sessions_open: self.sessions.open_now(),
        }
    }
}
