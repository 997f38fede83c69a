//! What an annotated function counts, times and gauges, in the outcomes that a call can have.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use monitor_runtime::{
    LabelValue, Outcome, ToOutcome, assert_delta, instrument, metrics, sample_value, timer, track_latency,
};

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
    /// Bytes sent
    counter BYTES = "instrument_bytes_total";
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
fn families_serve_by_hand() {
    BYTES.add(5);
    BYTES.inc();
    assert_eq!(BYTES.value(), 6);
    let running = RUNNING.with(RUNNING { operation: "hand" });
    running.set(2.5);
    running.dec();
    assert_eq!(running.value(), 1.5);
    let series = LATENCY.with(LATENCY { operation: "hand" });
    series.observe(0.2);
    series.observe(f64::NAN);
    drop(timer!(LATENCY, operation = "hand"));
    series.start_timer().discard();
    assert!(series.start_timer().stop() >= 0.0);
    assert_eq!(series.count(), 3);
    assert!(series.sum() >= 0.2 && series.sum() < 1.0);
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
