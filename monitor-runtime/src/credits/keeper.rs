//! A ledger in use: holds that void themselves when they are dropped, and the thread that settles what nobody waits for.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, SystemTime};

use super::answer::{Answer, Reply, block_on};
use super::desk::{self, Asked, Deed, Desk, Flushed, OnPaid, Order, Paid};
use super::error::CreditsError;
use super::families::VIOLATIONS;
use super::ledger::{Balance, Captured, Extended, Grant, Granted, HoldRequest, Ledger, Page, Placed, Verified};
use super::moves::{Micros, after};
use super::name::{AccountId, HoldId, Key, Operation};
use super::process::Process;
use super::state::HoldState;
use crate::clock::steady_micros;

/// How long a hold stands unless it is told otherwise.
const LIFETIME: Duration = Duration::from_secs(60);
const REAP_EVERY: Duration = Duration::from_secs(1);
/// How long the last owner's thread goes on settling.
const LAST_FLUSH: Micros = 5_000_000;

/// A ledger in use, shared by all who pay from it; cloning it is cheap.
///
/// It keeps a thread, which settles what was left to it (a call that was dropped, a store that did not answer), and frees
/// holds that have expired. The thread ends some time after the last clone is dropped;
/// [`shutdown`](Self::shutdown) waits for what it has left to do.
#[derive(Clone)]
pub struct Credits(Arc<Shared>);

struct Shared {
    ledger: Arc<dyn Ledger>,
    on_paid: Option<OnPaid>,
    lifetime: Duration,
    orders: Sender<Event>,
    /// The process whose thread takes the orders.
    process: Process,
}

impl Shared {
    /// Tells the thread. In a forked child there is none, and what its queue is locked by is not there to unlock it.
    fn tell(&self, event: Event) {
        if self.process.is_this() {
            // The thread is gone after a shutdown: what it is not told expires, and a reply that is dropped says so.
            let _ = self.orders.send(event);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.tell(Event::Closed);
    }
}

/// How a ledger is used.
#[must_use = "`build` puts the ledger to use"]
pub struct CreditsBuilder {
    ledger: Arc<dyn Ledger>,
    on_paid: Option<OnPaid>,
    lifetime: Duration,
    reap_every: Duration,
}

impl CreditsBuilder {
    /// How long a hold stands if nobody settles it: a minute, unless written. Longer than the longest paid call.
    pub fn hold_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// How often expired holds are freed: every second, unless written.
    pub fn reap_every(mut self, period: Duration) -> Self {
        self.reap_every = period;
        self
    }

    /// Tells of every capture, once, when the ledger has taken it; on the thread that heard of it first, which must not
    /// be held up.
    pub fn on_paid(mut self, tell: impl Fn(&Paid) + Send + Sync + 'static) -> Self {
        self.on_paid = Some(Arc::new(tell));
        self
    }

    /// Starts the thread.
    ///
    /// # Panics
    /// When the system has no thread left.
    #[must_use]
    pub fn build(self) -> Credits {
        let CreditsBuilder { ledger, on_paid, lifetime, reap_every } = self;
        let (orders, events) = mpsc::channel();
        let reap_every = after(0, reap_every).max(1000);
        let desk = Desk::new(ledger.clone(), on_paid.clone(), reap_every);
        let wake = orders.clone();
        thread::Builder::new()
            .name("credits".to_owned())
            .spawn(move || run(desk, &events, &wake))
            .expect("the system has a thread for the ledger's keeper");
        Credits(Arc::new(Shared { ledger, on_paid, lifetime, orders, process: Process::this() }))
    }
}

/// A keeper whose thread is a test's own, on the clock that the test moves.
#[cfg(all(test, feature = "test-util"))]
pub(super) struct ByHand {
    desk: Desk,
    events: Receiver<Event>,
}

#[cfg(all(test, feature = "test-util"))]
impl CreditsBuilder {
    pub(super) fn by_hand(self) -> (Credits, ByHand) {
        let CreditsBuilder { ledger, on_paid, lifetime, reap_every } = self;
        let (orders, events) = mpsc::channel();
        let desk = Desk::new(ledger.clone(), on_paid.clone(), after(0, reap_every));
        let process = Process::this();
        (Credits(Arc::new(Shared { ledger, on_paid, lifetime, orders, process })), ByHand { desk, events })
    }
}

#[cfg(all(test, feature = "test-util"))]
impl ByHand {
    /// Does what there is to do now; whatever waits is asked whether it is there.
    pub(super) fn step(&mut self) {
        let (now, wakers) = (steady_micros(), |_| Waker::noop().clone());
        while let Ok(event) = self.events.try_recv() {
            if let Event::Order(order) = event {
                self.desk.take(order.0, order.1, now, &wakers);
            }
        }
        for task in self.desk.tasks() {
            self.desk.go_on(task, now, &wakers);
        }
        self.desk.tick(now, &wakers);
    }

    /// What is not settled yet.
    pub(super) fn left(&self) -> usize {
        self.desk.tasks().len() - Desk::ALWAYS.len()
    }
}

impl fmt::Debug for CreditsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreditsBuilder").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

impl Credits {
    /// Puts a ledger to use.
    ///
    /// # Panics
    /// When the system has no thread left.
    #[must_use]
    pub fn new(ledger: impl Ledger) -> Credits {
        Credits::builder(ledger).build()
    }

    /// Puts a ledger to use in one's own way.
    pub fn builder(ledger: impl Ledger) -> CreditsBuilder {
        CreditsBuilder { ledger: Arc::new(ledger), on_paid: None, lifetime: LIFETIME, reap_every: REAP_EVERY }
    }

    /// The ledger itself, for steps that are not here.
    #[must_use]
    pub fn ledger(&self) -> &dyn Ledger {
        &*self.0.ledger
    }

    /// Adds credits to an account; see [`Ledger::grant`].
    pub fn grant(&self, grant: Grant) -> Answer<Granted> {
        self.0.ledger.grant(grant)
    }

    /// What an account has; see [`Ledger::balance`].
    pub fn balance(&self, account: AccountId) -> Answer<Balance> {
        self.0.ledger.balance(account)
    }

    /// An account's entries, the newest first; see [`Ledger::history`].
    pub fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
        self.0.ledger.history(account, before, limit)
    }

    /// Compares the whole ledger with itself, and counts what does not agree in `credit_violations_total`.
    pub fn verify(&self) -> Answer<Verified> {
        let verify = self.0.ledger.verify();
        Answer::from_future(async {
            let verified = verify.await?;
            VIOLATIONS.add(verified.violations.len() as u64);
            for violation in &verified.violations {
                tracing::error!(account = %violation.account, what = violation.what, "the ledger does not agree");
            }
            Ok(verified)
        })
    }

    /// Reserves `amount` credits of an account for an operation. Zero credits need no ledger: nothing is asked.
    ///
    /// A future, or [`wait`](Holding::wait) for it. Dropped before it is ready, it gives back what it may have reserved.
    pub fn hold(&self, account: &AccountId, operation: &Operation, amount: i64) -> Holding {
        self.hold_once(account, operation, amount, None)
    }

    /// [`hold`](Self::hold) for a call that its caller may repeat: a key that is held, or was captured, is a
    /// [`CreditsError::Duplicate`].
    pub fn hold_once(&self, account: &AccountId, operation: &Operation, amount: i64, key: Option<Key>) -> Holding {
        let order = Order {
            hold: HoldId::new(),
            account: account.clone(),
            operation: operation.clone(),
            deed: Deed::Void,
            until: after(steady_micros(), self.0.lifetime),
        };
        let asked = (amount != 0).then(|| {
            // Where no thread settles it, nothing is held.
            self.0.process.check().map(|()| {
                self.0.ledger.hold(HoldRequest {
                    id: order.hold,
                    account: account.clone(),
                    operation: operation.clone(),
                    amount,
                    lifetime: self.0.lifetime,
                    key,
                })
            })
        });
        let step = match asked {
            Some(Ok(answer)) => HoldStep::Asked(answer),
            Some(Err(forked)) => HoldStep::Asked(Answer::now(Err(forked))),
            None => HoldStep::Free,
        };
        Holding { credits: self.clone(), state: Some((order, step)), amount }
    }

    /// Settles what is left, and tells how many holds are not settled when the time is over; they will expire. What is
    /// dropped afterwards expires too. Call it last, when nobody is served any more.
    pub fn shutdown(&self, within: Duration) -> Answer<usize> {
        if let Err(forked) = self.0.process.check() {
            return Answer::now(Err(forked));
        }
        let (reply, answer) = Answer::sent();
        self.0.tell(Event::Flush(after(steady_micros(), within), reply));
        Answer::from_future(async { Ok(answer.await?.left) })
    }

    fn hand_over(&self, order: Order, asked: Asked) {
        self.0.tell(Event::Order(Box::new((order, asked))));
    }
}

impl fmt::Debug for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credits").field("ledger", &self.0.ledger).finish_non_exhaustive()
    }
}

/// A hold that the ledger is being asked for.
#[must_use = "a hold that is not waited for is given back"]
pub struct Holding {
    credits: Credits,
    state: Option<(Order, HoldStep)>,
    amount: i64,
}

enum HoldStep {
    Free,
    Asked(Answer<Placed>),
}

impl Holding {
    /// Blocks this thread until the hold stands. In an async function, await it instead.
    ///
    /// # Errors
    /// As [`Ledger::hold`], and [`CreditsError::Duplicate`].
    pub fn wait(self) -> Result<Held, CreditsError> {
        block_on(self)
    }
}

impl Future for Holding {
    type Output = Result<Held, CreditsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (_, step) = this.state.as_mut().expect("a hold is polled until it is there");
        let placed = match step {
            HoldStep::Free => None,
            HoldStep::Asked(answer) => match Pin::new(answer).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(placed) => Some(placed),
            },
        };
        let (order, _) = this.state.take().expect("it was there");
        Poll::Ready(match placed {
            None => Ok(Held { credits: this.credits.clone(), order: Some(order), amount: this.amount, placed: None }),
            // An id of our own can only have been placed by ourselves, in a step that was repeated.
            Some(Ok(placed)) if placed.hold == order.hold && placed.state == HoldState::Open => {
                let credits = this.credits.clone();
                Ok(Held { credits, order: Some(order), amount: this.amount, placed: Some(placed) })
            }
            Some(Ok(placed)) => Err(CreditsError::Duplicate { hold: placed.hold, state: placed.state }),
            Some(Err(error)) => {
                if error.is_unavailable() {
                    // It may stand all the same.
                    this.credits.hand_over(order, Asked::Nothing);
                }
                Err(error)
            }
        })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some((order, HoldStep::Asked(answer))) = self.state.take() {
            self.credits.hand_over(order, Asked::Hold(answer));
        }
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holding").field("amount", &self.amount).finish_non_exhaustive()
    }
}

/// Credits that are reserved. Dropped, they are given back: by the ledger's keeper, without a wait here.
#[must_use = "a hold that is dropped is given back"]
pub struct Held {
    credits: Credits,
    /// None when it is settled.
    order: Option<Order>,
    amount: i64,
    /// None for zero credits.
    placed: Option<Placed>,
}

impl Held {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> HoldId {
        self.order().hold
    }

    /// Who pays.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.order().account
    }

    /// What for.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.order().operation
    }

    /// How many credits.
    #[must_use]
    pub fn amount(&self) -> i64 {
        self.amount
    }

    /// When it expires, on the store's clock; none for zero credits.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.placed.as_ref().map(|placed| placed.expires_at)
    }

    /// What the account had when the hold stood; none for zero credits.
    #[must_use]
    pub fn balance(&self) -> Option<Balance> {
        self.placed.as_ref().map(|placed| placed.balance)
    }

    /// Takes all of it.
    pub fn capture(self) -> Settling {
        let amount = self.amount;
        self.capture_part(amount)
    }

    /// Takes `amount` of it, and gives the rest back; zero gives all of it back.
    ///
    /// More than is held, or less than nothing, is an error of the [`Settling`], and the hold is given back.
    pub fn capture_part(mut self, amount: i64) -> Settling {
        let credits = self.credits.clone();
        let settling = |step| Settling { credits, step: Some(step) };
        if amount < 0 {
            return settling(SettleStep::Known(Err(CreditsError::InvalidAmount { amount })));
        }
        if amount > self.amount {
            return settling(SettleStep::Known(Err(CreditsError::ExceedsHold { amount, held: self.amount })));
        }
        if amount == 0 {
            // Dropping it voids it, if there is anything to void.
            let nothing = Settled { amount: 0, captured: None, later: false };
            return settling(SettleStep::Known(Ok(nothing)));
        }
        if let Err(forked) = self.credits.0.process.check() {
            return settling(SettleStep::Known(Err(forked)));
        }
        let Some(mut order) = self.order.take() else { unreachable!("a hold is settled by value") };
        order.deed = Deed::Capture(amount);
        // The work is done: what is late is charged afresh, so it is worth trying for as long as a hold lives.
        order.until = order.until.max(after(steady_micros(), self.credits.0.lifetime));
        // Begun at once, in the order of calls, so that many at a time share a write of the store.
        let answer = self.credits.0.ledger.capture(order.hold, amount);
        settling(SettleStep::Asked(order, answer))
    }

    /// Gives it back now, without a wait; dropping it does the same.
    pub fn void(self) {}

    /// Lets it stand for `lifetime` from now on, if that is longer than it would.
    pub fn extend(&mut self, lifetime: Duration) -> Answer<Extended> {
        if let Some(order) = &mut self.order {
            order.until = order.until.max(after(steady_micros(), lifetime));
        }
        self.credits.0.ledger.extend(self.id(), lifetime)
    }

    fn order(&self) -> &Order {
        self.order.as_ref().expect("a hold is settled by value")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(order) = self.order.take()
            && self.placed.is_some()
        {
            self.credits.hand_over(order, Asked::Nothing);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("order", &self.order).field("amount", &self.amount).finish_non_exhaustive()
    }
}

/// A hold that is being captured. The capture is under way: dropping this leaves it to the ledger's keeper.
#[must_use = "the capture is taken, but whether it succeeded is in its answer"]
pub struct Settling {
    credits: Credits,
    step: Option<SettleStep>,
}

enum SettleStep {
    Known(Result<Settled, CreditsError>),
    Asked(Order, Answer<Captured>),
}

/// What was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Credits taken, or to be taken.
    pub amount: i64,
    /// What the ledger said; none when nothing was to be taken, or when it will be taken later.
    pub captured: Option<Captured>,
    /// The ledger did not answer: the capture is tried again for as long as a hold lives.
    pub later: bool,
}

impl Settling {
    /// Blocks this thread until the ledger has answered. In an async function, await it instead.
    ///
    /// # Errors
    /// As [`Ledger::capture`], but for `Unavailable`.
    pub fn wait(self) -> Result<Settled, CreditsError> {
        block_on(self)
    }
}

impl Future for Settling {
    type Output = Result<Settled, CreditsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(SettleStep::Asked(_, answer)) = &mut this.step {
            let Poll::Ready(result) = Pin::new(answer).poll(context) else { return Poll::Pending };
            let Some(SettleStep::Asked(order, _)) = this.step.take() else { unreachable!("it was there") };
            let Deed::Capture(amount) = order.deed else { unreachable!("a settling captures") };
            if result.as_ref().is_err_and(CreditsError::is_unavailable) {
                this.credits.hand_over(order, Asked::Capture(Answer::now(result)));
                return Poll::Ready(Ok(Settled { amount, captured: None, later: true }));
            }
            desk::captured(&order, &result, this.credits.0.on_paid.as_ref());
            return Poll::Ready(result.map(|captured| Settled { amount, captured: Some(captured), later: false }));
        }
        match this.step.take() {
            Some(SettleStep::Known(result)) => Poll::Ready(result),
            _ => panic!("a settling is polled until it is done"),
        }
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        if let Some(SettleStep::Asked(order, answer)) = self.step.take() {
            self.credits.hand_over(order, Asked::Capture(answer));
        }
    }
}

impl fmt::Debug for Settling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settling").finish_non_exhaustive()
    }
}

/// What the thread is told.
enum Event {
    Order(Box<(Order, Asked)>),
    /// Something that this task waits for is there.
    Ready(u64),
    Flush(Micros, Reply<Flushed>),
    /// The last owner is gone.
    Closed,
}

struct Ready {
    task: u64,
    events: Sender<Event>,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        let _ = self.events.send(Event::Ready(self.task));
    }
}

/// The thread: tells the desk what happens and what time it is.
fn run(mut desk: Desk, events: &Receiver<Event>, wake: &Sender<Event>) {
    let wakers = |task| Waker::from(Arc::new(Ready { task, events: wake.clone() }));
    let mut end = None;
    loop {
        let now = steady_micros();
        if end.is_some_and(|end| desk.is_idle() || end <= now) {
            return;
        }
        let until = desk.next_tick().min(end.unwrap_or(Micros::MAX));
        let pause = Duration::from_micros(until.saturating_sub(now).max(0).unsigned_abs());
        let event = events.recv_timeout(pause);
        let now = steady_micros();
        // A ledger of somebody's own may panic: what it panicked over expires, the rest is settled.
        let done = catch_unwind(AssertUnwindSafe(|| match event {
            Ok(Event::Order(order)) => desk.take(order.0, order.1, now, &wakers),
            Ok(Event::Ready(task)) => desk.go_on(task, now, &wakers),
            Ok(Event::Flush(by, reply)) => desk.flush(by, reply, now, &wakers),
            Ok(Event::Closed) => end = Some(now.saturating_add(LAST_FLUSH)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }));
        let ticked = catch_unwind(AssertUnwindSafe(|| desk.tick(now, &wakers)));
        if done.is_err() || ticked.is_err() {
            tracing::error!("the ledger panicked while it settled");
        }
    }
}
