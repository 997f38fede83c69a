//! In a crate that forbids unsafe code and every warning there is.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, nonstandard_style, future_incompatible, rust_2018_idioms)]

use monitor_runtime::{LabelValue, Outcome, assert_delta};

monitor_runtime::metrics! {
    /// Calls
    pub counter CALLS = "calls_total" { plan: Plan, #[label(max = 9)] who: &str };
    /// Calls by outcome
    pub(crate) counter OUTCOMES = "outcomes_total" { outcome: Outcome };
    /// Seconds
    histogram LATENCY = "latency_seconds" buckets [1, 2];
    /// In flight
    gauge RUNNING = "running" { who: &'static str };
}

/// What was bought.
#[derive(Clone, Copy, LabelValue)]
pub enum Plan {
    /// Nothing.
    Free,
}

/// Buys a plan.
#[monitor_runtime::instrument(counter = CALLS, plan = plan, who = who)]
pub fn buy(plan: Plan, who: &str) -> usize {
    let Plan::Free = plan;
    who.len()
}

/// Buys a plan.
///
/// # Errors
/// Always.
#[monitor_runtime::instrument(counter = OUTCOMES, on = "failure", outcome)]
pub async fn fail() -> Result<(), String> {
    std::future::ready(()).await;
    Err(String::new())
}

/// Works.
#[monitor_runtime::track_latency(LATENCY)]
#[monitor_runtime::instrument(gauge = RUNNING, who = "all")]
pub fn work() {
    let _timer = monitor_runtime::timer!(LATENCY);
}

fn main() {
    assert_delta!(CALLS { plan: Plan::Free, who: "ada" }, 1, assert_eq!(buy(Plan::Free, "ada"), 3));
    assert_delta!(OUTCOMES { outcome: Outcome::Failure }, 1, assert!(ui::run(fail()).is_err()));
    assert_delta!(LATENCY {}, 2, work());
}
