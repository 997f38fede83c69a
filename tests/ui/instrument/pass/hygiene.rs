//! Parameters, locals and items that are named like the helpers of the expansion.

use monitor_runtime::{Outcome, assert_delta};

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total" { outcome: Outcome, #[label(max = 9)] value: &str };
    /// Bytes
    counter BYTES = "bytes_total";
    /// Seconds
    histogram LATENCY = "latency_seconds" { outcome: Outcome, #[label(max = 9)] value: &str };
}

#[monitor_runtime::instrument(counter = BYTES, by = by + u64::from(call))]
fn plain(call: u8, value: u8, body: u8, by: u64, tail: u8, kind: u8, clone: u8) -> u64 {
    u64::from(call + value + body + tail + kind + clone) + by
}

#[monitor_runtime::instrument(counter = CALLS, value = value, outcome)]
async fn later<'label>(call: u8, value: &'label str, result: u8, ended: u8, label0: u8, label1: u8) -> u8 {
    let body = value.len() as u8;
    call + result + ended + label0 + label1 + body
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY, value = |result| label(*result, &call), outcome)]
fn shadows() -> u8 {
    call()
}

#[monitor_runtime::instrument(counter = BYTES)]
fn items_within() -> Result<u8, u8> {
    #[expect(dead_code, reason = "only their names matter")]
    struct Probe(u8);
    #[expect(dead_code, reason = "only its name matters")]
    trait OutcomeOf {
        fn outcome(&self) {}
        fn kind(&self) {}
    }
    impl<T> OutcomeOf for T {}
    static __MONITOR_SITE: u8 = 3;
    Ok(__MONITOR_SITE)
}

#[monitor_runtime::instrument(counter = BYTES)]
fn labels(limit: u8) -> Option<u8> {
    let mut number = 0;
    'body: loop {
        loop {
            number += 1;
            if number > limit {
                break 'body;
            }
            if number == 3 {
                return Some(number);
            }
        }
    }
    None
}

fn call() -> u8 {
    1
}

fn label(result: u8, call: &dyn Fn() -> u8) -> &'static str {
    if result == call() { "one" } else { "other" }
}

mod private {
    const _: fn(u8, &dyn Fn() -> u8) -> &'static str = super::label;
}
mod monitor_runtime_private {}

fn main() {
    assert_delta!(BYTES {}, 5, assert_eq!(plain(1, 2, 3, 4, 5, 6, 7), 28));
    assert_delta!(CALLS { outcome: Outcome::Success, value: "abc" }, 1, {
        assert_eq!(ui::run(later(1, "abc", 2, 3, 4, 5)), 18);
    });
    assert_delta!(CALLS { outcome: Outcome::Success, value: "one" }, 1, assert_eq!(shadows(), 1));
    assert_delta!(BYTES {}, 1, assert_eq!(items_within(), Ok(3)));
    assert_delta!(BYTES {}, 2, assert_eq!((labels(2), labels(5)), (None, Some(3))));
}
