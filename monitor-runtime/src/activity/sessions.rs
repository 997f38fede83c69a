//! Which sessions are open, and since when. What is counted of them is for others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::hash::Tag;

/// Sessions by the tag of their id: nothing else of it is kept.
pub(super) struct Sessions {
    /// In parts, so that requests of several threads seldom meet.
    parts: Box<[Mutex<HashMap<Tag, Session>>]>,
    /// How many a part may hold.
    part_max: usize,
    /// Seconds without a sign of it after which a session is over.
    lifetime: u32,
    /// Open ones beyond that: counted, but nothing is known of them.
    unknown: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) opened: u32,
    pub(super) seen: u32,
}

impl Session {
    fn length(self) -> u32 {
        self.seen.saturating_sub(self.opened)
    }
}

/// What closing a session came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It lasted so many seconds.
    After(u32),
    /// It was open, since an unknown time.
    Unknown,
    /// There was no such session, or it is over already.
    No,
}

const PARTS: usize = 16;

impl Sessions {
    pub(super) fn new(max: usize, lifetime: u32) -> Sessions {
        Sessions {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            part_max: max.div_ceil(PARTS),
            lifetime,
            unknown: AtomicU64::new(0),
        }
    }

    /// False if it was open before.
    pub(super) fn open(&self, tag: Tag, session: Session) -> bool {
        let mut part = self.part(tag);
        let full = part.len() >= self.part_max;
        match part.get_mut(&tag) {
            Some(open) => {
                open.seen = open.seen.max(session.seen);
                return false;
            }
            None if full => drop(self.unknown.fetch_add(1, Relaxed)),
            None => drop(part.insert(tag, session)),
        }
        true
    }

    pub(super) fn see(&self, tag: Tag, now: u32) {
        if let Some(session) = self.part(tag).get_mut(&tag) {
            session.seen = session.seen.max(now);
        }
    }

    pub(super) fn close(&self, tag: Tag, now: u32) -> Closed {
        match self.part(tag).remove(&tag) {
            Some(session) => Closed::After(Session { seen: now, ..session }.length()),
            None if self.unknown.fetch_update(Relaxed, Relaxed, |unknown| unknown.checked_sub(1)).is_ok() => {
                Closed::Unknown
            }
            None => Closed::No,
        }
    }

    /// Ends the sessions that nothing was seen of for their lifetime, and hands over how long each lasted.
    pub(super) fn expire(&self, now: u32, visit: &mut dyn FnMut(u32)) {
        for part in &self.parts {
            lock(part).retain(|_, session| {
                let open = session.seen.saturating_add(self.lifetime) > now;
                if !open {
                    visit(session.length());
                }
                open
            });
        }
    }

    pub(super) fn open_now(&self) -> u64 {
        let known: usize = self.parts.iter().map(|part| lock(part).len()).sum();
        known as u64 + self.unknown.load(Relaxed)
    }

    pub(super) fn for_each(&self, visit: &mut dyn FnMut(Tag, Session)) {
        for part in &self.parts {
            lock(part).iter().for_each(|(tag, session)| visit(*tag, *session));
        }
    }

    fn part(&self, tag: Tag) -> MutexGuard<'_, HashMap<Tag, Session>> {
        lock(&self.parts[tag.bits() as usize % PARTS])
    }
}

/// A part is whole even if a thread panicked while it held its lock.
fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
