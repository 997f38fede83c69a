//! The synchronisation that cells and series stand on: the standard library's, or under `cfg(loom)` the model checker's.

use std::sync::PoisonError;

#[cfg(not(loom))]
pub(crate) use std::{
    hint::spin_loop,
    sync::{Mutex, MutexGuard, OnceLock, atomic},
};

#[cfg(loom)]
pub(crate) use self::once_lock::OnceLock;
#[cfg(loom)]
pub(crate) use loom::{
    hint::spin_loop,
    sync::{Mutex, MutexGuard, atomic},
};

/// What stands in our tables is whole even if a thread panicked while it held their lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(loom)]
mod once_lock {
    use super::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        lock,
    };

    /// The standard one, with its orderings told to the model checker, which has none of its own.
    pub(crate) struct OnceLock<T> {
        value: std::sync::OnceLock<T>,
        is_set: AtomicBool,
        setting: Mutex<()>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            OnceLock { value: std::sync::OnceLock::new(), is_set: AtomicBool::new(false), setting: Mutex::new(()) }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            let _setting = lock(&self.setting);
            let result = self.value.set(value);
            self.is_set.store(true, Ordering::Release);
            result
        }

        /// Without a look first: the checker tries no other order of two looks, and of two accesses by
        /// one thread it remembers the later one only.
        pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
            let _setting = lock(&self.setting);
            let value = self.value.get_or_init(init);
            self.is_set.store(true, Ordering::Release);
            value
        }
    }
}
