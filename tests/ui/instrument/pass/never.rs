//! Functions that return `!` and bodies that diverge.

use monitor_runtime::{Outcome, assert_delta};
use std::panic::catch_unwind;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Calls by outcome
    counter OUTCOMES = "outcomes_total" { outcome: Outcome };
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[monitor_runtime::instrument(counter = CALLS, on = "any")]
fn never() -> ! {
    panic!("on purpose")
}

#[monitor_runtime::instrument(counter = CALLS)]
fn never_counted() -> ! {
    never()
}

#[monitor_runtime::track_latency(LATENCY)]
async fn never_later() -> ! {
    loop {
        std::future::pending::<()>().await;
    }
}

#[monitor_runtime::instrument(counter = OUTCOMES, on = "any", outcome)]
fn diverges(message: &str) -> u8 {
    panic!("{message}")
}

#[monitor_runtime::instrument(counter = CALLS)]
fn diverges_generic<T>(value: Option<T>) -> T {
    let Some(value) = value else { unreachable!("on purpose") };
    value
}

#[monitor_runtime::instrument(counter = CALLS, on = "any")]
fn loops() -> u8 {
    let mut turns = 0;
    loop {
        turns += 1;
        if turns == 3 {
            break turns;
        }
    }
}

#[monitor_runtime::instrument(counter = CALLS)]
fn always_returns() -> u8 {
    return 1;
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    assert_delta!(CALLS {}, 1, assert!(catch_unwind(|| never()).is_err()));
    assert_delta!(CALLS {}, 1, assert!(catch_unwind(|| never_counted()).is_err()));
    assert_delta!(LATENCY {}, 0, drop(never_later()));
    assert_delta!(OUTCOMES { outcome: Outcome::Panic }, 1, assert!(catch_unwind(|| diverges("on purpose")).is_err()));
    assert_delta!(CALLS {}, 1, {
        assert_eq!(diverges_generic(Some(1)), 1);
        assert!(catch_unwind(|| diverges_generic::<u8>(None)).is_err());
    });
    assert_delta!(CALLS {}, 2, assert_eq!(loops() + always_returns(), 4));
}
