//! What the windows synchronise by: the standard library's atomics, or under `cfg(loom)` the model checker's.

pub(super) use crate::metrics::sync::{OnceLock, atomic};

/// Stands between a write and a read of which, of two threads that do the two the other way around, one sees the other's
/// write. `SeqCst` on all four says that already; the model checker takes it for less, but knows fences.
#[inline(always)]
pub(super) fn write_before_read() {
    #[cfg(loom)]
    atomic::fence(atomic::Ordering::SeqCst);
}
