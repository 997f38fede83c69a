//! A ledger in use: holds that void themselves when they are dropped, and the thread that settles what nobody waits for.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, SystemTime};

use super::alive::Alive;
use super::answer::{Answer, Reply, block_on};
use super::desk::{self, Asked, Deed, Desk, Flushed, OnPaid, Order, Paid, Settled, Waits};
use super::error::CreditsError;
use super::families::VIOLATIONS;
use super::ledger::{Balance, Captured, Extended, Grant, Granted, HoldRequest, Ledger, Page, Placed, Verified, Voided};
use super::moves::{Micros, after};
use super::name::{AccountId, HoldId, Key, Operation};
use super::owed::OwedFile;
use super::process::Process;
use super::state::HoldState;
use crate::clock::steady_micros;

/// How long a hold stands unless it is told otherwise.
const LIFETIME: Duration = Duration::from_secs(60);
const REAP_EVERY: Duration = Duration::from_secs(1);
/// How long the last owner's thread goes on settling.
const LAST_FLUSH: Micros = 5_000_000;
/// How long who gives a hold back waits for it to be done; then it is left to the thread.
const GIVE_BACK_WITHIN: Micros = 1_000_000;
/// How long who captures waits for a ledger that does not answer, unless it is told otherwise.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);
/// Orders that may be left to the thread: with more, nothing new is held, so that what waits for a ledger that takes holds
/// and no settles is bounded.
const LEFT_MAX: usize = 100_000;

/// A ledger in use, shared by all who pay from it; cloning it is cheap.
///
/// It keeps a thread, which settles what was left to it (a call that was dropped, a store that did not answer), renews the
/// holds of calls that still run at half their life, and frees holds that have expired. The thread ends some time after the
/// last clone is dropped; [`shutdown`](Self::shutdown) waits for what it has left to do.
///
/// # When the ledger does not answer
/// The work is done, and its capture is not taken. It is tried again, at least every five seconds, as long as the process
/// lives. What the caller is told meanwhile:
///
/// | | the answer | the process is killed before the ledger is back |
/// |---|---|---|
/// | with a file of [captures that are owed](CreditsBuilder::owed_captures) | given when the capture is written there and fsynced | the next start settles it |
/// | without | held back until the capture is taken, for [half a minute](CreditsBuilder::settle_within) at most | unpaid; if its answer was given, `credit_answers_unsettled_total` has counted it |
///
/// At most 100,000 orders wait for the ledger; then nothing new is held, with
/// [`Unavailable`](CreditsError::Unavailable).
#[derive(Clone)]
pub struct Credits(Arc<Shared>);

struct Shared {
    ledger: Arc<dyn Ledger>,
    on_paid: Option<OnPaid>,
    lifetime: Duration,
    settle_within: Duration,
    /// Holds of calls that run.
    alive: Arc<Alive>,
    /// Orders that are left to the thread.
    left: Arc<AtomicUsize>,
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
    settle_within: Duration,
    owed: Option<OwedFile>,
}

impl CreditsBuilder {
    /// How long a hold stands if nobody settles it, because its process ended or cannot reach the ledger: a minute, unless
    /// written. While a call runs, its hold is renewed at half its life, however long that takes.
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

    /// Keeps captures that are owed in this file: work that was done, and whose capture the ledger has not taken when the
    /// answer is given, because it does not answer. Each is fsynced before the answer is, and settled by the next start if
    /// this process ends before. On the usual way nothing is written.
    ///
    /// The file is made if it is not there, and is this process's alone while it lives. It belongs to one ledger.
    /// [`on_paid`](Self::on_paid) may be told twice of a capture that was taken just before the process was killed.
    ///
    /// # Errors
    /// [`Unavailable`](CreditsError::Unavailable) when it cannot be opened, or another process has it;
    /// [`InvalidStore`](CreditsError::InvalidStore) when it is another program's, or damaged.
    pub fn owed_captures(mut self, path: impl AsRef<Path>) -> Result<Self, CreditsError> {
        self.owed = Some(OwedFile::open(path.as_ref())?);
        Ok(self)
    }

    /// How long a call whose work is done is kept waiting for a ledger that does not answer, where there is no file of
    /// [captures that are owed](Self::owed_captures), or it cannot be written: half a minute, unless written. Then the
    /// answer is given all the same, and `credit_answers_unsettled_total` counts it: if this process ends before the ledger
    /// is back, that work is unpaid. `Duration::MAX` never gives such an answer.
    pub fn settle_within(mut self, time: Duration) -> Self {
        self.settle_within = time;
        self
    }

    /// Starts the thread.
    ///
    /// # Panics
    /// When the system has no thread left.
    #[must_use]
    pub fn build(self) -> Credits {
        let (credits, desk, events) = self.parts();
        let wake = credits.0.orders.clone();
        thread::Builder::new()
            .name("credits".to_owned())
            .spawn(move || run(desk, &events, &wake))
            .expect("the system has a thread for the ledger's keeper");
        credits
    }

    fn parts(self) -> (Credits, Desk, Receiver<Event>) {
        let CreditsBuilder { ledger, on_paid, lifetime, reap_every, settle_within, owed } = self;
        let (orders, events) = mpsc::channel();
        let reap_every = after(0, reap_every).max(1000);
        let (alive, left) = (Arc::new(Alive::new(after(0, lifetime))), Arc::default());
        let mut desk = Desk::new(ledger.clone(), on_paid.clone(), reap_every)
            .renews(Arc::clone(&alive), lifetime)
            .tells(Arc::clone(&left));
        if let Some(file) = owed {
            let before = file.owed().to_vec();
            if !before.is_empty() {
                tracing::warn!(captures = before.len(), "captures are owed from a previous life");
            }
            desk = desk.owes(file.start(), before);
        }
        let process = Process::this();
        let shared = Shared { ledger, on_paid, lifetime, settle_within, alive, left, orders, process };
        (Credits(Arc::new(shared)), desk, events)
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
        let (credits, desk, events) = self.parts();
        (credits, ByHand { desk, events })
    }
}

#[cfg(all(test, feature = "test-util"))]
impl ByHand {
    /// Does what there is to do now; whatever waits is asked whether it is there.
    pub(super) fn step(&mut self) {
        let (now, wakers) = (steady_micros(), |_| Waker::noop().clone());
        while let Ok(event) = self.events.try_recv() {
            if let Event::Order(order) = event {
                self.desk.take(order.order, order.asked, order.waits, now, &wakers);
            }
        }
        for task in self.desk.tasks().into_iter().chain(self.desk.renewals()) {
            self.desk.go_on(task, now, &wakers);
        }
        self.desk.tick(now, &wakers);
    }

    /// Renewals that are not answered yet.
    pub(super) fn renewing(&self) -> usize {
        self.desk.renewing()
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
        CreditsBuilder {
            ledger: Arc::new(ledger),
            on_paid: None,
            lifetime: LIFETIME,
            reap_every: REAP_EVERY,
            settle_within: SETTLE_WITHIN,
            owed: None,
        }
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

    /// Whether paid work can be done now; see [`Ledger::health`].
    pub fn health(&self) -> Answer<()> {
        match self.0.process.check() {
            Ok(()) => self.0.ledger.health(),
            Err(forked) => Answer::now(Err(forked)),
        }
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
        let asked_at = steady_micros();
        let order = Order {
            hold: HoldId::new(),
            account: account.clone(),
            operation: operation.clone(),
            deed: Deed::Void,
            until: after(asked_at, self.0.lifetime),
        };
        let is_full = amount != 0 && self.0.left.load(Ordering::Relaxed) >= LEFT_MAX;
        let asked = (amount != 0 && !is_full).then(|| {
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
            Some(Ok(answer)) => HoldStep::Asked(answer, asked_at),
            Some(Err(forked)) => HoldStep::Asked(Answer::now(Err(forked)), asked_at),
            None if is_full => HoldStep::Full,
            None => HoldStep::Free,
        };
        Holding { credits: self.clone(), state: Some((order, step)), amount }
    }

    /// Settles what is left, and tells how many orders are not settled when the time is over: holds to be given back, which
    /// will expire, and captures, which the next start settles if they are
    /// [written down](CreditsBuilder::owed_captures), and are lost with this process if not. What is dropped afterwards
    /// expires too. Then it [flushes](Ledger::flush) the ledger: a copy of its store has everything. Call it last, when
    /// nobody is served any more.
    pub fn shutdown(&self, within: Duration) -> Answer<usize> {
        if let Err(forked) = self.0.process.check() {
            return Answer::now(Err(forked));
        }
        let (reply, answer) = Answer::sent();
        self.0.tell(Event::Flush(after(steady_micros(), within), reply));
        let ledger = self.0.ledger.clone();
        Answer::from_future(async move {
            let left = answer.await?.left;
            if let Err(error) = ledger.flush().await {
                tracing::warn!(%error, "a copy of the ledger lacks what it was told last");
            }
            Ok(left)
        })
    }

    fn hand_over(&self, order: Order, asked: Asked, waits: Option<Waits>) {
        self.0.tell(Event::Order(Box::new(Left { order, asked, waits })));
    }

    /// The same, to be told what comes of it until `until`.
    fn hand_over_and_wait(&self, order: Order, asked: Asked, until: Micros) -> Answer<Settled> {
        let (reply, answer) = Answer::sent();
        self.hand_over(order, asked, Some(Waits { until, reply }));
        answer
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
    /// And when, on the steady clock.
    Asked(Answer<Placed>, Micros),
    /// Too much is left to be settled.
    Full,
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
        let (placed, asked_at) = match step {
            HoldStep::Free => (None, 0),
            HoldStep::Asked(answer, asked_at) => match Pin::new(answer).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(placed) => (Some(placed), *asked_at),
            },
            HoldStep::Full => {
                this.state = None;
                let why = format!("{LEFT_MAX} holds and captures wait for it already");
                return Poll::Ready(Err(CreditsError::Unavailable { why }));
            }
        };
        let (order, _) = this.state.take().expect("it was there");
        Poll::Ready(match placed {
            None => Ok(Held { credits: this.credits.clone(), order: Some(order), amount: this.amount, placed: None }),
            // An id of our own can only have been placed by ourselves, in a step that was repeated.
            Some(Ok(placed)) if placed.hold == order.hold && placed.state == HoldState::Open => {
                let credits = this.credits.clone();
                credits.0.alive.begins(order.hold, asked_at);
                Ok(Held { credits, order: Some(order), amount: this.amount, placed: Some(placed) })
            }
            Some(Ok(placed)) => Err(CreditsError::Duplicate { hold: placed.hold, state: placed.state }),
            Some(Err(error)) => {
                if error.is_unavailable() {
                    // It may stand all the same.
                    this.credits.hand_over(order, Asked::Nothing, None);
                }
                Err(error)
            }
        })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some((order, HoldStep::Asked(answer, _))) = self.state.take() {
            self.credits.hand_over(order, Asked::Hold(answer), None);
        }
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holding").field("amount", &self.amount).finish_non_exhaustive()
    }
}

/// Credits that are reserved. Dropped, they are given back: by the ledger's keeper, without a wait here.
///
/// While this lives the hold is renewed at half its life, so it does not expire under a call that takes long. If the ledger
/// cannot be reached for the other half, it does; then its credits are free for others, and the capture charges afresh what
/// the account has. `credit_hold_renewals_total` counts all three.
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
        if amount < 0 {
            return self.gives_back(Err(CreditsError::InvalidAmount { amount }));
        }
        if amount > self.amount {
            let held = self.amount;
            return self.gives_back(Err(CreditsError::ExceedsHold { amount, held }));
        }
        if amount == 0 {
            return self.void();
        }
        if let Err(forked) = self.credits.0.process.check() {
            let credits = self.credits.clone();
            return Settling { credits, step: Some(SettleStep::Known(Err(forked))) };
        }
        let mut order = self.ends();
        order.deed = Deed::Capture(amount);
        let credits = self.credits.clone();
        // Begun at once, in the order of calls, so that many at a time share a write of the store.
        let answer = credits.0.ledger.capture(order.hold, amount);
        Settling { credits, step: Some(SettleStep::Capture(order, answer)) }
    }

    /// Gives it back now; the [`Settling`] is ready when its credits are there again, or after a second. Dropping either
    /// does the same without a wait.
    pub fn void(self) -> Settling {
        self.gives_back(Ok(Settled { amount: 0, captured: None, later: false }))
    }

    /// The hold is given back, and this is what comes of it.
    fn gives_back(mut self, result: Result<Settled, CreditsError>) -> Settling {
        let credits = self.credits.clone();
        // Of nothing there is nothing to give back; and a forked child's holds are its parent's.
        if self.placed.is_none() || !credits.0.process.is_this() {
            self.order = None;
            return Settling { credits, step: Some(SettleStep::Known(result)) };
        }
        let order = self.ends();
        let answer = credits.0.ledger.void(order.hold);
        Settling { credits, step: Some(SettleStep::Void(order, answer, result)) }
    }

    /// It is renewed no more. Who settles it has a life for that, because it may just have been renewed.
    fn ends(&mut self) -> Order {
        let Some(mut order) = self.order.take() else { unreachable!("a hold is settled by value") };
        let Shared { alive, lifetime, process, .. } = &*self.credits.0;
        // What a forked child copied of it may be locked for ever.
        if process.is_this() {
            alive.ends(order.hold);
        }
        order.until = order.until.max(after(steady_micros(), *lifetime));
        order
    }

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
        if self.order.is_some() && self.placed.is_some() {
            let order = self.ends();
            self.credits.hand_over(order, Asked::Nothing, None);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("order", &self.order).field("amount", &self.amount).finish_non_exhaustive()
    }
}

/// A hold that is being captured or given back. The step is under way: dropping this leaves it to the ledger's keeper.
#[must_use = "the step is taken, but whether it succeeded is in its answer"]
pub struct Settling {
    credits: Credits,
    step: Option<SettleStep>,
}

enum SettleStep {
    Known(Result<Settled, CreditsError>),
    Capture(Order, Answer<Captured>),
    /// And what comes of it when the hold is given back.
    Void(Order, Answer<Voided>, Result<Settled, CreditsError>),
    /// It is left to the thread, which tells of it in time.
    Left(Answer<Settled>, Result<Settled, CreditsError>),
}

impl Settling {
    /// Blocks this thread until the hold is settled, or it is [time](CreditsBuilder::settle_within) to go on. In an async
    /// function, await it instead.
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
        let Settling { credits, step } = &mut *self;
        loop {
            match step {
                Some(SettleStep::Known(_)) => {}
                Some(SettleStep::Capture(_, answer)) => {
                    let Poll::Ready(result) = Pin::new(answer).poll(context) else { return Poll::Pending };
                    let Some(SettleStep::Capture(order, _)) = step.take() else { unreachable!("it was there") };
                    let Deed::Capture(amount) = order.deed else { unreachable!("a capture captures") };
                    if result.as_ref().is_err_and(desk::may_succeed_later) {
                        let until = after(steady_micros(), credits.0.settle_within);
                        let answer = credits.hand_over_and_wait(order, Asked::Capture(Answer::now(result)), until);
                        // If the thread is gone.
                        let later = Settled { amount, captured: None, later: true };
                        *step = Some(SettleStep::Left(answer, Ok(later)));
                        continue;
                    }
                    desk::captured(&order, &result, credits.0.on_paid.as_ref());
                    let settled = |captured| Settled { amount, captured: Some(captured), later: false };
                    return Poll::Ready(result.map(settled));
                }
                Some(SettleStep::Void(_, answer, _)) => {
                    let voided = match Pin::new(answer).poll(context) {
                        Poll::Ready(Err(error)) if error.is_unavailable() => None,
                        Poll::Ready(_) => Some(true),
                        Poll::Pending => Some(false),
                    };
                    let Some(SettleStep::Void(order, answer, result)) = step.take() else {
                        unreachable!("it was there")
                    };
                    let asked = match voided {
                        Some(true) => return Poll::Ready(result),
                        Some(false) => Asked::Void(answer),
                        None => Asked::Void(Answer::now(Err(CreditsError::unavailable("it did not answer")))),
                    };
                    // The thread has a clock, and goes on if this is dropped.
                    let until = after(steady_micros(), Duration::from_micros(GIVE_BACK_WITHIN.unsigned_abs()));
                    let answer = credits.hand_over_and_wait(order, asked, until);
                    *step = Some(SettleStep::Left(answer, result));
                    continue;
                }
                Some(SettleStep::Left(answer, _)) => {
                    let Poll::Ready(told) = Pin::new(answer).poll(context) else { return Poll::Pending };
                    let Some(SettleStep::Left(_, result)) = step.take() else { unreachable!("it was there") };
                    return Poll::Ready(match (told, result) {
                        // Of a void its caller wants to know no more than whether it is done.
                        (Ok(told), Ok(settled)) if settled.amount == 0 => Ok(Settled { later: told.later, ..settled }),
                        (told, Ok(settled)) if settled.amount > 0 => match told {
                            Err(error) if error.is_unavailable() => Ok(settled),
                            told => told,
                        },
                        (_, result) => result,
                    });
                }
                None => panic!("a settling is polled until it is done"),
            }
            let Some(SettleStep::Known(result)) = step.take() else { unreachable!("it was there") };
            return Poll::Ready(result);
        }
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        match self.step.take() {
            Some(SettleStep::Capture(order, answer)) => self.credits.hand_over(order, Asked::Capture(answer), None),
            Some(SettleStep::Void(order, answer, _)) => self.credits.hand_over(order, Asked::Void(answer), None),
            Some(SettleStep::Known(_) | SettleStep::Left(..)) | None => {}
        }
    }
}

impl fmt::Debug for Settling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settling").finish_non_exhaustive()
    }
}

/// What is left to the thread.
struct Left {
    order: Order,
    asked: Asked,
    waits: Option<Waits>,
}

/// What the thread is told.
enum Event {
    Order(Box<Left>),
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
            desk.leaves();
            return;
        }
        let until = desk.next_tick().min(end.unwrap_or(Micros::MAX));
        let pause = Duration::from_micros(until.saturating_sub(now).max(0).unsigned_abs());
        let event = events.recv_timeout(pause);
        let now = steady_micros();
        // A ledger of somebody's own may panic: what it panicked over expires, the rest is settled.
        let done = catch_unwind(AssertUnwindSafe(|| match event {
            Ok(Event::Order(left)) => desk.take(left.order, left.asked, left.waits, now, &wakers),
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
