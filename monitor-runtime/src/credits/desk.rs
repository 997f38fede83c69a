//! What is still to be settled, what is to be renewed, and what expires. A capture is tried again, with a pause that grows
//! to five seconds, until the ledger takes or refuses it; a void until its hold has expired. It is told the time, and who
//! drives it is not its business.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::alive::Alive;
use super::answer::{Answer, Reply};
use super::error::CreditsError;
use super::families::{
    ANSWERS_UNSETTLED, CAPTURES_LATE, CAPTURES_OWED, CREDIT_USAGE, CREDITS_HELD, HOLDS_EXPIRED, HOLDS_OPEN, Late,
    OWED_FAILED, RENEWALS, Renewal, SETTLES_LOST, SETTLES_RETRIED,
};
use super::ledger::{Captured, Expired, Extended, Ledger, Placed, Totals, Voided};
use super::moves::Micros;
use super::name::{AccountId, HoldId, Operation};
use super::owed::{Owed, OwedLog};
use super::state::HoldState;

/// The pause before the first retry; each later one is twice as long, up to `PAUSE_MAX`.
const PAUSE: Micros = 50_000;
const PAUSE_MAX: Micros = 5_000_000;
/// Holds freed in one step at most.
const REAPED_AT_ONCE: u32 = 256;
/// Holds being renewed at one time at most.
const RENEWED_AT_ONCE: usize = 64;
/// Retries that the ledger has not answered yet, at most: a store that comes back is not met by all of them.
const RETRIED_AT_ONCE: usize = 256;

/// A capture that the ledger has taken, told once for each paid call.
#[derive(Clone, Debug)]
pub struct Paid {
    /// Who paid.
    pub account: AccountId,
    /// What for.
    pub operation: Operation,
    /// The hold.
    pub hold: HoldId,
    /// Credits taken.
    pub amount: i64,
    /// The hold had expired: the amount was charged afresh.
    pub late: bool,
}

/// Whoever is told of captures.
pub(super) type OnPaid = Arc<dyn Fn(&Paid) + Send + Sync>;

/// A hold that is to be settled, and how.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) hold: HoldId,
    pub(super) account: AccountId,
    pub(super) operation: Operation,
    pub(super) deed: Deed,
    /// When a void is given up, on the steady clock: its hold has expired by then. A capture is never given up.
    pub(super) until: Micros,
}

/// What was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Credits taken, or to be taken.
    pub amount: i64,
    /// What the ledger said; none when nothing was to be taken, or when it will be taken later.
    pub captured: Option<Captured>,
    /// The ledger has not taken the step yet. A capture is tried again until it has, and survives the end of this process
    /// if there is a file of [captures that are owed](super::CreditsBuilder::owed_captures). A void is tried again until
    /// the hold expires.
    pub later: bool,
}

/// Who waits for an order to be settled, and until when.
#[derive(Debug)]
pub(super) struct Waits {
    pub(super) until: Micros,
    pub(super) reply: Reply<Settled>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Capture(i64),
    Void,
}

/// What the ledger was asked last.
#[derive(Debug)]
pub(super) enum Asked {
    /// Nothing yet.
    Nothing,
    /// To place the hold; whoever wanted it is gone.
    Hold(Answer<Placed>),
    Capture(Answer<Captured>),
    Void(Answer<Voided>),
}

/// Makes the waker of a task.
pub(super) type Wakers<'a> = &'a dyn Fn(u64) -> Waker;

#[derive(Debug)]
pub(super) struct Flushed {
    /// Holds that are not settled: they will expire.
    pub(super) left: usize,
}

pub(super) struct Desk {
    ledger: Arc<dyn Ledger>,
    on_paid: Option<OnPaid>,
    reap_every: Micros,
    /// Where captures that are owed are written down.
    log: Option<OwedLog>,
    alive: Arc<Alive>,
    lifetime: Duration,
    /// How many orders are left, for those who ask for more.
    left: Arc<AtomicUsize>,
    tasks: HashMap<u64, Task>,
    due: BinaryHeap<Reverse<(Micros, u64)>>,
    /// When those who wait are told that it will be later.
    waiting: BinaryHeap<Reverse<(Micros, u64)>>,
    /// Retries that are not answered yet.
    retrying: usize,
    next_task: u64,
    next_reap: Micros,
    next_look: Micros,
    to_renew: VecDeque<HoldId>,
    renewing: HashMap<u64, Renewing>,
    expiring: Option<Answer<Expired>>,
    /// The reaper had no answer the last time, which was logged.
    reaper_fails: bool,
    counting: Option<Answer<Totals>>,
    flush: Option<(Micros, Reply<Flushed>)>,
}

struct Task {
    order: Order,
    asked: Asked,
    tries: u32,
    is_retrying: bool,
    waits: Option<Waits>,
    /// It is written down, or is being written.
    is_logged: bool,
    logging: Option<Answer<()>>,
    _owed: Option<InGauge>,
}

/// A capture in the gauge, as long as its task lives.
struct InGauge;

impl InGauge {
    fn new() -> InGauge {
        CAPTURES_OWED.inc();
        InGauge
    }
}

impl Drop for InGauge {
    fn drop(&mut self) {
        CAPTURES_OWED.dec();
    }
}

struct Renewing {
    hold: HoldId,
    asked_at: Micros,
    answer: Answer<Extended>,
}

const EXPIRING: u64 = 0;
const COUNTING: u64 = 1;
const FIRST_TASK: u64 = 2;

/// How a task ended.
type Over = Result<Settled, CreditsError>;

/// A void, or a hold that does not stand.
const NOTHING: Settled = Settled { amount: 0, captured: None, later: false };

impl Desk {
    pub(super) fn new(ledger: Arc<dyn Ledger>, on_paid: Option<OnPaid>, reap_every: Micros) -> Desk {
        Desk {
            ledger,
            on_paid,
            reap_every,
            log: None,
            alive: Arc::new(Alive::new(Micros::MAX)),
            lifetime: Duration::MAX,
            left: Arc::default(),
            tasks: HashMap::new(),
            due: BinaryHeap::new(),
            waiting: BinaryHeap::new(),
            retrying: 0,
            next_task: FIRST_TASK,
            next_reap: 0,
            next_look: 0,
            to_renew: VecDeque::new(),
            renewing: HashMap::new(),
            expiring: None,
            reaper_fails: false,
            counting: None,
            flush: None,
        }
    }

    /// Renews the holds that are alive, which live so long.
    pub(super) fn renews(mut self, alive: Arc<Alive>, lifetime: Duration) -> Desk {
        (self.alive, self.lifetime) = (alive, lifetime);
        self
    }

    /// Says here how many orders are left.
    pub(super) fn tells(mut self, left: Arc<AtomicUsize>) -> Desk {
        self.left = left;
        self
    }

    /// Writes down there what is owed, and settles what was owed before.
    pub(super) fn owes(mut self, log: OwedLog, before: Vec<Owed>) -> Desk {
        self.log = Some(log);
        for Owed { hold, account, operation, amount } in before {
            let order = Order { hold, account, operation, deed: Deed::Capture(amount), until: 0 };
            let id = self.add(order, Asked::Nothing, None);
            if let Some(task) = self.tasks.get_mut(&id) {
                task.is_logged = true;
            }
            self.due.push(Reverse((0, id)));
        }
        self
    }

    /// Takes an order over, with what the ledger was asked already.
    pub(super) fn take(&mut self, order: Order, asked: Asked, waits: Option<Waits>, now: Micros, wakers: Wakers<'_>) {
        let id = self.add(order, asked, waits);
        self.settle(id, now, wakers);
        self.reply_if_flushed(now);
    }

    fn add(&mut self, order: Order, asked: Asked, waits: Option<Waits>) -> u64 {
        let id = self.next_task;
        self.next_task += 1;
        if let Some(waits) = &waits {
            self.waiting.push(Reverse((waits.until, id)));
        }
        let owed = matches!(order.deed, Deed::Capture(_)).then(InGauge::new);
        self.tasks.insert(
            id,
            Task { order, asked, tries: 0, is_retrying: false, waits, is_logged: false, logging: None, _owed: owed },
        );
        id
    }

    /// Something that this task waits for is there.
    pub(super) fn go_on(&mut self, id: u64, now: Micros, wakers: Wakers<'_>) {
        match id {
            EXPIRING => self.expired(now, wakers),
            COUNTING => self.counted(wakers),
            _ if self.renewing.contains_key(&id) => self.renewed(id, wakers),
            _ => {
                if let Some(task) = self.tasks.get_mut(&id) {
                    task.written_down(&mut Context::from_waker(&wakers(id)));
                    // One that rests was woken by what it waited for before.
                    if !matches!(task.asked, Asked::Nothing) {
                        self.settle(id, now, wakers);
                    }
                }
            }
        }
        self.reply_if_flushed(now);
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Micros, wakers: Wakers<'_>) {
        while self.retrying < RETRIED_AT_ONCE
            && let Some(Reverse((at, id))) = self.due.peek().copied()
            && at <= now
        {
            self.due.pop();
            if let Some(task) = self.tasks.get_mut(&id) {
                SETTLES_RETRIED.inc();
                task.tries += 1;
                task.is_retrying = true;
                self.retrying += 1;
                self.settle(id, now, wakers);
            }
        }
        while let Some(Reverse((at, id))) = self.waiting.peek().copied()
            && at <= now
        {
            self.waiting.pop();
            if let Some(task) = self.tasks.get_mut(&id) {
                task.waits_no_longer();
            }
        }
        // Those whose time is far off, and whose task has ended.
        if self.waiting.len() > 2 * self.tasks.len() + 64 {
            self.waiting.retain(|Reverse((_, id))| self.tasks.contains_key(id));
        }
        self.renew(now, wakers);
        if self.next_reap <= now {
            self.next_reap = now.saturating_add(self.reap_every);
            if self.expiring.is_none() {
                self.expiring = Some(self.ledger.expire(REAPED_AT_ONCE));
                self.expired(now, wakers);
            }
            if self.counting.is_none() {
                self.counting = Some(self.ledger.totals());
                self.counted(wakers);
            }
        }
        self.left.store(self.tasks.len(), Ordering::Relaxed);
        self.reply_if_flushed(now);
    }

    /// When to tick next.
    pub(super) fn next_tick(&self) -> Micros {
        let first = |heap: &BinaryHeap<Reverse<(Micros, u64)>>| heap.peek().map_or(Micros::MAX, |Reverse((at, _))| *at);
        // What is due and has to wait for other retries is woken by their answers.
        let due = if self.retrying < RETRIED_AT_ONCE { first(&self.due) } else { Micros::MAX };
        let flush = self.flush.as_ref().map_or(Micros::MAX, |(by, _)| *by);
        due.min(first(&self.waiting)).min(self.next_reap).min(self.next_look).min(flush)
    }

    /// Settles what is left without long pauses, and replies when that is done, or when it is time.
    pub(super) fn flush(&mut self, by: Micros, reply: Reply<Flushed>, now: Micros, wakers: Wakers<'_>) {
        self.flush = Some((by, reply));
        let resting: Vec<_> = self.due.drain().map(|Reverse((_, id))| id).collect();
        for id in resting {
            self.settle(id, now, wakers);
        }
        self.reply_if_flushed(now);
    }

    /// Nothing is left to be settled.
    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// What ends unsettled with the thread.
    pub(super) fn leaves(&self) {
        let captures = self.tasks.values().filter(|task| matches!(task.order.deed, Deed::Capture(_)));
        let (written, lost): (Vec<&Task>, Vec<&Task>) = captures.partition(|task| task.is_logged);
        if !written.is_empty() {
            tracing::warn!(captures = written.len(), "captures are owed: the next start settles them");
        }
        for Task { order, .. } in lost {
            SETTLES_LOST.inc();
            let Order { hold, account, operation, .. } = order;
            tracing::error!(%hold, %account, %operation, "work was done and not paid: the ledger did not answer in time");
        }
    }

    /// The tasks that stand for the reaper and the gauges.
    #[cfg(all(test, feature = "test-util"))]
    pub(super) const ALWAYS: [u64; 2] = [EXPIRING, COUNTING];

    /// All that may be waiting for something.
    #[cfg(all(test, feature = "test-util"))]
    pub(super) fn tasks(&self) -> Vec<u64> {
        let mut tasks: Vec<_> = Desk::ALWAYS.into_iter().chain(self.tasks.keys().copied()).collect();
        tasks.sort_unstable();
        tasks
    }

    /// The renewals among them.
    #[cfg(all(test, feature = "test-util"))]
    pub(super) fn renewals(&self) -> Vec<u64> {
        self.renewing.keys().copied().collect()
    }

    /// Renewals that are not answered yet.
    #[cfg(all(test, feature = "test-util"))]
    pub(super) fn renewing(&self) -> usize {
        self.renewing.len() + self.to_renew.len()
    }

    fn settle(&mut self, id: u64, now: Micros, wakers: Wakers<'_>) {
        let Some(mut task) = self.tasks.remove(&id) else { return };
        // A ledger of somebody's own may panic.
        let over = catch_unwind(AssertUnwindSafe(|| self.step(id, &mut task, now, wakers))).unwrap_or_else(|_| {
            tracing::error!(hold = %task.order.hold, "the ledger panicked while it settled");
            match task.order.deed {
                Deed::Capture(_) => {
                    self.rest(id, &mut task, now);
                    None
                }
                // It expires.
                Deed::Void => Some(Ok(Settled { later: true, ..NOTHING })),
            }
        });
        if task.is_retrying && (over.is_some() || matches!(task.asked, Asked::Nothing)) {
            task.is_retrying = false;
            self.retrying -= 1;
        }
        match over {
            None => drop(self.tasks.insert(id, task)),
            Some(over) => {
                if let Some(waits) = task.waits {
                    waits.reply.send(over);
                }
            }
        }
    }

    /// Goes on until it has to wait; how it ended, if it is over.
    fn step(&mut self, id: u64, task: &mut Task, now: Micros, wakers: Wakers<'_>) -> Option<Over> {
        loop {
            let waker = wakers(id);
            let mut context = Context::from_waker(&waker);
            match (&mut task.asked, task.order.deed) {
                (Asked::Nothing, Deed::Capture(amount)) => {
                    task.asked = Asked::Capture(self.ledger.capture(task.order.hold, amount));
                }
                (Asked::Nothing, Deed::Void) => task.asked = Asked::Void(self.ledger.void(task.order.hold)),
                (Asked::Hold(answer), _) => match Pin::new(answer).poll(&mut context) {
                    Poll::Pending => return None,
                    // It may stand even if the ledger was not heard.
                    Poll::Ready(Ok(placed)) if placed.hold != task.order.hold => return Some(Ok(NOTHING)),
                    Poll::Ready(Err(error)) if !error.is_unavailable() => return Some(Ok(NOTHING)),
                    Poll::Ready(_) => task.asked = Asked::Nothing,
                },
                (Asked::Capture(answer), _) => match Pin::new(answer).poll(&mut context) {
                    Poll::Pending => return None,
                    Poll::Ready(Err(error)) if may_succeed_later(&error) => {
                        if let Some(log) = self.log.as_ref().filter(|_| !task.is_logged) {
                            task.write_down(log, &mut context);
                        }
                        self.rest(id, task, now);
                        return None;
                    }
                    Poll::Ready(result) => {
                        captured(&task.order, &result, self.on_paid.as_ref());
                        // A hold that this ledger does not know may be another ledger's: it stays written down.
                        let known = !matches!(result, Err(CreditsError::UnknownHold { .. }));
                        if let Some(log) = self.log.as_ref().filter(|_| task.is_logged && known) {
                            log.done(task.order.hold);
                        }
                        let settled = |captured: Captured| Settled {
                            amount: captured.amount,
                            captured: Some(captured),
                            later: false,
                        };
                        return Some(result.map(settled));
                    }
                },
                (Asked::Void(answer), _) => match Pin::new(answer).poll(&mut context) {
                    Poll::Pending => return None,
                    // It expires by itself in the end: nothing is lost but time.
                    Poll::Ready(Err(error)) if error.is_unavailable() && now >= task.order.until => {
                        return Some(Ok(Settled { later: true, ..NOTHING }));
                    }
                    Poll::Ready(Err(error)) if error.is_unavailable() => {
                        self.rest(id, task, now);
                        return None;
                    }
                    // Unknown: it never came to stand. Settled: by whoever was first.
                    Poll::Ready(_) => return Some(Ok(NOTHING)),
                },
            }
        }
    }

    /// Puts a task aside until its next try.
    fn rest(&mut self, id: u64, task: &mut Task, now: Micros) {
        let pause = (PAUSE << task.tries.min(16)).min(if self.flush.is_some() { PAUSE } else { PAUSE_MAX });
        // Between half of it and all: those that failed together are not all back together.
        let spread = (task.order.hold.uuid().as_u128() & 0xff) as Micros;
        let at = now.saturating_add(pause / 2 + pause * spread / 512);
        task.asked = Asked::Nothing;
        let last = match task.order.deed {
            Deed::Capture(_) => Micros::MAX,
            Deed::Void => task.order.until.max(now),
        };
        self.due.push(Reverse((at.min(last), id)));
    }

    /// Renews the holds of calls that run, some at a time.
    fn renew(&mut self, now: Micros, wakers: Wakers<'_>) {
        if self.next_look <= now {
            self.next_look = now.saturating_add(self.alive.look_every());
            if self.to_renew.is_empty() {
                self.alive.due(now, &mut self.to_renew);
            }
        }
        while self.renewing.len() < RENEWED_AT_ONCE
            && let Some(hold) = self.to_renew.pop_front()
        {
            // It may have been settled since, or a slow renewal of it be under way.
            if !self.alive.contains(hold) || self.renewing.values().any(|renewing| renewing.hold == hold) {
                continue;
            }
            let id = self.next_task;
            self.next_task += 1;
            let answer = self.ledger.extend(hold, self.lifetime);
            self.renewing.insert(id, Renewing { hold, asked_at: now, answer });
            self.renewed(id, wakers);
        }
    }

    fn renewed(&mut self, id: u64, wakers: Wakers<'_>) {
        let Some(Renewing { hold, asked_at, answer }) = self.renewing.get_mut(&id) else { return };
        let Poll::Ready(result) = Pin::new(answer).poll(&mut Context::from_waker(&wakers(id))) else { return };
        let (hold, asked_at) = (*hold, *asked_at);
        self.renewing.remove(&id);
        let count = |result| RENEWALS.with(RENEWALS { result }).inc();
        match result {
            Ok(_) => {
                count(Renewal::Renewed);
                self.alive.renewed(hold, asked_at);
            }
            // It is due again at the next look.
            Err(error) if error.is_unavailable() => {
                count(Renewal::Unavailable);
                tracing::warn!(%hold, %error, "the hold of a running call could not be renewed yet");
            }
            // The call may have ended meanwhile; then this is as it should be.
            Err(error) => {
                if self.alive.contains(hold) && matches!(error, CreditsError::AlreadySettled { .. }) {
                    count(Renewal::Expired);
                    tracing::error!(%hold, "the hold of a running call has expired: its credits are free for others");
                }
                self.alive.ends(hold);
            }
        }
    }

    fn expired(&mut self, now: Micros, wakers: Wakers<'_>) {
        let Some(answer) = &mut self.expiring else { return };
        match Pin::new(answer).poll(&mut Context::from_waker(&wakers(EXPIRING))) {
            Poll::Pending => return,
            Poll::Ready(Ok(expired)) => {
                self.reaper_fails = false;
                HOLDS_EXPIRED.add(expired.holds);
                if expired.holds > 0 {
                    tracing::warn!(holds = expired.holds, credits = expired.credits, "holds expired unsettled");
                }
                if expired.holds >= u64::from(REAPED_AT_ONCE) {
                    self.next_reap = now;
                }
            }
            Poll::Ready(Err(error)) => {
                // Once for each time that the store goes away, not every second.
                if !self.reaper_fails {
                    tracing::warn!(%error, "expired holds could not be freed");
                }
                self.reaper_fails = true;
            }
        }
        self.expiring = None;
    }

    fn counted(&mut self, wakers: Wakers<'_>) {
        let Some(answer) = &mut self.counting else { return };
        match Pin::new(answer).poll(&mut Context::from_waker(&wakers(COUNTING))) {
            Poll::Pending => return,
            Poll::Ready(Ok(totals)) => {
                HOLDS_OPEN.set(totals.holds as f64);
                CREDITS_HELD.set(totals.credits as f64);
            }
            // The reaper has said so.
            Poll::Ready(Err(_)) => {}
        }
        self.counting = None;
    }

    fn reply_if_flushed(&mut self, now: Micros) {
        if self.flush.as_ref().is_some_and(|(by, _)| self.is_idle() || *by <= now)
            && let Some((_, reply)) = self.flush.take()
        {
            reply.send(Ok(Flushed { left: self.tasks.len() }));
        }
    }
}

impl Task {
    /// Writes down that this capture is owed; it is looked at whenever the task is woken.
    fn write_down(&mut self, log: &OwedLog, context: &mut Context<'_>) {
        let Deed::Capture(amount) = self.order.deed else { return };
        let Order { hold, account, operation, .. } = self.order.clone();
        self.is_logged = true;
        self.logging = Some(log.owes(Owed { hold, account, operation, amount }));
        self.written_down(context);
    }

    /// What is on the disk need not be waited for.
    fn written_down(&mut self, context: &mut Context<'_>) {
        let Some(answer) = &mut self.logging else { return };
        let Poll::Ready(result) = Pin::new(answer).poll(context) else { return };
        self.logging = None;
        match result {
            Ok(()) => self.tells_later(),
            Err(error) => {
                OWED_FAILED.inc();
                // The next try of the capture writes it once more.
                self.is_logged = false;
                tracing::error!(hold = %self.order.hold, %error, "a capture is owed and not written down");
            }
        }
    }

    /// The time is over for which somebody waits.
    fn waits_no_longer(&mut self) {
        if let Deed::Capture(_) = self.order.deed
            && self.waits.as_ref().is_some_and(|waits| waits.reply.is_awaited())
        {
            ANSWERS_UNSETTLED.inc();
            let Order { hold, account, operation, .. } = &self.order;
            tracing::error!(%hold, %account, %operation, "an answer is given before its capture: it is owed in memory alone");
        }
        self.tells_later();
    }

    fn tells_later(&mut self) {
        if let Some(waits) = self.waits.take() {
            let amount = match self.order.deed {
                Deed::Capture(amount) => amount,
                Deed::Void => 0,
            };
            waits.reply.send(Ok(Settled { amount, captured: None, later: true }));
        }
    }
}

/// Whether the same capture may be taken yet: the ledger did not answer, or another hold has the key and may still be
/// given back.
pub(super) fn may_succeed_later(error: &CreditsError) -> bool {
    error.is_unavailable() || matches!(error, CreditsError::Superseded { state: HoldState::Open, .. })
}

/// Tells of a capture that will not be tried again: once for each.
pub(super) fn captured(order: &Order, result: &Result<Captured, CreditsError>, on_paid: Option<&OnPaid>) {
    let Order { hold, account, operation, .. } = order;
    match result {
        Ok(captured) => {
            let labels = CREDIT_USAGE { operation: operation.as_str(), user_id: account.as_str() };
            CREDIT_USAGE.with(labels).add(captured.amount.unsigned_abs());
            if captured.late {
                CAPTURES_LATE.with(CAPTURES_LATE { result: Late::Charged }).inc();
                tracing::warn!(%hold, %account, %operation, "a hold expired before it was captured; charged afresh");
            }
            if let Some(on_paid) = on_paid {
                let paid = Paid {
                    account: account.clone(),
                    operation: operation.clone(),
                    hold: *hold,
                    amount: captured.amount,
                    late: captured.late,
                };
                if catch_unwind(AssertUnwindSafe(|| on_paid(&paid))).is_err() {
                    tracing::error!(%hold, "whoever is told of captures panicked");
                }
            }
        }
        Err(error @ CreditsError::Superseded { .. }) => {
            CAPTURES_LATE.with(CAPTURES_LATE { result: Late::Duplicate }).inc();
            tracing::warn!(%hold, %account, %operation, %error, "two calls with one idempotency key ran, and one is paid");
        }
        Err(error) => {
            SETTLES_LOST.inc();
            if matches!(error, CreditsError::Insufficient { .. }) {
                CAPTURES_LATE.with(CAPTURES_LATE { result: Late::Refused }).inc();
            }
            tracing::error!(%hold, %account, %operation, %error, "work was done and not paid");
        }
    }
}
