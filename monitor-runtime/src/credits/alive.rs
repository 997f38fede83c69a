//! The holds of calls that still run, and when each is to be renewed. A hold is here from the moment it stands until it is
//! settled or dropped, so what this takes is bounded by the calls that run; who renews them is not its business.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use super::moves::Micros;
use super::name::HoldId;

/// Calls of different threads seldom meet at one lock.
const SHARDS: usize = 16;

/// When each is due, on the steady clock.
type Shard = HashMap<HoldId, Micros, RandomState>;

pub(super) struct Alive {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    lifetime: Micros,
}

impl Alive {
    /// Holds that live so long.
    pub(super) fn new(lifetime: Micros) -> Alive {
        Alive { shards: Default::default(), hasher: RandomState::default(), lifetime }
    }

    /// How often to look: a hold is renewed between a half and five eighths of its life, and there is time for more than
    /// one try.
    pub(super) fn look_every(&self) -> Micros {
        (self.lifetime / 8).max(1000)
    }

    /// A hold stands that was asked for, or renewed, at `asked`.
    pub(super) fn begins(&self, hold: HoldId, asked: Micros) {
        self.shard(hold).insert(hold, self.due_after(asked));
    }

    pub(super) fn ends(&self, hold: HoldId) {
        self.shard(hold).remove(&hold);
    }

    pub(super) fn contains(&self, hold: HoldId) -> bool {
        self.shard(hold).contains_key(&hold)
    }

    /// It was renewed, if it is still alive.
    pub(super) fn renewed(&self, hold: HoldId, asked: Micros) {
        let due = self.due_after(asked);
        if let Some(at) = self.shard(hold).get_mut(&hold) {
            *at = due;
        }
    }

    /// Those to be renewed now. If that fails they are due again at the next look.
    pub(super) fn due(&self, now: Micros, due: &mut impl Extend<HoldId>) {
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            due.extend(shard.iter().filter(|(_, at)| **at <= now).map(|(hold, _)| *hold));
        }
    }

    fn due_after(&self, asked: Micros) -> Micros {
        asked.saturating_add(self.lifetime / 2)
    }

    fn shard(&self, hold: HoldId) -> MutexGuard<'_, Shard> {
        let shard = self.hasher.hash_one(hold) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
