//! What an annotated function counts, times and gauges, in the outcomes that a call can have.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use monitor_runtime::{LabelValue, Outcome, ToOutcome, assert_delta, instrument, metrics, sample_value, track_latency};

#[derive(Clone, Copy, Debug, PartialEq, LabelValue)]
enum Plan {
    Free,
    #[label("gold")]
    Paid,
}

metrics! {
    /// Sessions opened
    counter SESSIONS = "instrument_sessions_total" { auth_method: &'static str };
    /// Jobs done
    counter JOBS = "instrument_jobs_total" { #[label(max = 5)] tenant: &str, ok: bool };
    /// Plans bought
    counter PLANS = "instrument_plans_total" { plan: Plan, seats: u8 };
    /// Plans in all
    counter ALL_PLANS = "instrument_all_plans_total" { plan: Plan, gift: bool };
    /// Calls by outcome
    counter CALLS = "instrument_calls_total" { outcome: Outcome };
    /// Calls by what they gave
    counter ANSWERS = "instrument_answers_total" { answer: &'static str, #[label(max = 9)] who: &str };
    /// Seconds of work
    histogram LATENCY = "instrument_latency_seconds" { operation: &'static str };
    /// Seconds of work by answer
    histogram ANSWER_LATENCY = "instrument_answer_latency_seconds" { answer: &'static str, #[label(max = 9)] who: &str };
    /// Work in flight
    gauge RUNNING = "instrument_running" { operation: &'static str };
    /// Calls by a name
    counter NAMED = "instrument_named_total" { who: &'static str };
    /// Seconds by a name
    histogram NAMED_LATENCY = "instrument_named_latency_seconds" { who: &'static str };
    /// In flight by a name
    gauge NAMED_RUNNING = "instrument_named_running" { who: &'static str };
    /// Seconds by outcome
    histogram CALL_LATENCY = "instrument_call_latency_seconds" { outcome: Outcome };
    /// Bytes sent by an amount
    counter SENT = "instrument_sent_total";
    /// Seconds of sending
    histogram SENT_LATENCY = "instrument_sent_latency_seconds";
    /// Calls that left as they may
    counter LEFT = "instrument_left_total" { how: &'static str };
    /// Seconds of those
    histogram LEFT_LATENCY = "instrument_left_latency_seconds" { how: &'static str };
    /// Those in flight
    gauge LEFT_RUNNING = "instrument_left_running" { how: &'static str };
    /// Calls that ended
    counter ENDED = "instrument_ended_total" { outcome: Outcome };
    /// Calls of all outcomes
    counter ALL = "instrument_all_total";
    /// Calls that succeeded
    counter SUCCEEDED = "instrument_succeeded_total";
    /// Calls that failed
    counter FAILED = "instrument_failed_total";
    /// Seconds of all calls
    histogram ALL_LATENCY = "instrument_all_latency_seconds";
    /// All calls in flight
    gauge ALL_RUNNING = "instrument_all_running";
}

/// Polls a future that is never pending for long.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    unreachable!("the future is still pending")
}

/// Pending once, then ready.
struct Yield(Cell<bool>);
impl Future for Yield {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.replace(true) { Poll::Ready(()) } else { Poll::Pending }
    }
}
fn yields() -> Yield {
    Yield(Cell::new(false))
}

enum Denied {
    Wrong,
    Broken,
}
impl ToOutcome for Denied {
    fn outcome(&self) -> Outcome {
        match self {
            Denied::Wrong => Outcome::Refused,
            Denied::Broken => Outcome::Failure,
        }
    }
}

#[instrument(counter = SESSIONS, auth_method = "password")]
async fn login(ok: bool) -> Result<u32, Denied> {
    yields().await;
    if !ok {
        return Err(Denied::Wrong);
    }
    Ok(7)
}

#[test]
fn a_failed_login_is_no_session() {
    let label = SESSIONS { auth_method: "password" };
    assert_eq!(SESSIONS.with(label).value(), 0);
    assert_delta!(SESSIONS { auth_method: "password" }, 1, assert!(matches!(run(login(true)), Ok(7))));
    assert_delta!(SESSIONS { auth_method: "password" }, 0, assert!(run(login(false)).is_err()));
    assert_delta!(SESSIONS { auth_method: "password" }, 0, drop(login(true)));
    assert_eq!(sample_value("instrument_sessions_total", &[("auth_method", "password")]), Some(1.0));
}

/// A body may be left by its end, by `return`, by `?`, by a panic, or by a macro that hides one of these.
mod left {
    use super::*;

    macro_rules! give {
        ($value:expr) => {
            return $value
        };
    }

    #[instrument(counter = LEFT, how = "sync")]
    pub(super) fn sync(number: u8) -> Result<u8, String> {
        for even in (0..9).step_by(2) {
            if even == number || number > 100 {
                return if number < 4 { Ok(even) } else { Err(format!("{number} is too much")) };
            }
        }
        let later = || -> Result<u8, String> { Ok(number) };
        match number {
            1 => later(),
            3 => Err(String::from("three"))?,
            5 => panic!("on purpose"),
            7 => give!(Ok(number)),
            other => Ok(other),
        }
    }

    #[instrument(counter = LEFT, histogram = LEFT_LATENCY, gauge = LEFT_RUNNING, how = "whole")]
    pub(super) fn whole(number: u8) -> Result<u8, String> {
        if number == 0 {
            return Ok(number);
        }
        let less = |number: u8| -> Option<u8> {
            if number > 100 {
                return None;
            }
            number.checked_sub(1)
        };
        for limit in 3..5 {
            if number > limit {
                return less(number).map(|_| 0).ok_or_else(String::new).and_then(|_| Err(String::from("much")));
            }
        }
        if number > 2 {
            Err(String::from("three"))?;
        }
        assert_ne!(number, 2, "on purpose");
        Ok(number)
    }

    #[instrument(counter = LEFT, histogram = LEFT_LATENCY, gauge = LEFT_RUNNING, how = "async")]
    pub(super) async fn asynchronous(number: u8) -> Result<u8, String> {
        if number == 0 {
            return Ok(number);
        }
        yields().await;
        for limit in 3..5 {
            if number > limit {
                return Err(String::from("much"));
            }
        }
        if number > 2 {
            Err(String::from("three"))?;
        }
        assert_ne!(number, 2, "on purpose");
        Ok(number)
    }

    #[instrument(counter = LEFT, how = "nothing")]
    pub(super) fn nothing(numbers: &mut Vec<u8>, number: u8) {
        if number > 3 {
            return;
        }
        assert_ne!(number, 2, "on purpose");
        numbers.push(number);
    }
}

#[test]
fn a_success_counts_once_however_its_body_is_left() {
    let successes = |how: &'static str| LEFT.with(LEFT { how }).value();
    let attempts = |call: &dyn Fn(u8) -> Result<u8, String>| {
        (0..9)
            .map(|number| catch_unwind(AssertUnwindSafe(|| call(number))))
            .filter(|left| matches!(left, Ok(Ok(_))))
            .count()
    };
    // 0 and 2 by `return` in a loop, 1 by a closure, 7 by a macro; 3 by `?`, 5 by a panic, the others by `return Err`.
    assert_eq!(attempts(&left::sync), 4);
    assert_eq!(successes("sync"), 4);
    // 0 by `return`, 1 at the end.
    for (how, call) in
        [("whole", &left::whole as &dyn Fn(u8) -> _), ("async", &|number| run(left::asynchronous(number)))]
    {
        assert_eq!(attempts(call), 2);
        assert_eq!(successes(how), 2);
        assert_eq!(LEFT_LATENCY.with(LEFT_LATENCY { how }).count(), 9);
        assert!(LEFT_RUNNING.with(LEFT_RUNNING { how }).value().abs() < 0.5);
    }
    let mut numbers = Vec::new();
    for number in 0..9 {
        let _ = catch_unwind(AssertUnwindSafe(|| left::nothing(&mut numbers, number)));
    }
    assert_eq!(numbers, [0, 1, 3]);
    assert_eq!(successes("nothing"), 8);
}

#[test]
fn a_future_is_as_large_as_without_the_attribute() {
    async fn bare(bytes: [u8; 4096]) -> Result<usize, String> {
        if bytes.is_empty() {
            return Err(String::from("none"));
        }
        yields().await;
        Ok(bytes.iter().map(|byte| usize::from(*byte)).sum())
    }
    #[instrument(counter = LEFT, how = "large")]
    async fn counted(bytes: [u8; 4096]) -> Result<usize, String> {
        if bytes.is_empty() {
            return Err(String::from("none"));
        }
        yields().await;
        Ok(bytes.iter().map(|byte| usize::from(*byte)).sum())
    }
    let (bare, counted) = (size_of_val(&bare([1; 4096])), size_of_val(&counted([1; 4096])));
    assert!(counted <= bare + 64, "{counted} bytes, {bare} without the attribute");
}

#[test]
fn each_outcome_is_told_apart_and_each_call_counts_once() {
    #[instrument(counter = CALLS, on = "any", outcome)]
    async fn call(what: u8) -> Result<(), Denied> {
        match what {
            0 => Ok(()),
            1 => Err(Denied::Wrong),
            2 => Err(Denied::Broken),
            3 => panic!("on purpose"),
            _ => {
                std::future::pending::<()>().await;
                Ok(())
            }
        }
    }
    assert_delta!(CALLS { outcome: Outcome::Success }, 1, assert!(run(call(0)).is_ok()));
    assert_delta!(CALLS { outcome: Outcome::Refused }, 1, assert!(run(call(1)).is_err()));
    assert_delta!(CALLS { outcome: Outcome::Failure }, 1, assert!(run(call(2)).is_err()));
    assert_delta!(CALLS { outcome: Outcome::Panic }, 1, assert!(catch_unwind(|| run(call(3))).is_err()));
    assert_delta!(CALLS { outcome: Outcome::Cancelled }, 1, {
        let mut dropped = Box::pin(call(4));
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
    // Never polled: never called.
    assert_delta!(CALLS { outcome: Outcome::Cancelled }, 0, drop(call(4)));
    let total: u64 = [Outcome::Success, Outcome::Refused, Outcome::Failure, Outcome::Panic, Outcome::Cancelled]
        .map(|outcome| CALLS.with(CALLS { outcome }).value())
        .iter()
        .sum();
    assert_eq!(total, 5);
}

#[test]
fn labels_come_from_arguments_and_from_the_result() {
    #[instrument(counter = JOBS, tenant = tenant, ok = tenant.len() > 2)]
    fn job(tenant: &str) -> usize {
        tenant.len()
    }
    assert_delta!(JOBS { tenant: "abc", ok: true }, 1, assert_eq!(job("abc"), 3));

    struct Service {
        name: String,
    }
    impl Service {
        #[instrument(counter = ANSWERS, histogram = ANSWER_LATENCY, on = "any", who = &self.name, answer = |answer| answer.map_or("none", |_| "some"))]
        fn ask(&self, n: i32) -> Option<i32> {
            (n >= 0).then(|| 100 / n)
        }
    }
    let service = Service { name: "ada".to_owned() };
    assert_delta!(ANSWERS { answer: "some", who: "ada" }, 1, assert_eq!(service.ask(5), Some(20)));
    assert_delta!(ANSWERS { answer: "none", who: "ada" }, 1, assert_eq!(service.ask(-5), None));
    assert_delta!(ANSWER_LATENCY { answer: "_panic", who: "ada" }, 1, {
        assert_delta!(ANSWERS { answer: "_panic", who: "ada" }, 1, {
            assert!(catch_unwind(AssertUnwindSafe(|| service.ask(0))).is_err());
        });
    });

    #[instrument(counter = PLANS, plan = plan, seats = 3, by = u64::from(amount))]
    fn buy(plan: Plan, amount: u8) {
        let _ = plan;
    }
    assert_delta!(PLANS { plan: Plan::Paid, seats: 3 }, 4, buy(Plan::Paid, 4));
    assert_delta!(PLANS { plan: Plan::Free, seats: 3 }, 1, buy(Plan::Free, 1));
    assert_eq!(sample_value("instrument_plans_total", &[("seats", "3"), ("plan", "gold")]), Some(4.0));
    assert_eq!(sample_value("instrument_all_plans_total", &[("plan", "free"), ("gift", "false")]), Some(0.0));
}

/// A name, and how often it was asked for.
fn asked(turns: &Cell<u32>, who: &'static str) -> &'static str {
    turns.set(turns.get() + 1);
    who
}

#[test]
fn an_expression_is_evaluated_once_however_many_metrics_it_serves() {
    #[instrument(counter = NAMED, histogram = NAMED_LATENCY, gauge = NAMED_RUNNING, who = asked(turns, "before"))]
    fn before(turns: &Cell<u32>) -> Result<u32, Denied> {
        Ok(turns.get())
    }
    #[instrument(counter = NAMED, histogram = NAMED_LATENCY, gauge = NAMED_RUNNING, who = asked(turns, "async"))]
    async fn before_async(turns: &Cell<u32>) -> u32 {
        yields().await;
        turns.get()
    }
    #[expect(clippy::manual_async_fn, reason = "it is what is tested")]
    #[instrument(counter = NAMED, histogram = NAMED_LATENCY, who = asked(turns, "future"))]
    fn before_future(turns: &Cell<u32>) -> impl Future<Output = u32> {
        async move { turns.get() }
    }
    #[instrument(counter = NAMED, histogram = NAMED_LATENCY, on = "any", who = |_| asked(turns, "after"))]
    fn after(turns: &Cell<u32>) -> u32 {
        turns.get()
    }
    #[instrument(counter = SENT, histogram = SENT_LATENCY, by = asked(turns, "four").len() as u64)]
    fn amount(turns: &Cell<u32>) -> u32 {
        turns.get()
    }
    // The same where the call is none of those that the counter counts.
    #[instrument(counter = NAMED, histogram = NAMED_LATENCY, on = "failure", who = asked(turns, "not counted"))]
    fn not_counted(turns: &Cell<u32>) -> Result<u32, Denied> {
        Ok(turns.get())
    }
    let turns = Cell::new(0);
    let once = |in_the_body: u32, at_the_end: u32, name: &str| {
        assert_eq!((in_the_body, turns.replace(0)), (at_the_end, 1), "{name}");
    };
    assert_delta!(NAMED { who: "before" }, 1, once(before(&turns).unwrap_or_default(), 1, "before"));
    assert_delta!(NAMED { who: "async" }, 1, once(run(before_async(&turns)), 1, "async"));
    assert_delta!(NAMED { who: "future" }, 1, once(run(before_future(&turns)), 1, "future"));
    assert_delta!(NAMED { who: "after" }, 1, once(after(&turns), 0, "after"));
    assert_delta!(SENT {}, 4, once(amount(&turns), 1, "amount"));
    assert_delta!(NAMED { who: "not counted" }, 0, once(not_counted(&turns).unwrap_or_default(), 1, "not counted"));
    for who in ["before", "async", "future", "after", "not counted"] {
        assert_eq!(NAMED_LATENCY.with(NAMED_LATENCY { who }).count(), 1, "{who}");
        assert_eq!(NAMED_RUNNING.with(NAMED_RUNNING { who }).value(), 0.0, "{who}");
    }
}

#[test]
fn counters_histograms_and_gauges_agree_whatever_becomes_of_the_calls() {
    fn ends(how: u8) -> Result<(), Denied> {
        match how {
            0 => Ok(()),
            1 => Err(Denied::Wrong),
            2 => Err(Denied::Broken),
            _ => panic!("on purpose"),
        }
    }
    #[instrument(counter = ENDED, histogram = CALL_LATENCY, on = "any", outcome)]
    #[instrument(counter = ALL, histogram = ALL_LATENCY, gauge = ALL_RUNNING, on = "any")]
    #[instrument(counter = SUCCEEDED)]
    #[instrument(counter = FAILED, on = "failure")]
    fn sync(how: u8) -> Result<(), Denied> {
        ends(how)
    }
    #[instrument(counter = ENDED, histogram = CALL_LATENCY, on = "any", outcome)]
    #[instrument(counter = ALL, histogram = ALL_LATENCY, gauge = ALL_RUNNING, on = "any")]
    #[instrument(counter = SUCCEEDED)]
    #[instrument(counter = FAILED, on = "failure")]
    async fn later(how: u8) -> Result<(), Denied> {
        yields().await;
        ends(how)
    }
    #[instrument(counter = ENDED, histogram = CALL_LATENCY, on = "any", outcome)]
    #[instrument(counter = ALL, histogram = ALL_LATENCY, gauge = ALL_RUNNING, on = "any")]
    #[instrument(counter = SUCCEEDED)]
    #[instrument(counter = FAILED, on = "failure")]
    fn returned(how: u8) -> Pin<Box<dyn Future<Output = Result<(), Denied>>>> {
        Box::pin(async move {
            yields().await;
            ends(how)
        })
    }
    type Ended = Pin<Box<dyn Future<Output = Result<(), Denied>>>>;
    let mut context = Context::from_waker(Waker::noop());
    let mut in_flight: Vec<Ended> = Vec::new();
    let (mut random, mut expected) = (7_u32, [0_u64; 5]);
    for _ in 0..500 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (shape, how) = ((random >> 16) % 3, (random >> 24) as u8 % 6);
        let ended = match how {
            // Never polled: never called.
            5 => {
                drop((later(0), returned(0)));
                continue;
            }
            // A panic is the fourth outcome, a call that is dropped later the fifth.
            4 if shape == 0 => continue,
            4 => 4,
            how => usize::from(how),
        };
        expected[ended] += 1;
        let mut future: Ended = match shape {
            0 => {
                assert_eq!(catch_unwind(|| drop(sync(how))).is_err(), how == 3);
                continue;
            }
            1 => Box::pin(later(how)),
            _ => returned(how),
        };
        if how == 4 {
            assert!(future.as_mut().poll(&mut context).is_pending());
            in_flight.push(future);
        } else {
            assert_eq!(catch_unwind(AssertUnwindSafe(|| drop(run(future)))).is_err(), how == 3);
        }
    }
    assert!(expected.iter().all(|times| *times > 9), "each outcome was there: {expected:?}");
    assert_eq!(ALL_RUNNING.value(), in_flight.len() as f64);
    in_flight.clear();
    assert_eq!(ALL_RUNNING.value(), 0.0);

    let [success, refused, failure, panic, cancelled] = expected;
    let outcomes = [
        (Outcome::Success, success),
        (Outcome::Refused, refused),
        (Outcome::Failure, failure),
        (Outcome::Panic, panic),
        (Outcome::Cancelled, cancelled),
    ];
    for (outcome, times) in outcomes {
        assert_eq!(ENDED.with(ENDED { outcome }).value(), times, "{outcome:?}");
        assert_eq!(CALL_LATENCY.with(CALL_LATENCY { outcome }).count(), times, "{outcome:?}");
    }
    let calls: u64 = expected.iter().sum();
    assert_eq!(ALL.value(), calls);
    assert_eq!(ALL_LATENCY.count(), calls);
    assert_eq!((SUCCEEDED.value(), FAILED.value()), (success, failure + panic + cancelled));
}

#[test]
fn in_a_generic_function_any_value_is_a_success() {
    #[instrument(counter = SESSIONS, auth_method = "generic")]
    fn handed_on<T>(value: T) -> T {
        value
    }
    assert_delta!(SESSIONS { auth_method: "generic" }, 1, assert!(handed_on(Err::<u8, _>(Denied::Broken)).is_err()));
}

#[test]
fn a_label_that_panics_loses_the_measurement_and_keeps_the_result() {
    #[instrument(counter = JOBS, tenant = names[3], ok = true)]
    fn job(names: &[&str]) -> usize {
        names.len()
    }
    let errors = [("kind", "label_panicked")];
    let before = sample_value("monitor_instrumentation_errors_total", &errors);
    assert_eq!(job(&["one"]), 1);
    let after = sample_value("monitor_instrumentation_errors_total", &errors);
    assert_eq!(after.zip(before).map(|(after, before)| after - before), Some(1.0));
}

#[test]
fn a_gauge_returns_to_zero_and_a_histogram_times_every_call() {
    #[instrument(histogram = LATENCY, gauge = RUNNING, operation = "mixed")]
    async fn work(panics: bool) {
        assert_eq!(RUNNING.with(RUNNING { operation: "mixed" }).value(), 1.0);
        yields().await;
        assert!(!panics, "on purpose");
    }
    assert_delta!(LATENCY { operation: "mixed" }, 1, run(work(false)));
    assert_delta!(LATENCY { operation: "mixed" }, 1, assert!(catch_unwind(|| run(work(true))).is_err()));
    assert_delta!(LATENCY { operation: "mixed" }, 1, {
        let mut dropped = Box::pin(work(false));
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
    assert_eq!(RUNNING.with(RUNNING { operation: "mixed" }).value(), 0.0);
}

#[test]
fn a_function_that_returns_a_future_is_measured_to_its_end() {
    type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

    #[instrument(counter = SESSIONS, auth_method = "boxed")]
    fn boxed<'a>(name: &'a str) -> Boxed<'a, Result<usize, Denied>> {
        Box::pin(async move { if name.is_empty() { Err(Denied::Broken) } else { Ok(name.len()) } })
    }
    #[expect(clippy::manual_async_fn, reason = "it is what is tested")]
    #[instrument(counter = SESSIONS, auth_method = "hidden")]
    fn hidden(ok: bool) -> impl Future<Output = Result<u32, String>> + Send {
        async move { ok.then_some(1).ok_or_else(String::new) }
    }
    #[track_latency(LATENCY, operation = "local")]
    fn local(n: u8) -> Pin<Box<dyn Future<Output = u8>>> {
        Box::pin(async move { n })
    }
    assert_delta!(SESSIONS { auth_method: "boxed" }, 1, assert_eq!(run(boxed("ada")).ok(), Some(3)));
    assert_delta!(SESSIONS { auth_method: "boxed" }, 0, assert!(run(boxed("")).is_err()));
    assert_delta!(SESSIONS { auth_method: "boxed" }, 0, drop(boxed("ada")));
    assert_delta!(SESSIONS { auth_method: "hidden" }, 1, assert!(run(hidden(true)).is_ok()));
    assert_delta!(SESSIONS { auth_method: "hidden" }, 0, assert!(run(hidden(false)).is_err()));
    assert_delta!(LATENCY { operation: "local" }, 1, {
        let future = assert_delta!(LATENCY { operation: "local" }, 0, local(3));
        assert_eq!(run(future), 3);
    });
    assert_delta!(LATENCY { operation: "local" }, 0, drop(local(3)));
}

#[test]
fn an_attribute_on_an_impl_block_covers_its_functions() {
    struct Shop;
    #[track_latency(LATENCY, operation = "shop")]
    impl Shop {
        const RATE: u32 = { 1 + 1 };
        const fn rate() -> u32 {
            Self::RATE
        }
        fn open(&self) -> [u8; 2] {
            [1, 2]
        }
        async fn sell(&mut self) -> u32 {
            Self::rate()
        }
    }
    assert_delta!(LATENCY { operation: "shop" }, 2, {
        assert_eq!(Shop.open(), [1, 2]);
        assert_eq!(run(Shop.sell()), 2);
    });
}

#[test]
fn a_family_can_stand_in_a_registry_of_its_own() {
    let registry = prometheus::Registry::new();
    let mine = SESSIONS.in_registry(&registry).expect("a fresh registry");
    mine.with(SESSIONS { auth_method: "own" }).inc();
    assert_eq!(
        monitor_runtime::sample_value_in(&registry, "instrument_sessions_total", &[("auth_method", "own")]),
        Some(1.0)
    );
    assert_eq!(sample_value("instrument_sessions_total", &[("auth_method", "own")]), None);
    let again = SESSIONS.in_registry(&registry).expect("the same family");
    assert_eq!(again.with(SESSIONS { auth_method: "own" }).value(), 1);
}
