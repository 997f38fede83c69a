//! What becomes of holds and captures that nobody waits for, and of a store that does not answer.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use super::super::{
    AccountId, Answer, Balance, Captured, Credits, CreditsError, EntryKind, Expired, Extended, Grant, Granted, HoldId,
    HoldRequest, HoldState, Key, Ledger, Memory, Operation, Page, Paid, Placed, Reply, StoreClock, Totals, Verified,
    Voided,
};

/// A ledger in memory whose next answers a test has a hand in.
#[derive(Clone, Debug, Default)]
pub(super) struct Moody(Arc<Mood>);

#[derive(Debug, Default)]
struct Mood {
    memory: Memory,
    captures: Mutex<VecDeque<Whim>>,
    holds: Mutex<VecDeque<Whim>>,
    voids: Mutex<VecDeque<Whim>>,
    /// No renewal gets through.
    never_extends: AtomicBool,
    late: Mutex<Vec<Late>>,
}

type Late = (Reply<Captured>, Answer<Captured>);

#[derive(Clone, Copy, Debug)]
enum Whim {
    /// It does nothing, and says that it is away.
    Away,
    /// It does what it should, and says that it is away.
    Unheard,
    /// It does what it should, and says so when it is let.
    Slow,
}

fn away<T>() -> Answer<T> {
    Answer::now(Err(CreditsError::unavailable("a whim")))
}

impl Moody {
    fn on_captures(&self, whims: impl IntoIterator<Item = Whim>) {
        self.0.captures.lock().expect("no panic").extend(whims);
    }

    fn on_holds(&self, whims: impl IntoIterator<Item = Whim>) {
        self.0.holds.lock().expect("no panic").extend(whims);
    }

    /// Lets the slow answers come.
    fn goes_on(&self) {
        for (reply, answer) in self.0.late.lock().expect("no panic").drain(..) {
            reply.send(answer.wait());
        }
    }

    fn has(&self, available: i64, held: i64) {
        assert_eq!(self.0.memory.balance(ada()).wait(), Ok(Balance { available, held }));
        assert_eq!(self.0.memory.verify().wait().expect("a ledger").violations, []);
    }
}

impl Ledger for Moody {
    fn grant(&self, grant: Grant) -> Answer<Granted> {
        self.0.memory.grant(grant)
    }

    fn hold(&self, request: HoldRequest) -> Answer<Placed> {
        match self.0.holds.lock().expect("no panic").pop_front() {
            None => self.0.memory.hold(request),
            Some(Whim::Away) => away(),
            Some(_) => {
                drop(self.0.memory.hold(request));
                away()
            }
        }
    }

    fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured> {
        match self.0.captures.lock().expect("no panic").pop_front() {
            None => self.0.memory.capture(hold, amount),
            Some(Whim::Away) => away(),
            Some(Whim::Unheard) => {
                drop(self.0.memory.capture(hold, amount));
                away()
            }
            Some(Whim::Slow) => {
                let (reply, answer) = Answer::sent();
                self.0.late.lock().expect("no panic").push((reply, self.0.memory.capture(hold, amount)));
                answer
            }
        }
    }

    fn void(&self, hold: HoldId) -> Answer<Voided> {
        match self.0.voids.lock().expect("no panic").pop_front() {
            None => self.0.memory.void(hold),
            Some(_) => away(),
        }
    }

    fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended> {
        if self.0.never_extends.load(Ordering::Relaxed) {
            return away();
        }
        self.0.memory.extend(hold, lifetime)
    }

    fn balance(&self, account: AccountId) -> Answer<Balance> {
        self.0.memory.balance(account)
    }

    fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
        self.0.memory.history(account, before, limit)
    }

    fn expire(&self, limit: u32) -> Answer<Expired> {
        self.0.memory.expire(limit)
    }

    fn totals(&self) -> Answer<Totals> {
        self.0.memory.totals()
    }

    fn verify(&self) -> Answer<Verified> {
        self.0.memory.verify()
    }
}

fn ada() -> AccountId {
    AccountId::new("ada").expect("a name")
}

fn report() -> Operation {
    Operation::new("report").expect("a name")
}

/// A moody ledger in use, where Ada has ten credits; and what was told of captures.
fn in_use() -> (Moody, Credits, Arc<Mutex<Vec<Paid>>>) {
    let (moody, told) = (Moody::default(), Arc::new(Mutex::new(Vec::new())));
    let tell = told.clone();
    let credits =
        Credits::builder(moody.clone()).on_paid(move |paid| tell.lock().expect("no panic").push(paid.clone())).build();
    credits.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    (moody, credits, told)
}

/// Waits for the keeper to have settled what it was left.
fn settled(credits: &Credits) {
    assert_eq!(credits.shutdown(Duration::from_secs(60)).wait(), Ok(0));
}

/// Polls once, as a runtime does that then drops the future.
fn poll_once(future: impl Future) {
    let mut future = pin!(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[test]
fn a_hold_that_is_dropped_is_voided() {
    let (moody, credits, told) = in_use();
    let held = credits.hold(&ada(), &report(), 4).wait().expect("a hold");
    assert_eq!((held.amount(), held.account(), held.operation()), (4, &ada(), &report()));
    assert_eq!(held.balance(), Some(Balance { available: 6, held: 4 }));
    moody.has(6, 4);
    drop(held);
    settled(&credits);
    moody.has(10, 0);
    assert_eq!(told.lock().expect("no panic").len(), 0);
}

#[test]
fn a_panic_voids_what_it_unwinds_through() {
    let (moody, credits, _) = in_use();
    let (account, work) = (ada(), report());
    let paid = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = credits.hold(&account, &work, 4).wait().expect("a hold");
        panic!("the work fails");
    }));
    assert!(paid.is_err());
    settled(&credits);
    moody.has(10, 0);
}

#[test]
fn captures_take_all_or_a_part_and_are_told_once() {
    let (moody, credits, told) = in_use();
    let hold = || credits.hold(&ada(), &report(), 4).wait().expect("a hold");
    let settled = hold().capture().wait().expect("a capture");
    assert_eq!((settled.amount, settled.later), (4, false));
    assert_eq!(settled.captured.expect("an answer").balance, Balance { available: 6, held: 0 });
    hold().capture_part(1).wait().expect("a capture");
    moody.has(5, 0);
    let nothing = hold().capture_part(0).wait().expect("nothing to do");
    assert_eq!((nothing.amount, nothing.captured), (0, None));
    self::settled(&credits);
    assert_eq!(hold().capture_part(5).wait(), Err(CreditsError::ExceedsHold { amount: 5, held: 4 }));
    self::settled(&credits);
    assert_eq!(hold().capture_part(-1).wait(), Err(CreditsError::InvalidAmount { amount: -1 }));
    self::settled(&credits);
    moody.has(5, 0);
    let told: Vec<_> = told.lock().expect("no panic").iter().map(|paid| (paid.amount, paid.late)).collect();
    assert_eq!(told, [(4, false), (1, false)]);
}

#[test]
fn zero_credits_need_no_ledger() {
    let (moody, credits, told) = in_use();
    moody.on_holds([Whim::Away]);
    moody.on_captures([Whim::Away]);
    let stranger = AccountId::new("stranger").expect("a name");
    let held = credits.hold(&stranger, &report(), 0).wait().expect("nothing to hold");
    assert_eq!((held.amount(), held.balance(), held.expires_at()), (0, None, None));
    let settled = held.capture().wait().expect("nothing to capture");
    assert_eq!((settled.amount, settled.captured, settled.later), (0, None, false));
    drop(credits.hold(&stranger, &report(), 0).wait());
    self::settled(&credits);
    assert_eq!(moody.0.memory.verify().wait().expect("a ledger").holds, 0);
    assert_eq!(told.lock().expect("no panic").len(), 0);
    let refused = credits.hold(&ada(), &report(), -5).wait().map(|_| ());
    assert!(refused.is_err(), "a whim or a negative amount: in neither case a hold");
    let refused = credits.hold(&ada(), &report(), -5).wait().map(|_| ());
    assert_eq!(refused, Err(CreditsError::InvalidAmount { amount: -5 }));
}

#[test]
fn a_capture_goes_on_when_its_caller_is_gone() {
    let (moody, credits, told) = in_use();
    // Dropped before it was polled, and while it waits.
    drop(credits.hold(&ada(), &report(), 1).wait().expect("a hold").capture());
    moody.on_captures([Whim::Slow]);
    poll_once(credits.hold(&ada(), &report(), 2).wait().expect("a hold").capture());
    moody.goes_on();
    // And while it fails.
    moody.on_captures([Whim::Away, Whim::Away]);
    drop(credits.hold(&ada(), &report(), 4).wait().expect("a hold").capture());
    settled(&credits);
    moody.has(3, 0);
    let mut told: Vec<_> = told.lock().expect("no panic").iter().map(|paid| paid.amount).collect();
    told.sort_unstable();
    assert_eq!(told, [1, 2, 4]);
}

#[test]
fn a_store_that_does_not_answer_is_asked_again_later() {
    let (moody, credits, told) = in_use();
    // It took the first one, and was not heard.
    for whims in [[Whim::Unheard, Whim::Away], [Whim::Away, Whim::Unheard]] {
        moody.on_captures(whims);
        // The answer is held back until the capture is taken.
        let settled = credits.hold(&ada(), &report(), 2).wait().expect("a hold").capture().wait().expect("taken");
        assert_eq!((settled.amount, settled.later), (2, false));
        assert!(settled.captured.is_some());
    }
    settled(&credits);
    moody.has(6, 0);
    assert_eq!(told.lock().expect("no panic").len(), 2);
    let page = moody.0.memory.history(ada(), None, 10).wait().expect("a history");
    assert_eq!(page.entries.iter().filter(|entry| entry.kind == EntryKind::Capture).count(), 2);
}

#[test]
fn a_hold_that_was_not_heard_of_is_no_work_and_is_given_back() {
    let (moody, credits, _) = in_use();
    moody.on_holds([Whim::Away, Whim::Unheard]);
    for _ in 0..2 {
        let refused = credits.hold(&ada(), &report(), 4).wait().map(|_| ());
        assert!(refused.expect_err("no hold").is_unavailable());
    }
    settled(&credits);
    moody.has(10, 0);
}

#[test]
fn a_hold_whose_caller_leaves_is_given_back() {
    let (moody, credits, _) = in_use();
    drop(credits.hold(&ada(), &report(), 4));
    settled(&credits);
    moody.has(10, 0);
}

#[test]
fn a_capture_is_never_given_up() {
    let (moody, told) = (Moody::default(), Arc::new(Mutex::new(Vec::new())));
    let tell = told.clone();
    let credits = Credits::builder(moody.clone())
        .hold_lifetime(Duration::from_millis(1))
        .settle_within(Duration::ZERO)
        .on_paid(move |paid: &Paid| tell.lock().expect("no panic").push(paid.amount))
        .build();
    credits.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    // For many times the life of its hold; and at last it is taken and not heard.
    moody.on_captures([Whim::Away; 20]);
    moody.on_captures([Whim::Unheard]);
    let early = || crate::sample_value("credit_answers_unsettled_total", &[]).unwrap_or(0.0);
    let before = early();
    let settled = credits.hold(&ada(), &report(), 4).wait().expect("a hold").capture().wait().expect("later");
    assert_eq!((settled.amount, settled.captured, settled.later), (4, None, true));
    assert!(early() > before, "an answer that nothing vouches for is counted");
    self::settled(&credits);
    assert_eq!(*told.lock().expect("no panic"), [4]);
    moody.has(6, 0);
}

#[test]
fn what_is_lost_is_counted_and_not_told_as_paid() {
    let clock = StoreClock::manual();
    let moody = Moody(Arc::new(Mood { memory: Memory::with_clock(clock.clone()), ..Mood::default() }));
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let credits =
        Credits::builder(moody.clone()).on_paid(move |paid| tell.lock().expect("no panic").push(paid.amount)).build();
    credits.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    let outlived = credits.hold(&ada(), &report(), 4).wait().expect("a hold");
    clock.advance(Duration::from_secs(3600));
    moody.0.memory.expire(10).wait().expect("a reaper");
    credits.hold(&ada(), &report(), 9).wait().expect("a hold").capture().wait().expect("a capture");
    let lost = || crate::sample_value("credit_settles_lost_total", &[]).unwrap_or(0.0);
    let before = lost();
    // Also when the ledger is away at first.
    moody.on_captures([Whim::Away]);
    assert_eq!(outlived.capture().wait(), Err(CreditsError::Insufficient { required: 4, available: 1 }));
    assert!(lost() > before);
    assert_eq!(*told.lock().expect("no panic"), [9]);
}

#[test]
fn a_void_is_waited_for_until_its_credits_are_back_and_not_for_ever() {
    let (moody, credits, _) = in_use();
    let hold = || credits.hold(&ada(), &report(), 10).wait().expect("its credits are back");
    for _ in 0..100 {
        assert!(!hold().void().wait().expect("nothing to refuse").later);
        assert_eq!(hold().capture_part(11).wait(), Err(CreditsError::ExceedsHold { amount: 11, held: 10 }));
        assert!(!hold().capture_part(0).wait().expect("nothing to take").later);
    }
    // The ledger is away for a moment, and then for longer than anybody waits.
    moody.0.voids.lock().expect("no panic").extend([Whim::Away; 2]);
    assert!(!hold().void().wait().expect("nothing to refuse").later);
    moody.0.voids.lock().expect("no panic").extend([Whim::Away; 1000]);
    assert!(hold().void().wait().expect("nothing to refuse").later);
    moody.0.voids.lock().expect("no panic").clear();
    settled(&credits);
    moody.has(10, 0);
}

#[test]
fn a_void_that_nobody_waits_for_is_taken() {
    let (moody, credits, _) = in_use();
    drop(credits.hold(&ada(), &report(), 4).wait().expect("a hold").void());
    moody.0.voids.lock().expect("no panic").extend([Whim::Away; 3]);
    poll_once(credits.hold(&ada(), &report(), 4).wait().expect("a hold").void());
    settled(&credits);
    moody.has(10, 0);
}

#[test]
fn a_late_capture_waits_for_the_call_that_has_its_key() {
    let clock = StoreClock::manual();
    let moody = Moody(Arc::new(Mood { memory: Memory::with_clock(clock.clone()), ..Mood::default() }));
    let credits = Credits::builder(moody.clone()).settle_within(Duration::ZERO).build();
    credits.grant(Grant::new(ada(), 100)).wait().expect("a grant");
    let key = |name: &str| Some(Key::new(name).expect("a key"));
    let hold = |name| credits.hold_once(&ada(), &report(), 4, key(name)).wait().expect("a hold");
    let duplicates = || crate::sample_value("credit_captures_late_total", &[("result", "duplicate")]).unwrap_or(0.0);
    let before = duplicates();
    for (name, fails) in [("the second fails", true), ("the second is paid", false)] {
        let first = hold(name);
        clock.advance(Duration::from_secs(3600));
        moody.0.memory.expire(10).wait().expect("a reaper");
        let second = hold(name);
        assert!(first.capture().wait().expect("not refused").later, "{name}");
        if fails {
            drop(second);
        } else {
            second.capture().wait().expect("paid");
        }
        settled(&credits);
        moody.has(if fails { 96 } else { 92 }, 0);
    }
    assert_eq!(duplicates(), before + 1.0);
}

#[test]
fn one_of_two_calls_with_a_key_is_served() {
    let (moody, credits, _) = in_use();
    let key = || Some(Key::new("order 7").expect("a key"));
    let first = credits.hold_once(&ada(), &report(), 4, key()).wait().expect("a hold");
    let again = || credits.hold_once(&ada(), &report(), 4, key()).wait().map(|_| ());
    let duplicate = |state| Err(CreditsError::Duplicate { hold: first.id(), state });
    assert_eq!(again(), duplicate(HoldState::Open));
    let duplicate = duplicate(HoldState::Captured(4));
    first.capture().wait().expect("a capture");
    assert_eq!(again(), duplicate);
    moody.has(6, 0);
}

#[test]
fn a_shutdown_tells_what_it_leaves_and_holds_after_it_expire() {
    let (moody, credits, _) = in_use();
    moody.on_captures([Whim::Slow]);
    drop(credits.hold(&ada(), &report(), 4).wait().expect("a hold").capture());
    let stands = credits.hold(&ada(), &report(), 1).wait().expect("a hold");
    assert_eq!(credits.shutdown(Duration::ZERO).wait(), Ok(1));
    moody.goes_on();
    drop(stands);
    settled(&credits);
    moody.has(6, 0);
}

#[test]
fn a_ledger_that_panics_does_not_end_its_keeper() {
    #[derive(Debug)]
    struct Panics(Memory);
    impl Ledger for Panics {
        fn grant(&self, grant: Grant) -> Answer<Granted> {
            self.0.grant(grant)
        }
        fn hold(&self, request: HoldRequest) -> Answer<Placed> {
            self.0.hold(request)
        }
        fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured> {
            self.0.capture(hold, amount)
        }
        fn void(&self, _: HoldId) -> Answer<Voided> {
            panic!("a void")
        }
        fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended> {
            self.0.extend(hold, lifetime)
        }
        fn balance(&self, account: AccountId) -> Answer<Balance> {
            self.0.balance(account)
        }
        fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
            self.0.history(account, before, limit)
        }
        fn expire(&self, _: u32) -> Answer<Expired> {
            panic!("a reaper")
        }
        fn totals(&self) -> Answer<Totals> {
            self.0.totals()
        }
        fn verify(&self) -> Answer<Verified> {
            self.0.verify()
        }
    }
    let credits = Credits::new(Panics(Memory::new()));
    credits.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    drop(credits.hold(&ada(), &report(), 4).wait().expect("a hold"));
    drop(credits.hold(&ada(), &report(), 1).wait().expect("a hold").capture());
    settled(&credits);
    assert_eq!(credits.balance(ada()).wait(), Ok(Balance { available: 5, held: 4 }));
}

// The model checker leaves the file system out.
#[cfg(not(loom))]
#[test]
fn captures_that_are_owed_outlive_their_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("owed");
    let moody = Moody::default();
    let open = || {
        // The thread of the life before ends when it likes.
        let builder = servers::eventually(|| {
            Credits::builder(moody.clone()).owed_captures(&path).map_err(|error| error.to_string())
        });
        builder.settle_within(Duration::MAX)
    };
    let credits = open().build();
    credits.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    moody.on_captures([Whim::Away; 1_000]);
    // Its answer is given although the ledger is away, because it is written down.
    let settled = credits.hold(&ada(), &report(), 4).wait().expect("a hold").capture().wait().expect("written down");
    assert_eq!((settled.amount, settled.later), (4, true));
    drop(credits.hold(&ada(), &report(), 1).wait().expect("a hold").capture());
    assert_eq!(credits.shutdown(Duration::ZERO).wait(), Ok(2));
    drop(credits);
    // The life after this one finds it; and when it is taken, the one after that finds nothing.
    let (taken, tell) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let told = taken.clone();
    let credits = open().on_paid(move |paid| told.lock().expect("no panic").push(paid.amount)).build();
    moody.0.captures.lock().expect("no panic").clear();
    self::settled(&credits);
    drop(credits);
    let mut amounts = taken.lock().expect("no panic").clone();
    amounts.sort_unstable();
    assert_eq!(amounts, [1, 4]);
    moody.has(5, 0);
    let told = tell.clone();
    let credits = open().on_paid(move |paid: &Paid| told.lock().expect("no panic").push(paid.amount)).build();
    self::settled(&credits);
    assert!(tell.lock().expect("no panic").is_empty());
    assert!(std::fs::read_to_string(&path).expect("a file").lines().count() == 1, "nothing is owed");
}

// The model checker leaves the file system out.
#[cfg(not(loom))]
#[test]
fn two_lives_at_once_do_not_share_what_is_owed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("owed");
    let first = Credits::builder(Memory::new()).owed_captures(&path).expect("a file").build();
    let second = Credits::builder(Memory::new()).owed_captures(&path);
    assert!(second.expect_err("it is taken").to_string().contains("another process"));
    drop(first);
}

#[cfg(feature = "test-util")]
mod renewal {
    use super::super::super::keeper::ByHand;
    use super::super::super::{CreditsBuilder, Held};
    use super::*;
    use crate::clock::Manual;

    const LIFETIME: Duration = Duration::from_secs(60);

    /// Time passes for both clocks, a second at a time, and the keeper does its work.
    struct Life {
        manual: Manual,
        store: StoreClock,
        credits: Credits,
        keeper: ByHand,
    }

    impl Life {
        fn of(builder: CreditsBuilder, store: StoreClock) -> Life {
            let manual = Manual::start();
            let (credits, keeper) = builder.hold_lifetime(LIFETIME).by_hand();
            credits.grant(Grant::new(ada(), 5)).wait().expect("a grant");
            Life { manual, store, credits, keeper }
        }

        fn passes(&mut self, time: Duration) {
            for _ in 0..time.as_secs() {
                self.manual.advance(Duration::from_secs(1));
                self.store.advance(Duration::from_secs(1));
                self.keeper.step();
                servers::eventually(|| {
                    self.keeper.step();
                    if self.keeper.renewing() == 0 { Ok(()) } else { Err("a renewal is under way".to_owned()) }
                });
            }
        }

        fn hold(&self) -> Result<Held, CreditsError> {
            self.credits.hold(&ada(), &report(), 5).wait()
        }
    }

    fn renewed(result: &str) -> f64 {
        crate::sample_value("credit_hold_renewals_total", &[("result", result)]).unwrap_or(0.0)
    }

    /// The credits for one call, which takes longer than its hold lives: no other is served meanwhile, and it is paid.
    fn one_call_at_a_time(life: &mut Life) {
        let held = life.hold().expect("a hold");
        for _ in 0..40 {
            life.passes(LIFETIME / 4);
            assert!(matches!(life.hold(), Err(CreditsError::Insufficient { .. })));
        }
        let captured = held.capture().wait().expect("a capture").captured.expect("taken");
        assert!(!captured.late);
        life.passes(LIFETIME * 2);
        assert_eq!(life.credits.balance(ada()).wait(), Ok(Balance { available: 0, held: 0 }));
        // What is given up is not renewed.
        life.credits.grant(Grant::new(ada(), 5)).wait().expect("a grant");
        std::mem::drop(life.hold().expect("a hold"));
        servers::eventually(|| {
            life.keeper.step();
            match life.credits.balance(ada()).wait() {
                Ok(Balance { available: 5, held: 0 }) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        assert_eq!(life.credits.verify().wait().expect("a ledger").violations, []);
    }

    #[test]
    fn the_hold_of_a_running_call_does_not_expire() {
        let clock = StoreClock::manual();
        let mut life = Life::of(Credits::builder(Memory::with_clock(clock.clone())), clock);
        let before = renewed("renewed");
        one_call_at_a_time(&mut life);
        // Ten lives, each renewed after its half.
        assert!(renewed("renewed") >= before + 15.0);
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn nor_does_it_in_a_file() {
        let clock = StoreClock::manual();
        let folder = tempfile::tempdir().expect("a folder");
        let ledger =
            crate::credits::Sqlite::open_with_clock(folder.path().join("ledger.db"), clock.clone()).expect("a ledger");
        one_call_at_a_time(&mut Life::of(Credits::builder(ledger), clock));
    }

    #[test]
    fn a_ledger_that_is_away_is_asked_again_and_what_expired_is_charged_afresh() {
        let clock = StoreClock::manual();
        let moody = Moody(Arc::new(Mood { memory: Memory::with_clock(clock.clone()), ..Mood::default() }));
        let mut life = Life::of(Credits::builder(moody.clone()), clock);
        let held = life.hold().expect("a hold");
        let away = |is| moody.0.never_extends.store(is, Ordering::Relaxed);
        let (before, expired) = (renewed("unavailable"), renewed("expired"));
        // It is back before the life is over: nothing has happened.
        life.passes(LIFETIME / 4);
        away(true);
        life.passes(LIFETIME / 2);
        assert!(renewed("unavailable") >= before + 2.0);
        away(false);
        life.passes(LIFETIME);
        assert!(matches!(life.hold(), Err(CreditsError::Insufficient { .. })));
        // It is away for too long: the credits are free, and the call is charged afresh if they are there.
        away(true);
        life.passes(LIFETIME * 2);
        away(false);
        life.passes(LIFETIME);
        assert!(renewed("expired") > expired);
        assert_eq!(life.credits.balance(ada()).wait(), Ok(Balance { available: 5, held: 0 }));
        assert!(held.capture().wait().expect("a charge").captured.expect("taken").late);
        assert_eq!(life.credits.balance(ada()).wait(), Ok(Balance { available: 0, held: 0 }));
    }
}

/// By the server's own clock, so it takes its time.
#[cfg(feature = "postgres")]
#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn the_hold_of_a_running_call_does_not_expire_in_a_server() {
    let world = super::engines::InServer::new();
    let lifetime = Duration::from_secs(3);
    let ledger = crate::credits::Postgres::open(&world.url).expect("a ledger");
    let credits = Credits::builder(ledger).hold_lifetime(lifetime).build();
    credits.grant(Grant::new(ada(), 5)).wait().expect("a grant");
    let held = credits.hold(&ada(), &report(), 5).wait().expect("a hold");
    let begin = std::time::Instant::now();
    while begin.elapsed() < lifetime * 2 + lifetime / 2 {
        let other = credits.hold(&ada(), &report(), 5).wait().map(|_| ());
        assert!(matches!(other, Err(CreditsError::Insufficient { .. })), "{other:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!held.capture().wait().expect("a capture").captured.expect("taken").late);
    assert_eq!(credits.balance(ada()).wait(), Ok(Balance { available: 0, held: 0 }));
}

/// The server is away for as long as a hold lives, so the hold of the running call expires. Then another call may have its
/// credits; if none has, the late call is charged afresh.
#[cfg(feature = "postgres")]
#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn a_server_that_is_away_for_the_life_of_a_hold_lets_it_expire_and_the_call_is_charged_afresh() {
    let mut server = servers::Postgres::start();
    let lifetime = Duration::from_secs(1);
    let ledger = crate::credits::Postgres::open(&server.database()).expect("a ledger");
    let credits = Credits::builder(ledger).hold_lifetime(lifetime).build();
    credits.grant(Grant::new(ada(), 5)).wait().expect("a grant");
    let held = credits.hold(&ada(), &report(), 5).wait().expect("a hold");
    let count = |result| crate::sample_value("credit_hold_renewals_total", &[("result", result)]).unwrap_or(0.0);
    let (unavailable, expired) = (count("unavailable"), count("expired"));
    server.kill();
    std::thread::sleep(lifetime * 2);
    server.restart();
    servers::eventually(|| {
        let told = (count("unavailable") > unavailable, count("expired") > expired);
        if told == (true, true) { Ok(()) } else { Err(format!("{told:?}")) }
    });
    servers::eventually(|| match credits.balance(ada()).wait() {
        Ok(Balance { available: 5, held: 0 }) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let settled = held.capture().wait().expect("a charge").captured.expect("taken");
    assert!(settled.late);
    assert_eq!(credits.balance(ada()).wait(), Ok(Balance { available: 0, held: 0 }));
    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
}
