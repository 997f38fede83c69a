//! What the body drops, it drops where it did: locals before arguments, and both before the caller goes on.

use monitor_runtime::assert_delta;
use std::cell::RefCell;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

thread_local! {
    static DROPPED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

struct Noisy(&'static str);
impl Drop for Noisy {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

#[monitor_runtime::instrument(counter = CALLS)]
fn used(first: Noisy, second: Noisy) -> usize {
    let _local = Noisy("local");
    first.0.len() + second.0.len()
}

#[monitor_runtime::track_latency(LATENCY)]
fn unused(_first: Noisy, _: Noisy, _third: Noisy) {
    let _local = Noisy("local");
}

fn dropped() -> Vec<&'static str> {
    DROPPED.take()
}

fn main() {
    assert_delta!(CALLS {}, 1, assert_eq!(used(Noisy("a"), Noisy("b")), 2));
    assert_eq!(dropped()[0], "local");
    assert_delta!(LATENCY {}, 1, unused(Noisy("a"), Noisy("b"), Noisy("c")));
    // A guard alone keeps the order that the language gives.
    assert_eq!(dropped(), ["local", "c", "b", "a"]);
}
