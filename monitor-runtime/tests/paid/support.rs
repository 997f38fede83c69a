//! What the tests stand on: a ledger that can be slow, deaf or forgetful, and an account in it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use monitor_runtime::credits::{
    AccountId, Answer, Balance, Captured, Credits, CreditsError, EntryKind, Expired, Extended, Grant, Granted, HoldId,
    HoldRequest, Ledger, Memory, Page, Placed, Totals, Verified, Voided,
};
use monitor_runtime::scope::Scope;

/// What becomes of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// The answer comes after so many polls.
    Slow(u32),
    /// The store is not reached.
    Before,
    /// The step is taken, and its answer lost.
    After,
}

/// What the next steps meet: each has its own.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) hold: Mutex<Fault>,
    pub(crate) capture: Mutex<Fault>,
    pub(crate) void: Mutex<Fault>,
    /// Steps that the store was asked to take.
    pub(crate) asked: AtomicU64,
}

impl Faults {
    pub(crate) fn all(&self, fault: Fault) {
        for step in [&self.hold, &self.capture, &self.void] {
            *step.lock().expect("no panic while it is held") = fault;
        }
    }

    pub(crate) fn set(step: &Mutex<Fault>, fault: Fault) {
        *step.lock().expect("no panic while it is held") = fault;
    }

    fn take<T: Send + 'static>(&self, step: &Mutex<Fault>, begin: impl FnOnce() -> Answer<T>) -> Answer<T> {
        self.asked.fetch_add(1, SeqCst);
        let lost = || Answer::now(Err(CreditsError::unavailable("a fault on purpose")));
        match *step.lock().expect("no panic while it is held") {
            Fault::None => begin(),
            Fault::Before => lost(),
            Fault::After => {
                let _ = begin().wait();
                lost()
            }
            Fault::Slow(polls) => {
                let answer = begin();
                Answer::from_future(async move {
                    turns(polls).await;
                    answer.await
                })
            }
        }
    }
}

/// Pending so many times.
pub(crate) async fn turns(polls: u32) {
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A ledger in memory whose steps meet faults.
#[derive(Debug)]
pub(crate) struct Faulty {
    memory: Memory,
    faults: Arc<Faults>,
}

impl Ledger for Faulty {
    fn grant(&self, grant: Grant) -> Answer<Granted> {
        self.memory.grant(grant)
    }

    fn hold(&self, request: HoldRequest) -> Answer<Placed> {
        self.faults.take(&self.faults.hold, || self.memory.hold(request))
    }

    fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured> {
        self.faults.take(&self.faults.capture, || self.memory.capture(hold, amount))
    }

    fn void(&self, hold: HoldId) -> Answer<Voided> {
        self.faults.take(&self.faults.void, || self.memory.void(hold))
    }

    fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended> {
        self.memory.extend(hold, lifetime)
    }

    fn balance(&self, account: AccountId) -> Answer<Balance> {
        self.memory.balance(account)
    }

    fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
        self.memory.history(account, before, limit)
    }

    fn expire(&self, limit: u32) -> Answer<Expired> {
        self.memory.expire(limit)
    }

    fn totals(&self) -> Answer<Totals> {
        self.memory.totals()
    }

    fn verify(&self) -> Answer<Verified> {
        self.memory.verify()
    }
}

/// An account with credits, in a ledger of its own.
pub(crate) struct Purse {
    pub(crate) credits: Credits,
    pub(crate) faults: Arc<Faults>,
    pub(crate) name: String,
    granted: AtomicI64,
}

impl Purse {
    pub(crate) fn with(granted: i64) -> Purse {
        Purse::of(Memory::new(), granted, Duration::from_secs(60))
    }

    /// With a ledger of its own clock, and holds that live so long by it.
    #[cfg(feature = "test-util")]
    pub(crate) fn by_clock(clock: monitor_runtime::clock::StoreClock, granted: i64, lifetime: Duration) -> Purse {
        Purse::of(Memory::with_clock(clock), granted, lifetime)
    }

    fn of(memory: Memory, granted: i64, lifetime: Duration) -> Purse {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let faults = Arc::new(Faults::default());
        let ledger = Faulty { memory, faults: faults.clone() };
        // An answer does not wait for a ledger that a test has taken away.
        let credits = Credits::builder(ledger).hold_lifetime(lifetime).settle_within(Duration::ZERO).build();
        // The page of metrics is one for all tests: each account is another.
        let name = format!("account-{}-{}", std::process::id(), NUMBER.fetch_add(1, SeqCst));
        let purse = Purse { credits, faults, name, granted: AtomicI64::new(0) };
        purse.grant(granted);
        purse
    }

    pub(crate) fn grant(&self, amount: i64) {
        self.credits.grant(Grant::new(self.account(), amount)).wait().expect("granted");
        self.granted.fetch_add(amount, SeqCst);
    }

    pub(crate) fn account(&self) -> AccountId {
        AccountId::new(&self.name).expect("a name")
    }

    /// On this account's behalf, from its ledger.
    pub(crate) fn scope(&self) -> Scope {
        Scope::of(self.name.as_str()).ledger(self.credits.clone())
    }

    pub(crate) fn balance(&self) -> Balance {
        self.credits.balance(self.account()).wait().expect("the account is there")
    }

    /// Credits that were captured, by the journal.
    pub(crate) fn captured(&self) -> i64 {
        let (mut before, mut captured) = (None, 0);
        loop {
            let page = self.credits.history(self.account(), before, 1_000).wait().expect("the account is there");
            for entry in page.entries {
                captured -= match entry.kind {
                    EntryKind::Capture | EntryKind::LateCapture => entry.available + entry.held,
                    _ => 0,
                };
            }
            before = page.next;
            if before.is_none() {
                return captured;
            }
        }
    }

    /// Waits until nothing is held, and asks that so much was captured, that the journal says so too, and that it is sound.
    pub(crate) fn settles_at(&self, captured: i64) {
        eventually("nothing is held", || self.balance().held == 0);
        let left = self.granted.load(SeqCst) - captured;
        eventually("what was captured is gone", || self.balance() == Balance { available: left, held: 0 });
        assert_eq!(self.captured(), captured, "by the journal");
        assert_eq!(self.credits.verify().wait().expect("verified").violations, []);
    }
}

/// Waits for what another thread will do.
pub(crate) fn eventually(what: &str, is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}: not within half a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Polls a future so many times, and drops it; what it gave, if it was ready before.
pub(crate) fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(std::task::Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(value) = Pin::new(&mut future).poll(&mut context) {
            return Some(value);
        }
    }
    None
}
