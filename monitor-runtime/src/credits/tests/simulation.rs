//! A seeded simulation: callers who come and go, a ledger that is slow, fails before or after a step, or takes it twice,
//! on a clock that is moved by hand. Whatever happens, the numbers agree.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use std::future::{Future, poll_fn};
use std::pin::Pin;

use super::super::keeper::ByHand;
use super::super::{
    AccountId, Answer, Balance, Captured, Credits, CreditsError, EntryKind, Expired, Extended, Grant, Granted, Held,
    HoldId, HoldRequest, Holding, Key, Ledger, Memory, Operation, Page, Placed, Settling, StoreClock, Totals, Verified,
    Voided,
};
use crate::clock::Manual;

const STEP: Duration = Duration::from_millis(10);
const LIFETIME: Duration = Duration::from_secs(5);

/// A generator that needs no more than a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

#[derive(Debug, Default)]
struct Faults {
    steps: AtomicU64,
    slow: AtomicU64,
    cut: AtomicU64,
    before: AtomicU64,
    after: AtomicU64,
    twice: AtomicU64,
}

/// Memory behind a bad line.
#[derive(Clone)]
struct BadLine(Arc<Line>);

struct Line {
    memory: Memory,
    dice: Mutex<Dice>,
    /// Of a hundred steps, so many meet a fault.
    share: AtomicU64,
    /// Nothing gets through.
    is_cut: AtomicBool,
    now: AtomicI64,
    faults: Faults,
}

impl std::fmt::Debug for BadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BadLine").finish_non_exhaustive()
    }
}

impl BadLine {
    fn step<T: Send + Unpin + 'static>(&self, step: impl Fn(&Memory) -> Answer<T> + Send + 'static) -> Answer<T> {
        let line = &self.0;
        let (fault, delay) = {
            let mut dice = line.dice.lock().expect("no panic");
            let met = dice.roll(100) < line.share.load(Ordering::Relaxed);
            (met.then(|| dice.roll(5)), 1 + dice.roll(300) as i64)
        };
        let faults = &line.faults;
        let count = |what: &AtomicU64| what.fetch_add(1, Ordering::Relaxed);
        count(&faults.steps);
        let away = || Answer::now(Err(CreditsError::unavailable("a bad line")));
        if line.is_cut.load(Ordering::Relaxed) {
            count(&faults.cut);
            return away();
        }
        match fault {
            None => step(&line.memory),
            Some(0) => {
                count(&faults.before);
                away()
            }
            Some(1) => {
                count(&faults.after);
                drop(step(&line.memory));
                away()
            }
            Some(2) => {
                count(&faults.twice);
                drop(step(&line.memory));
                step(&line.memory)
            }
            // The step is slow to be taken; or it is taken, and slow to be heard of.
            Some(slow) => {
                count(&faults.slow);
                let line = self.0.clone();
                let at = line.now.load(Ordering::Relaxed) + delay;
                let mut answer = (slow == 3).then(|| step(&line.memory));
                Answer::from_future(poll_fn(move |context: &mut Context<'_>| {
                    if line.now.load(Ordering::Relaxed) < at {
                        return Poll::Pending;
                    }
                    Pin::new(answer.get_or_insert_with(|| step(&line.memory))).poll(context)
                }))
            }
        }
    }
}

impl Ledger for BadLine {
    fn grant(&self, grant: Grant) -> Answer<Granted> {
        self.0.memory.grant(grant)
    }

    fn hold(&self, request: HoldRequest) -> Answer<Placed> {
        self.step(move |memory| memory.hold(request.clone()))
    }

    fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured> {
        self.step(move |memory| memory.capture(hold, amount))
    }

    fn void(&self, hold: HoldId) -> Answer<Voided> {
        self.step(move |memory| memory.void(hold))
    }

    fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended> {
        self.step(move |memory| memory.extend(hold, lifetime))
    }

    fn balance(&self, account: AccountId) -> Answer<Balance> {
        self.0.memory.balance(account)
    }

    fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
        self.0.memory.history(account, before, limit)
    }

    fn expire(&self, limit: u32) -> Answer<Expired> {
        self.step(move |memory| memory.expire(limit))
    }

    fn totals(&self) -> Answer<Totals> {
        self.0.memory.totals()
    }

    fn verify(&self) -> Answer<Verified> {
        self.0.memory.verify()
    }
}

/// What a caller is at.
enum Caller {
    Away,
    Holding(Holding, Option<Key>),
    Working(Held, u64),
    Settling(HoldId, i64, Settling),
    GivingBack(Settling),
}

#[derive(Default)]
struct Tally {
    runs: u64,
    holds: u64,
    refused: u64,
    acknowledged: u64,
    left: u64,
    late: u64,
    lost: u64,
    keys: u64,
    faults: BTreeMap<&'static str, u64>,
}

fn run(seed: u64, tally: &mut Tally) {
    let time = Manual::start();
    let clock = StoreClock::manual();
    let line = BadLine(Arc::new(Line {
        memory: Memory::with_clock(clock.clone()),
        dice: Mutex::new(Dice(seed ^ 0xfa17)),
        share: AtomicU64::new(0),
        is_cut: AtomicBool::new(false),
        now: AtomicI64::new(0),
        faults: Faults::default(),
    }));
    let mut dice = Dice(seed);
    line.0.share.store(5 + dice.roll(60), Ordering::Relaxed);
    let paid = Arc::new(Mutex::new(HashMap::new()));
    let (told, late) = (paid.clone(), Arc::new(AtomicU64::new(0)));
    let tell_late = late.clone();
    let (credits, mut keeper): (Credits, ByHand) = Credits::builder(line.clone())
        .hold_lifetime(LIFETIME)
        .on_paid(move |one| {
            tell_late.fetch_add(u64::from(one.late), Ordering::Relaxed);
            let twice = told.lock().expect("no panic").insert(one.hold, one.amount);
            assert_eq!(twice, None, "a capture is told once");
        })
        .by_hand();
    let accounts: Vec<_> = (0..3).map(|n| AccountId::new(format!("account {n}")).expect("a name")).collect();
    for account in &accounts {
        credits.grant(Grant::new(account.clone(), 200)).wait().expect("a grant");
    }
    let work = Operation::new("work").expect("a name");
    let mut callers: Vec<Caller> = (0..12).map(|_| Caller::Away).collect();
    let mut acknowledged = HashMap::new();
    let (mut lost, mut keys) = (Vec::new(), HashMap::new());
    let waker = Waker::noop();
    let mut context = Context::from_waker(waker);

    let pass = |line: &BadLine| {
        time.advance(STEP);
        clock.advance(STEP);
        line.0.now.fetch_add(10, Ordering::Relaxed);
    };
    // Once in each run the line is cut, for longer than a hold lives.
    let cut = 100 + dice.roll(300);
    for step in 0..1500 {
        line.0.is_cut.store((cut..cut + 700).contains(&step), Ordering::Relaxed);
        for caller in &mut callers {
            *caller = match std::mem::replace(caller, Caller::Away) {
                Caller::Away if dice.roll(4) == 0 => {
                    let account = &accounts[dice.roll(3) as usize];
                    // A key is sent again and again, always for the same amount.
                    let key = dice.roll(30);
                    if key < 10 {
                        let name = Key::new(format!("key {}", key + 10 * (step / 100))).expect("a key");
                        Caller::Holding(
                            credits.hold_once(account, &work, 1 + key as i64, Some(name.clone())),
                            Some(name),
                        )
                    } else {
                        Caller::Holding(credits.hold(account, &work, 1 + dice.roll(9) as i64), None)
                    }
                }
                // Who waits may leave.
                Caller::Holding(..) | Caller::Working(_, 0..60) | Caller::Settling(..) | Caller::GivingBack(_)
                    if dice.roll(40) == 0 =>
                {
                    tally.left += 1;
                    Caller::Away
                }
                Caller::Holding(mut holding, key) => match Pin::new(&mut holding).poll(&mut context) {
                    Poll::Pending => Caller::Holding(holding, key),
                    Poll::Ready(Ok(held)) => {
                        tally.holds += 1;
                        keys.extend(key.map(|key| (held.id(), (held.account().clone(), key))));
                        // Some work takes longer than its hold lives.
                        let steps = if dice.roll(6) == 0 { 510 } else { dice.roll(30) };
                        Caller::Working(held, steps)
                    }
                    Poll::Ready(Err(_)) => {
                        tally.refused += 1;
                        Caller::Away
                    }
                },
                Caller::Working(held, 0) if dice.roll(8) == 0 => Caller::GivingBack(held.void()),
                Caller::Working(held, 0) => {
                    let part = 1 + dice.roll(held.amount() as u64) as i64;
                    Caller::Settling(held.id(), part, held.capture_part(part))
                }
                Caller::Working(held, steps) => Caller::Working(held, steps - 1),
                Caller::Settling(hold, amount, mut settling) => match Pin::new(&mut settling).poll(&mut context) {
                    Poll::Pending => Caller::Settling(hold, amount, settling),
                    Poll::Ready(Ok(settled)) => {
                        if let Some(captured) = settled.captured {
                            acknowledged.insert(hold, captured.amount);
                        }
                        Caller::Away
                    }
                    Poll::Ready(Err(_)) => {
                        lost.push(hold);
                        Caller::Away
                    }
                },
                Caller::GivingBack(mut settling) => match Pin::new(&mut settling).poll(&mut context) {
                    Poll::Pending => Caller::GivingBack(settling),
                    Poll::Ready(settled) => {
                        assert!(settled.is_ok(), "seed {seed}: a void has nothing to refuse");
                        Caller::Away
                    }
                },
                Caller::Away => Caller::Away,
            };
        }
        keeper.step();
        pass(&line);
    }
    // The callers go, the line mends, and what is left is settled or expires: within its life and five seconds.
    drop(callers);
    line.0.share.store(0, Ordering::Relaxed);
    for _ in 0..(LIFETIME + Duration::from_secs(5)).as_millis() / STEP.as_millis() {
        keeper.step();
        pass(&line);
    }
    let memory = &line.0.memory;
    assert_eq!(memory.totals().wait(), Ok(Totals { holds: 0, credits: 0 }), "seed {seed}");
    assert_eq!(memory.verify().wait().expect("a ledger").violations, [], "seed {seed}");
    assert_eq!(keeper.left(), 0, "seed {seed}");

    let mut journal = HashMap::new();
    for account in &accounts {
        let mut before = None;
        loop {
            let page = memory.history(account.clone(), before, 1000).wait().expect("a history");
            for entry in page.entries {
                if matches!(entry.kind, EntryKind::Capture | EntryKind::LateCapture) {
                    let hold = entry.hold.expect("a hold");
                    let twice = journal.insert(hold, -entry.available - entry.held);
                    assert_eq!(twice, None, "seed {seed}: {hold} was captured twice");
                }
            }
            before = page.next;
            if before.is_none() {
                break;
            }
        }
    }
    // Nothing that was acknowledged is missing; and what is told as paid is what the journal says.
    for (hold, amount) in &acknowledged {
        assert_eq!(journal.get(hold), Some(amount), "seed {seed}");
    }
    let paid = paid.lock().expect("no panic");
    // And the other way: a capture is asked for until the ledger is heard.
    assert_eq!(*paid, journal, "seed {seed}");
    // However often a key was sent, and however many bodies ran under it, it is paid once.
    let mut once = HashMap::new();
    for (hold, key) in keys.iter().filter(|(hold, _)| journal.contains_key(hold)) {
        let other = once.insert(key, hold);
        assert_eq!(other, None, "seed {seed}: {key:?} was paid twice");
    }
    tally.keys += once.len() as u64;

    tally.runs += 1;
    tally.late += late.load(Ordering::Relaxed);
    tally.acknowledged += acknowledged.len() as u64;
    tally.lost += lost.len() as u64;
    let faults = &line.0.faults;
    for (name, count) in [
        ("steps", &faults.steps),
        ("slow", &faults.slow),
        ("line cut", &faults.cut),
        ("error before", &faults.before),
        ("error after", &faults.after),
        ("duplicate", &faults.twice),
    ] {
        *tally.faults.entry(name).or_default() += count.load(Ordering::Relaxed);
    }
}

/// `MONITOR_SIMULATIONS` runs, 20 if it is not set.
#[test]
fn whatever_the_line_does_the_numbers_agree() {
    let runs = std::env::var("MONITOR_SIMULATIONS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(20);
    let mut tally = Tally::default();
    for seed in 0..runs {
        run(seed, &mut tally);
    }
    let Tally { runs, holds, refused, acknowledged, left, late, lost, keys, faults } = tally;
    println!(
        "{runs} runs: {holds} holds, {refused} refused, {acknowledged} captures acknowledged, {late} late, \
         {left} callers left, {lost} captures refused and counted, {keys} keys paid once; faults {faults:?}"
    );
    assert!(acknowledged > 0 && late > 0 && left > 0 && keys > 0);
    assert!(faults.values().all(|count| *count > 0), "{faults:?}");
}
