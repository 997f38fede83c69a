//! What the signals tell a Redis, and what it said last: a queue and some numbers, for which nothing waits. The thread at
//! the other end is `reporter`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use redis::{Client, RedisResult};

use super::families::STORE_ERRORS;
use super::hash::Tag;
use crate::metrics::Counter;

/// Numbers that were read longer ago are not the cluster's any more.
const FRESH: u32 = 10;

/// Signals that can wait for the thread: what it does not take within a round or two.
pub(super) const QUEUE: usize = 1 << 16;

/// Users that were told lately, so that they are not told again within ten seconds.
const TOLD: usize = 1 << 16;

/// Seconds of the narrowest keys.
pub(super) const SLICE: u64 = 10;

/// All users, among the series of the events.
pub(super) const ALL: u16 = 0;

/// What the signals tell.
pub(super) struct Store {
    queue: SyncSender<Seen>,
    told: Box<[AtomicU64]>,
    numbers: Mutex<Option<Numbers>>,
}

/// The store as it was set.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) namespace: String,
}

pub(super) struct Seen {
    /// [`ALL`], or the number of an event and one.
    pub(super) series: u16,
    pub(super) tag: Tag,
    pub(super) second: u32,
}

/// What the cluster was when it was last asked.
#[derive(Clone)]
pub(super) struct Numbers {
    pub(super) users: Vec<u64>,
    pub(super) events: Vec<(&'static str, Vec<u64>)>,
    pub(super) at: u32,
}

/// What comes out of the queue, before its thread runs.
pub(super) struct Queue(pub(super) Receiver<Seen>, pub(super) Client);

impl Store {
    pub(super) fn new(settings: &Settings) -> RedisResult<(Store, Queue)> {
        let client = Client::open(settings.url.as_str())?;
        let (queue, seen) = sync_channel(QUEUE);
        let told = (0..TOLD).map(|_| AtomicU64::new(0)).collect();
        Ok((Store { queue, told, numbers: Mutex::new(None) }, Queue(seen, client)))
    }

    /// Tells the thread; does not wait, whatever becomes of the store.
    #[inline]
    pub(super) fn tell(&self, series: u16, tag: Tag, second: u32, errors: &Counter<STORE_ERRORS>) {
        let mixed = Tag::from_bits(tag.bits().wrapping_add(u64::from(series).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let word = (mixed.bits() << (64 - Tag::BITS)) | (u64::from(second) / SLICE);
        let told = &self.told[mixed.bits() as usize % TOLD];
        if told.load(Relaxed) != word {
            told.store(word, Relaxed);
            if self.queue.try_send(Seen { series, tag, second }).is_err() {
                // The next signal of this user tries again.
                told.store(0, Relaxed);
                errors.with(STORE_ERRORS { kind: "dropped" }).inc();
            }
        }
    }

    /// The numbers of the cluster, unless the store is away.
    pub(super) fn numbers(&self, now: u32) -> Option<Numbers> {
        let numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.as_ref().filter(|numbers| now - numbers.at <= FRESH).cloned()
    }

    pub(super) fn set(&self, numbers: Option<Numbers>) {
        *self.numbers.lock().unwrap_or_else(PoisonError::into_inner) = numbers;
    }
}
