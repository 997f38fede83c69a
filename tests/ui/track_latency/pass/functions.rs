//! Functions that are timed, with and without labels.

use monitor_runtime::{Outcome, assert_delta};

monitor_runtime::metrics! {
    /// Seconds
    histogram LATENCY = "latency_seconds";
    /// Seconds by operation
    histogram OPERATIONS = "operation_seconds" { operation: &'static str } buckets [0.1, 1];
    /// Seconds by outcome
    histogram OUTCOMES = "outcome_seconds" { outcome: Outcome, on: bool };
}

#[monitor_runtime::track_latency(LATENCY)]
fn bare(number: u8) -> u8 {
    number + 1
}

#[monitor_runtime::track_latency(OPERATIONS, operation = "pdf")]
async fn literal() -> Result<u8, String> {
    let number: u8 = "1".parse().map_err(|_| String::new())?;
    Ok(number)
}

#[monitor_runtime::track_latency(OPERATIONS, operation = operation)]
fn at_run_time(operation: &'static str) -> &'static str {
    operation
}

#[monitor_runtime::track_latency(OUTCOMES, outcome, labels(on = true))]
fn by_outcome() -> Option<Result<u8, u8>> {
    Some(Err(1))
}

#[monitor_runtime::track_latency(OPERATIONS, operation = |answer| answer.map_or("none", |_| "some"),)]
async fn by_result(answer: Option<u8>) -> Option<u8> {
    answer
}

#[monitor_runtime::track_latency(OPERATIONS, crate = ::monitor_runtime, operation = "path")]
fn by_path() {}

fn main() {
    assert_delta!(LATENCY {}, 1, assert_eq!(bare(1), 2));
    assert_delta!(OPERATIONS { operation: "pdf" }, 1, assert_eq!(ui::run(literal()), Ok(1)));
    assert_delta!(OPERATIONS { operation: "csv" }, 1, assert_eq!(at_run_time("csv"), "csv"));
    assert_delta!(OUTCOMES { outcome: Outcome::Success, on: true }, 1, assert!(by_outcome().is_some()));
    assert_delta!(OPERATIONS { operation: "none" }, 1, assert_eq!(ui::run(by_result(None)), None));
    assert_delta!(OPERATIONS { operation: "path" }, 1, by_path());
}
