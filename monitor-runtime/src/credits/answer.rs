//! What a ledger will say: awaited, or waited for by a thread. The step is under way whether or not anybody waits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::error::CreditsError;

/// A ledger's answer. A future of no runtime in particular; [`wait`](Self::wait) blocks a thread for it.
///
/// A ledger begins the step when it is asked, so an answer that is dropped takes no step back.
#[must_use = "the step is taken, but whether it succeeded is in the answer"]
pub struct Answer<T>(Inner<T>);

enum Inner<T> {
    Now(Option<Result<T, CreditsError>>),
    Sent(Arc<Slot<T>>),
    Future(Pin<Box<dyn Future<Output = Result<T, CreditsError>> + Send>>),
}

impl<T> Answer<T> {
    /// An answer that is known.
    pub fn now(result: Result<T, CreditsError>) -> Answer<T> {
        Answer(Inner::Now(Some(result)))
    }

    /// An answer that somebody else gives: the other half does.
    pub fn sent() -> (Reply<T>, Answer<T>) {
        let slot = Arc::new(Slot(Mutex::new(State::Empty)));
        (Reply(Some(slot.clone())), Answer(Inner::Sent(slot)))
    }

    /// An answer that a future works out; it must need no runtime, because any thread may poll it. It goes on only
    /// while it is polled.
    pub fn from_future(future: impl Future<Output = Result<T, CreditsError>> + Send + 'static) -> Answer<T> {
        Answer(Inner::Future(Box::pin(future)))
    }

    /// Blocks this thread until the answer is there. In an async function, await it instead.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn wait(self) -> Result<T, CreditsError> {
        block_on(self)
    }
}

// Nothing in it is pinned: the future is in a box.
impl<T> Unpin for Answer<T> {}

impl<T> Future for Answer<T> {
    type Output = Result<T, CreditsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Inner::Now(result) => Poll::Ready(result.take().expect("an answer is polled until it is there")),
            Inner::Sent(slot) => slot.poll(context),
            Inner::Future(future) => future.as_mut().poll(context),
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// The half of an [`Answer`] that gives it. Dropped without one, it answers that the store is gone.
pub struct Reply<T>(Option<Arc<Slot<T>>>);

impl<T> Reply<T> {
    /// Whether anybody still waits for the answer.
    pub(super) fn is_awaited(&self) -> bool {
        self.0.as_ref().is_some_and(|slot| Arc::strong_count(slot) > 1)
    }

    /// Gives the answer.
    pub fn send(mut self, result: Result<T, CreditsError>) {
        if let Some(slot) = self.0.take() {
            slot.set(result);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            slot.set(Err(CreditsError::unavailable("the ledger has ended")));
        }
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

struct Slot<T>(Mutex<State<T>>);

enum State<T> {
    Empty,
    Awaited(Waker),
    Full(Result<T, CreditsError>),
    Taken,
}

impl<T> Slot<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, result: Result<T, CreditsError>) {
        let before = std::mem::replace(&mut *self.state(), State::Full(result));
        // Not under the lock: whoever wakes will want it.
        if let State::Awaited(waker) = before {
            waker.wake();
        }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Result<T, CreditsError>> {
        let mut state = self.state();
        if matches!(*state, State::Full(_)) {
            let State::Full(result) = std::mem::replace(&mut *state, State::Taken) else {
                unreachable!("it was looked at under the same lock")
            };
            return Poll::Ready(result);
        }
        assert!(!matches!(*state, State::Taken), "an answer is polled until it is there");
        *state = State::Awaited(context.waker().clone());
        Poll::Pending
    }
}

/// Runs a future that needs no runtime on this thread.
pub(super) fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_waited_for_by_a_thread() {
        let (reply, answer) = Answer::sent();
        let waiting = thread::spawn(|| answer.wait());
        reply.send(Ok(7));
        assert_eq!(waiting.join().expect("no panic"), Ok(7));
        assert_eq!(Answer::from_future(async { Ok(5) }).wait(), Ok(5));
        assert_eq!(Answer::now(Ok(3)).wait(), Ok(3));
    }

    #[test]
    fn who_drops_its_reply_is_unavailable() {
        let (reply, answer) = Answer::<()>::sent();
        drop(reply);
        assert!(answer.wait().expect_err("no answer").is_unavailable());
    }
}
