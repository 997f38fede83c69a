//! What is still to be settled, and what expires: retried with a pause that grows, as long as a hold lives. It is told
//! the time, and who drives it is not its business.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::answer::{Answer, Reply};
use super::error::CreditsError;
use super::families::{
    CAPTURES_LATE, CREDIT_USAGE, CREDITS_HELD, HOLDS_EXPIRED, HOLDS_OPEN, Late, SETTLES_LOST, SETTLES_RETRIED,
};
use super::ledger::{Captured, Expired, Ledger, Placed, Totals, Voided};
use super::moves::Micros;
use super::name::{AccountId, HoldId, Operation};

/// The pause before the first retry; each later one is twice as long, up to `PAUSE_MAX`.
const PAUSE: Micros = 50_000;
const PAUSE_MAX: Micros = 5_000_000;
/// Holds freed in one step at most.
const REAPED_AT_ONCE: u32 = 256;

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
    /// When it is given up, on the steady clock: a void when its hold has expired, a capture a hold's life after the work
    /// was done.
    pub(super) until: Micros,
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
    tasks: HashMap<u64, Task>,
    due: BinaryHeap<Reverse<(Micros, u64)>>,
    next_task: u64,
    next_reap: Micros,
    expiring: Option<Answer<Expired>>,
    counting: Option<Answer<Totals>>,
    flush: Option<(Micros, Reply<Flushed>)>,
}

struct Task {
    order: Order,
    asked: Asked,
    tries: u32,
}

const EXPIRING: u64 = 0;
const COUNTING: u64 = 1;
const FIRST_TASK: u64 = 2;

impl Desk {
    pub(super) fn new(ledger: Arc<dyn Ledger>, on_paid: Option<OnPaid>, reap_every: Micros) -> Desk {
        Desk {
            ledger,
            on_paid,
            reap_every,
            tasks: HashMap::new(),
            due: BinaryHeap::new(),
            next_task: FIRST_TASK,
            next_reap: 0,
            expiring: None,
            counting: None,
            flush: None,
        }
    }

    /// Takes an order over, with what the ledger was asked already.
    pub(super) fn take(&mut self, order: Order, asked: Asked, now: Micros, wakers: Wakers<'_>) {
        let id = self.next_task;
        self.next_task += 1;
        self.tasks.insert(id, Task { order, asked, tries: 0 });
        self.settle(id, now, wakers);
        self.reply_if_flushed(now);
    }

    /// Something that this task waits for is there.
    pub(super) fn go_on(&mut self, id: u64, now: Micros, wakers: Wakers<'_>) {
        match id {
            EXPIRING => self.expired(now, wakers),
            COUNTING => self.counted(wakers),
            // One that rests was woken by what it waited for before.
            _ if self.tasks.get(&id).is_some_and(|task| matches!(task.asked, Asked::Nothing)) => {}
            _ => self.settle(id, now, wakers),
        }
        self.reply_if_flushed(now);
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Micros, wakers: Wakers<'_>) {
        while let Some(Reverse((_, id))) = self.due.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.due.pop();
            if self.tasks.contains_key(&id) {
                SETTLES_RETRIED.inc();
            }
            self.settle(id, now, wakers);
        }
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
        self.reply_if_flushed(now);
    }

    /// When to tick next.
    pub(super) fn next_tick(&self) -> Micros {
        let due = self.due.peek().map_or(Micros::MAX, |Reverse((at, _))| *at);
        let flush = self.flush.as_ref().map_or(Micros::MAX, |(by, _)| *by);
        due.min(self.next_reap).min(flush)
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

    fn settle(&mut self, id: u64, now: Micros, wakers: Wakers<'_>) {
        let Some(mut task) = self.tasks.remove(&id) else { return };
        loop {
            let waker = wakers(id);
            let mut context = Context::from_waker(&waker);
            match (&mut task.asked, task.order.deed) {
                (Asked::Nothing, Deed::Capture(amount)) => {
                    task.asked = Asked::Capture(self.ledger.capture(task.order.hold, amount));
                }
                (Asked::Nothing, Deed::Void) => task.asked = Asked::Void(self.ledger.void(task.order.hold)),
                (Asked::Hold(answer), _) => match Pin::new(answer).poll(&mut context) {
                    Poll::Pending => break,
                    // It may stand even if the ledger was not heard.
                    Poll::Ready(Ok(placed)) if placed.hold != task.order.hold => return,
                    Poll::Ready(Err(error)) if !error.is_unavailable() => return,
                    Poll::Ready(_) => task.asked = Asked::Nothing,
                },
                (Asked::Capture(answer), _) => match Pin::new(answer).poll(&mut context) {
                    Poll::Pending => break,
                    Poll::Ready(Err(error)) if error.is_unavailable() => {
                        if self.rest(id, &mut task, now) {
                            break;
                        }
                        return captured(&task.order, &Err(error), None);
                    }
                    Poll::Ready(result) => return captured(&task.order, &result, self.on_paid.as_ref()),
                },
                (Asked::Void(answer), _) => match Pin::new(answer).poll(&mut context) {
                    Poll::Pending => break,
                    Poll::Ready(Err(error)) if error.is_unavailable() => {
                        if self.rest(id, &mut task, now) {
                            break;
                        }
                        // It expires by itself: nothing is lost but time.
                        return;
                    }
                    // Unknown: it never came to stand. Settled: by whoever was first.
                    Poll::Ready(_) => return,
                },
            }
        }
        self.tasks.insert(id, task);
    }

    /// Puts a task aside until its next try; false when it has had its last.
    fn rest(&mut self, id: u64, task: &mut Task, now: Micros) -> bool {
        if now >= task.order.until {
            return false;
        }
        let pause = (PAUSE << task.tries.min(16)).min(if self.flush.is_some() { PAUSE } else { PAUSE_MAX });
        // Between half of it and all: those that failed together are not all back together.
        let spread = (task.order.hold.uuid().as_u128() & 0xff) as Micros;
        let at = now.saturating_add(pause / 2 + pause * spread / 512);
        task.tries += 1;
        task.asked = Asked::Nothing;
        self.due.push(Reverse((at.min(task.order.until), id)));
        true
    }

    fn expired(&mut self, now: Micros, wakers: Wakers<'_>) {
        let Some(answer) = &mut self.expiring else { return };
        match Pin::new(answer).poll(&mut Context::from_waker(&wakers(EXPIRING))) {
            Poll::Pending => return,
            Poll::Ready(Ok(expired)) => {
                HOLDS_EXPIRED.add(expired.holds);
                if expired.holds > 0 {
                    tracing::warn!(holds = expired.holds, credits = expired.credits, "holds expired unsettled");
                }
                if expired.holds >= u64::from(REAPED_AT_ONCE) {
                    self.next_reap = now;
                }
            }
            Poll::Ready(Err(error)) => tracing::warn!(%error, "expired holds could not be freed"),
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
