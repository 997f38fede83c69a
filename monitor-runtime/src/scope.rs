//! On whose behalf work is done: the account, the ledger that it pays from, and the request that asked. A scope is
//! entered for as long as a function runs, or at each poll of a future; what is done with what it says, others know.
//!
//! It is a thread-local that is exchanged when work begins and ends, so it needs no task-locals of a runtime. For the
//! same reason a spawned task or thread does not see it: [`carry`] takes it along.
//!
//! ```
//! use monitor_runtime::scope::{self, Scope};
//!
//! let scope = Scope::of("ada");
//! let account = scope.run(|| scope::current().account().map(str::to_owned));
//! assert_eq!(account.as_deref(), Some("ada"));
//! assert_eq!(scope::current().account(), None);
//! ```

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::charge::Charge;
use crate::credits::Credits;
use crate::open_calls::RequestEnd;

/// On whose behalf work is done. A clone is the same scope.
#[derive(Clone, Default)]
pub struct Scope {
    /// `None` is nobody, for whom nothing is kept; as the current scope, that none was entered.
    inner: Option<Arc<Inner>>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    account: Option<Arc<str>>,
    ledger: Option<Credits>,
    request: Option<Arc<str>>,
    key: Option<Arc<RequestKey>>,
    /// What the request comes to when it is answered; those who open its scope see to it.
    end: Option<Arc<RequestEnd>>,
    /// Of the paid call whose body this is.
    charge: Option<Arc<Charge>>,
}

/// A request's idempotency key, and how often each operation has used it.
#[derive(Debug)]
struct RequestKey {
    key: Box<str>,
    uses: Mutex<Vec<(Box<str>, u32)>>,
}

thread_local! {
    static CURRENT: RefCell<Scope> = const { RefCell::new(Scope::NOBODY) };
}

/// The scope in which this runs; [`Scope::NOBODY`] outside of any.
#[must_use]
pub fn current() -> Scope {
    // Not there any more while the thread's locals are being dropped.
    CURRENT.try_with(|current| current.borrow().clone()).unwrap_or(Scope::NOBODY)
}

/// What the request comes to for which this runs, where its answer is seen.
pub(crate) fn request_end() -> Option<Arc<RequestEnd>> {
    CURRENT.try_with(|current| current.borrow().end().cloned()).ok().flatten()
}

/// A future that runs in the scope in which this is called, wherever it is polled: for a task that is spawned.
///
/// ```
/// # async fn report() {}
/// # async fn spawn(_: impl Future<Output = ()> + Send + 'static) {}
/// # async fn handler() {
/// spawn(monitor_runtime::scope::carry(report())).await;
/// # }
/// ```
pub fn carry<F: Future>(future: F) -> InScope<F> {
    // Where there is no scope, the future has none either: that it was forgotten is told, and not hidden.
    InScope { future: Some(future), scope: current() }
}

impl Scope {
    /// On nobody's behalf.
    pub const NOBODY: Scope = Scope { inner: None };

    /// On behalf of an account. This is where an account becomes known, once for each request of it.
    #[must_use]
    pub fn of(account: impl Into<Arc<str>>) -> Scope {
        Scope::NOBODY.with(|inner| inner.account = Some(account.into()))
    }

    /// The same scope, in which `request` names the request that asked for the work, such as its `X-Request-Id`.
    #[must_use]
    pub fn request(self, request: impl Into<Arc<str>>) -> Scope {
        self.with(|inner| inner.request = Some(request.into()))
    }

    /// The same scope, whose account pays from this ledger.
    #[must_use]
    pub fn ledger(self, ledger: Credits) -> Scope {
        self.with(|inner| inner.ledger = Some(ledger))
    }

    /// The same scope, whose request has this idempotency key: what it pays for is paid once, however often the
    /// request is sent.
    #[must_use]
    pub fn idempotency_key(self, key: impl Into<Box<str>>) -> Scope {
        self.with(|inner| inner.key = Some(Arc::new(RequestKey { key: key.into(), uses: Mutex::default() })))
    }

    /// The same scope, whose request will be answered, and then ends so.
    #[cfg(feature = "actix")]
    pub(crate) fn ends(self, end: Arc<RequestEnd>) -> Scope {
        self.with(|inner| inner.end = Some(end))
    }

    /// The same scope, as the body of a paid call has it.
    pub(crate) fn charging(self, charge: Arc<Charge>) -> Scope {
        self.with(|inner| inner.charge = Some(charge))
    }

    /// The account, if there is one.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.inner.as_ref()?.account.as_deref()
    }

    /// What names the request, if there is one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.inner.as_ref()?.request.as_deref()
    }

    /// The ledger, if there is one.
    pub(crate) fn credits(&self) -> Option<&Credits> {
        self.inner.as_ref()?.ledger.as_ref()
    }

    /// What the request comes to, where its answer is seen.
    pub(crate) fn end(&self) -> Option<&Arc<RequestEnd>> {
        self.inner.as_ref()?.end.as_ref()
    }

    /// The paid call whose body runs in this scope.
    pub(crate) fn charge(&self) -> Option<&Arc<Charge>> {
        self.inner.as_ref()?.charge.as_ref()
    }

    /// Whether the request has an idempotency key.
    pub(crate) fn has_key(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.key.is_some())
    }

    /// The key of the next call of `operation`: the request's own, and after that the same with a number, so that one
    /// request may do the same thing twice and its repetition does neither again.
    pub(crate) fn next_key(&self, operation: &str) -> Option<String> {
        let RequestKey { key, uses } = &**self.inner.as_ref()?.key.as_ref()?;
        let mut uses = uses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, number)) = uses.iter_mut().find(|(used, _)| **used == *operation) {
            *number += 1;
            return Some(format!("{key}#{number}"));
        }
        uses.push((operation.into(), 1));
        // A caller's key that reads like a later use of another one gets its number too: `a#2` is not the second use of `a`.
        let reads_numbered = key
            .rsplit_once('#')
            .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        Some(if reads_numbered { format!("{key}#1") } else { key.as_ref().to_owned() })
    }

    /// Runs `work` in this scope.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut scope = self.clone().made();
        let _entered = Entered::enter(&mut scope);
        work()
    }

    /// A future that runs in this scope, wherever it is polled.
    pub fn around<F: Future>(self, future: F) -> InScope<F> {
        InScope { future: Some(future), scope: self.made() }
    }

    /// Whether it was entered: nobody is one who was named, and not that a program forgot to name anybody.
    pub(crate) fn is_entered(&self) -> bool {
        self.inner.is_some()
    }

    fn made(mut self) -> Scope {
        self.inner.get_or_insert_default();
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Scope {
        change(Arc::make_mut(self.inner.get_or_insert_default()));
        self
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            None => f.write_str("Scope::NOBODY"),
            Some(inner) => f.debug_struct("Scope").field("account", &inner.account).finish_non_exhaustive(),
        }
    }
}

/// While it lives, a scope is this thread's current one, and the one before stands in the scope's place. It ends also
/// by a panic.
struct Entered<'a> {
    place: &'a mut Scope,
    /// It belongs to one thread.
    this_thread: PhantomData<*const ()>,
}

impl<'a> Entered<'a> {
    fn enter(place: &'a mut Scope) -> Self {
        exchange(place);
        Entered { place, this_thread: PhantomData }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        exchange(self.place);
    }
}

fn exchange(place: &mut Scope) {
    let _ = CURRENT.try_with(|current| mem::swap(&mut *current.borrow_mut(), place));
}

pin_project! {
    /// A future that runs in a scope: made by [`carry`] or [`Scope::around`]. What it does while it is dropped is done
    /// in its scope too.
    pub struct InScope<F> {
        // There until the drop, which empties it while the scope is entered.
        #[pin]
        future: Option<F>,
        scope: Scope,
    }

    impl<F> PinnedDrop for InScope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = Entered::enter(this.scope);
            this.future.set(None);
        }
    }
}

impl<F> InScope<F> {
    /// The scope.
    #[cfg(feature = "actix")]
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl<F> fmt::Debug for InScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InScope").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = Entered::enter(this.scope);
        match this.future.as_pin_mut() {
            Some(future) => future.poll(context),
            None => unreachable!("the future is there until it is dropped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::rc::Rc;
    use std::task::Waker;

    use super::*;

    fn account() -> Option<String> {
        current().account().map(str::to_owned)
    }

    /// Pending once, then ready.
    async fn turn() {
        let mut turned = false;
        std::future::poll_fn(|_| if mem::replace(&mut turned, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn no_key_of_a_caller_is_the_later_use_of_another() {
        let uses = |key: &str| {
            let scope = Scope::of("ada").idempotency_key(key);
            (0..3).map(|_| scope.next_key("report").expect("a key")).collect::<Vec<_>>()
        };
        assert_eq!(uses("a"), ["a", "a#2", "a#3"]);
        let keys = ["a", "a#1", "a#2", "a#2#2", "a#", "#", "#2", "a#2x", "a##2"];
        let all: Vec<String> = keys.iter().flat_map(|key| uses(key)).collect();
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }

    #[test]
    fn the_inner_scope_hides_the_outer_one_and_gives_it_back() {
        let outer = Scope::of("ada").request("r1");
        outer.run(|| {
            Scope::of("bob").run(|| assert_eq!((account(), current().request_id()), (Some("bob".to_owned()), None)));
            assert_eq!(account().as_deref(), Some("ada"));
            assert_eq!(current().request_id(), Some("r1"));
            Scope::NOBODY.run(|| assert_eq!(account(), None));
            assert_eq!(account().as_deref(), Some("ada"));
        });
        assert_eq!(account(), None);
    }

    #[test]
    fn a_panic_leaves_the_scope() {
        let scope = Scope::of("ada");
        let caught = catch_unwind(AssertUnwindSafe(|| scope.run(|| panic!("on purpose"))));
        assert!(caught.is_err());
        assert_eq!(account(), None);
    }

    #[test]
    fn two_futures_of_one_thread_keep_apart_whoever_is_polled_first() {
        let work = || async {
            let before = account();
            turn().await;
            (before, account())
        };
        let mut ada = pin!(Scope::of("ada").around(work()));
        let mut bob = pin!(Scope::of("bob").around(work()));
        assert!(poll(ada.as_mut()).is_pending());
        assert!(poll(bob.as_mut()).is_pending());
        assert_eq!(account(), None);
        let both = |name: &str| Poll::Ready((Some(name.to_owned()), Some(name.to_owned())));
        assert_eq!(poll(bob), both("bob"));
        assert_eq!(poll(ada), both("ada"));
        assert_eq!(account(), None);
    }

    #[test]
    fn another_thread_sees_only_what_is_carried() {
        Scope::of("ada").run(|| {
            let carried = carry(async { account() });
            let seen = std::thread::spawn(move || {
                let mut carried = pin!(carried);
                (account(), poll(carried.as_mut()))
            });
            assert_eq!(seen.join().expect("no panic"), (None, Poll::Ready(Some("ada".to_owned()))));
        });
    }

    #[test]
    fn what_a_future_drops_is_dropped_in_its_scope() {
        struct Tells(Rc<Cell<bool>>);
        impl Drop for Tells {
            fn drop(&mut self) {
                self.0.set(account().as_deref() == Some("ada"));
            }
        }
        for polled in [false, true] {
            let told = Rc::new(Cell::new(false));
            let tells = Tells(told.clone());
            let mut future = Box::pin(Scope::of("ada").around(async move {
                let _tells = tells;
                std::future::pending::<()>().await;
            }));
            if polled {
                assert!(poll(future.as_mut()).is_pending());
            }
            drop(future);
            assert!(told.get(), "polled: {polled}");
        }
    }

    #[test]
    fn a_scope_adds_three_words_to_a_future_at_most() {
        let large = |buffer: [u8; 4096]| async move {
            turn().await;
            buffer.len()
        };
        let plain = size_of_val(&large([0; 4096]));
        let scoped = size_of_val(&Scope::of("ada").around(large([0; 4096])));
        assert!(scoped <= plain + 3 * size_of::<usize>(), "{plain} bytes became {scoped}");
    }
}
