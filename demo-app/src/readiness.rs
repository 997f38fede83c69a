//! Whether the service wants requests now: not before it listens, and no more once it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Shared by the routes that tell it and by whoever starts and stops the service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<AtomicU8>);

/// What a load balancer wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Ready,
    Stopping,
}

impl Readiness {
    /// Ready, unless it was told to stop in the meantime.
    pub(crate) fn begin(&self) {
        let (starting, ready) = (State::Starting as u8, State::Ready as u8);
        // It fails where another thread was faster, or the stop was.
        let _ = self.0.compare_exchange(starting, ready, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, state: State) {
        self.0.store(state as u8, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> State {
        [State::Starting, State::Ready]
            .into_iter()
            .nth(self.0.load(Ordering::Relaxed).into())
            .unwrap_or(State::Stopping)
    }
}
