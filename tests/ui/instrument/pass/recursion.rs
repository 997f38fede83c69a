//! Functions that call themselves and each other.

use monitor_runtime::assert_delta;
use std::pin::Pin;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[monitor_runtime::instrument(counter = CALLS)]
fn factorial(n: u64) -> u64 {
    if n < 2 { 1 } else { n * factorial(n - 1) }
}

#[monitor_runtime::instrument(counter = CALLS)]
fn even(n: u8) -> bool {
    n == 0 || odd(n - 1)
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
fn odd(n: u8) -> bool {
    n != 0 && even(n - 1)
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn sum(n: u8) -> u8 {
    if n == 0 { 0 } else { n + Box::pin(sum(n - 1)).await }
}

#[monitor_runtime::instrument(counter = CALLS)]
fn sum_boxed(n: u8) -> Pin<Box<dyn Future<Output = u8>>> {
    Box::pin(async move { if n == 0 { 0 } else { n + sum_boxed(n - 1).await } })
}

fn main() {
    assert_delta!(CALLS {}, 4, assert_eq!(factorial(4), 24));
    assert_delta!(CALLS {}, 4, assert!(!even(3)));
    assert_delta!(CALLS {}, 4, assert_eq!(ui::run(sum(3)), 6));
    assert_delta!(CALLS {}, 4, assert_eq!(ui::run(sum_boxed(3)), 6));
}
