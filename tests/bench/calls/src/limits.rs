//! What the machine allows: the same work with nothing around it that a library needs.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

static SHARED: AtomicU64 = AtomicU64::new(0);

#[inline(always)]
pub fn shared_add() {
    SHARED.fetch_add(1, Relaxed);
}

/// A cache line and more of its own for each thread.
#[repr(align(128))]
struct Slot {
    count: AtomicU64,
    buckets: [AtomicU64; 15],
    sum: AtomicU64,
}
static SLOTS: [Slot; 16] =
    [const { Slot { count: AtomicU64::new(0), buckets: [const { AtomicU64::new(0) }; 15], sum: AtomicU64::new(0) } };
        16];
static NEXT: AtomicUsize = AtomicUsize::new(0);
thread_local!(static SLOT: Cell<usize> = const { Cell::new(usize::MAX) });

#[inline(always)]
fn slot() -> &'static Slot {
    if SLOT.get() == usize::MAX {
        SLOT.set(NEXT.fetch_add(1, Relaxed) % SLOTS.len());
    }
    &SLOTS[SLOT.get()]
}

#[inline(always)]
fn add(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Relaxed) + n, Relaxed);
}

#[inline(always)]
pub fn slot_add() {
    add(&slot().count, 1);
}

/// Powers of two for buckets: the cheapest histogram there is.
#[inline(always)]
pub fn slot_observe(ticks: u64) {
    let slot = slot();
    add(&slot.buckets[(64 - ticks.leading_zeros() as usize).min(14)], 1);
    add(&slot.sum, ticks);
}

#[inline(always)]
pub fn tsc() -> u64 {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { std::arch::x86_64::_rdtsc() }
}
