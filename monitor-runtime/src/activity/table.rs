//! Who was seen when, exactly: a table of fixed size, updated without a lock. That it is full is for its users to mend.
//!
//! A slot is one atomic word: a user's tag and the second it was last seen, so the two never disagree. A user stands in
//! one of the `REACH` slots that begin at its home; a slot that was filled is never empty again, but is free for another
//! once its user has left the widest window. So a search goes on past slots of others, and ends at an empty one.

use super::hash::Tag;
use super::sync::atomic::{AtomicU64, Ordering::SeqCst};
use super::sync::write_before_read;

/// See the file's head.
pub(super) struct Table {
    slots: Box<[AtomicU64]>,
}

/// What became of a user that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It had been seen in this second already; nothing was written.
    Before,
    /// It was there.
    Known,
    /// It has a slot now, or has one again.
    New,
    /// There is no room for it.
    Full,
}

impl Recorded {
    /// Of a user whose slot said `seen`.
    #[inline]
    fn again(seen: u64, horizon: u32) -> Recorded {
        if second_of(seen) < horizon { Recorded::New } else { Recorded::Known }
    }
}

/// How far from its home a user may stand. In a table that is half full nobody is expected to stand beyond 65.
const REACH: usize = if cfg!(loom) { 2 } else { 128 };

/// Slots from its home on that are looked at together, without a branch for each. In a table that is half full, 19 of 20
/// users stand there.
const NEAR: usize = if cfg!(loom) { 2 } else { 4 };

/// The latest second that a slot can hold: after four years of one process, time stands still here.
pub(super) const LAST_SECOND: u32 = (1 << (64 - Tag::BITS)) - 1;

const EMPTY: u64 = 0;

/// A slot that is free. Its second lies before any window, so whoever compares seconds sees that it is.
const FREE: u64 = word(Tag::from_bits(0), 1);

const fn word(tag: Tag, second: u32) -> u64 {
    tag.bits() << (64 - Tag::BITS) | second as u64
}

const fn tag_of(word: u64) -> Tag {
    Tag::from_bits(word >> (64 - Tag::BITS))
}

const fn second_of(word: u64) -> u32 {
    word as u32 & LAST_SECOND
}

impl Table {
    /// Twice as many slots as users, so that searches are short.
    pub(super) fn new(users: usize) -> Table {
        // Homes are spread over all but the last slots.
        Table { slots: (0..2 * users.max(1) + REACH - 1).map(|_| AtomicU64::new(EMPTY)).collect() }
    }

    /// Sees a user at `second`, which is not 0. Slots whose user was last seen before `horizon` are free.
    #[inline]
    pub(super) fn record(&self, tag: Tag, second: u32, horizon: u32) -> Recorded {
        let reach = self.reach(tag);
        let mut near = None;
        for slot in reach[..NEAR].iter().rev() {
            let word = slot.load(SeqCst);
            near = if tag_of(word) == tag { Some((slot, word)) } else { near };
        }
        match near {
            // Not one that is empty or free, which user 0 would be found in.
            Some((slot, seen)) if second_of(seen) > second_of(FREE) => {
                if second_of(seen) >= second {
                    return Recorded::Before;
                }
                if slot.compare_exchange(seen, word(tag, second), SeqCst, SeqCst).is_ok() {
                    return Recorded::again(seen, horizon);
                }
            }
            _ => {}
        }
        self.record_anywhere(reach, tag, second, horizon)
    }

    fn record_anywhere(&self, reach: &[AtomicU64], tag: Tag, second: u32, horizon: u32) -> Recorded {
        loop {
            let mut room = None;
            let mut there = None;
            for slot in reach {
                let word = slot.load(SeqCst);
                if word == EMPTY {
                    room = room.or(Some((slot, word)));
                    break;
                }
                if tag_of(word) == tag && word != FREE {
                    there = Some((slot, word));
                    break;
                }
                if room.is_none() && second_of(word) < horizon {
                    room = Some((slot, word));
                }
            }
            let (slot, seen) = match (there, room) {
                (Some((_, seen)), _) if second_of(seen) >= second => return Recorded::Before,
                (Some(there), _) => there,
                (None, Some(room)) => room,
                (None, None) => return Recorded::Full,
            };
            // Fails when the slot changed hands, or its user was seen by another thread. Either way: once more.
            if slot.compare_exchange(seen, word(tag, second), SeqCst, SeqCst).is_ok() {
                if there.is_some() {
                    return Recorded::again(seen, horizon);
                }
                write_before_read();
                if self.remove_twins(tag) {
                    return Recorded::New;
                }
            }
        }
    }

    /// Leaves one of the slots that have this tag. There are two when two threads gave it a slot at a time, of which one
    /// saw a second pass in which a user before left the window. Of the two one sees the other's here. False if the one
    /// to be left went to another user meanwhile.
    fn remove_twins(&self, tag: Tag) -> bool {
        let reach = self.reach(tag);
        let mut first: Option<&AtomicU64> = None;
        for slot in reach {
            let mut seen = slot.load(SeqCst);
            if seen == EMPTY {
                break;
            }
            while tag_of(seen) == tag && seen != FREE {
                let Some(first) = first else {
                    first = Some(slot);
                    break;
                };
                // What the other was last seen is not forgotten with it.
                let later = |kept: u64| (tag_of(kept) == tag).then_some(kept.max(seen));
                if first.fetch_update(SeqCst, SeqCst, later).is_err() {
                    return false;
                }
                match slot.compare_exchange(seen, FREE, SeqCst, SeqCst) {
                    Ok(_) => break,
                    Err(changed) => seen = changed,
                }
            }
        }
        true
    }

    /// How many users were seen at or after each of the seconds `since`.
    pub(super) fn counts(&self, since: &[u32]) -> Vec<u64> {
        let mut counts = vec![0; since.len()];
        let mut seconds = [0; 256];
        for block in self.slots.chunks(seconds.len()) {
            // Out of the atomics, so that the processor compares many of them at once.
            for (second, slot) in seconds.iter_mut().zip(block) {
                *second = second_of(slot.load(SeqCst));
            }
            let seconds = &seconds[..block.len()];
            for (count, since) in counts.iter_mut().zip(since) {
                // Empty and free slots are of seconds 0 and 1.
                let since = (*since).max(2);
                *count += u64::from(seconds.iter().map(|second| u32::from(*second >= since)).sum::<u32>());
            }
        }
        counts
    }

    /// Every user that was seen at `horizon` or later, and when.
    #[inline]
    pub(super) fn for_each(&self, horizon: u32, visit: &mut dyn FnMut(Tag, u32)) {
        for slot in &self.slots {
            let word = slot.load(SeqCst);
            if second_of(word) >= horizon.max(2) {
                visit(tag_of(word), second_of(word));
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    #[inline]
    fn reach(&self, tag: Tag) -> &[AtomicU64] {
        let homes = (self.slots.len() - (REACH - 1)) as u128;
        let home = ((u128::from(tag.bits()) * homes) >> Tag::BITS) as usize;
        &self.slots[home..home + REACH]
    }
}
