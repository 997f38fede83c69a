//! What a request comes to when it is answered: the receipt of what it was charged, and the calls that its answer ends,
//! because their own value did not say how they ended.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::charge::Receipt;
use crate::outcome::Outcome;

/// What is still to be waited for when a call has ended.
pub(crate) type Settles = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A call that has returned, and whose end the answer tells. Dropped, its request was.
pub(crate) trait OpenCall: Send {
    /// The outcome of the answer; gives what is to be waited for before it is sent.
    fn answered(self: Box<Self>, outcome: Outcome) -> Option<Settles>;
}

/// What whoever answers a request has to see to.
#[derive(Debug, Default)]
pub(crate) struct RequestEnd {
    pub(crate) receipt: Receipt,
    pub(crate) open: OpenCalls,
}

/// The calls of a request that its answer ends.
#[derive(Default)]
pub(crate) struct OpenCalls(Mutex<State>);

enum State {
    Waiting(Vec<Box<dyn OpenCall>>),
    /// The request was answered: what comes now, such as a task that outlives it, ends by itself.
    Answered,
}

impl Default for State {
    fn default() -> Self {
        State::Waiting(Vec::new())
    }
}

impl OpenCalls {
    /// Leaves a call to the answer; gives it back where that was given before.
    pub(crate) fn leave<T: OpenCall + 'static>(&self, call: Box<T>) -> Result<(), Box<T>> {
        match &mut *self.state() {
            State::Waiting(calls) => {
                calls.push(call);
                Ok(())
            }
            State::Answered => Err(call),
        }
    }

    /// Ends all calls; gives what is to be waited for before the answer is sent.
    #[cfg(feature = "actix")]
    pub(crate) fn answered(&self, outcome: Outcome) -> Vec<Settles> {
        self.take().into_iter().filter_map(|call| call.answered(outcome)).collect()
    }

    /// The request was dropped, and so are its calls. They hold its scope, and that holds them.
    #[cfg(feature = "actix")]
    pub(crate) fn dropped(&self) {
        drop(self.take());
    }

    #[cfg(feature = "actix")]
    fn take(&self) -> Vec<Box<dyn OpenCall>> {
        match std::mem::replace(&mut *self.state(), State::Answered) {
            State::Waiting(calls) => calls,
            State::Answered => Vec::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for OpenCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenCalls").finish_non_exhaustive()
    }
}
