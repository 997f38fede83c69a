//! One attribute twice, ours on each other, and ours with those of `tracing` in both orders.

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Calls by kind
    counter KINDS = "kinds_total" { kind: &'static str };
    /// Seconds
    histogram LATENCY = "latency_seconds";
    /// In flight
    gauge RUNNING = "running";
}

#[monitor_runtime::instrument(counter = CALLS)]
#[monitor_runtime::instrument(counter = CALLS)]
#[monitor_runtime::instrument(counter = KINDS, kind = "a")]
fn twice() -> u8 {
    1
}

#[monitor_runtime::track_latency(LATENCY)]
#[monitor_runtime::instrument(counter = CALLS, gauge = RUNNING)]
#[monitor_runtime::track_latency(LATENCY)]
async fn twice_later() -> Result<u8, String> {
    let number: u8 = "5".parse().map_err(|_| String::new())?;
    Ok(number)
}

#[monitor_runtime::instrument(counter = CALLS)]
#[tracing::instrument]
fn above(number: u8) -> Option<u8> {
    Some(number)
}

#[tracing::instrument(skip_all, ret)]
#[monitor_runtime::instrument(counter = CALLS)]
fn below(number: u8) -> Option<u8> {
    let number = number.checked_add(1)?;
    Some(number)
}

#[monitor_runtime::instrument(counter = CALLS)]
#[tracing::instrument(err)]
async fn above_later(number: u8) -> Result<u8, String> {
    Ok(number)
}

#[tracing::instrument(skip(number))]
#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
async fn below_later(number: u8) -> Result<u8, String> {
    Ok(number)
}

fn main() {
    assert_delta!(CALLS {}, 2, assert_delta!(KINDS { kind: "a" }, 1, assert_eq!(twice(), 1)));
    assert_delta!(CALLS {}, 1, assert_delta!(LATENCY {}, 2, assert_eq!(ui::run(twice_later()), Ok(5))));
    assert_delta!(CALLS {}, 4, {
        assert_eq!((above(1), below(1)), (Some(1), Some(2)));
        assert_eq!((ui::run(above_later(1)), ui::run(below_later(1))), (Ok(1), Ok(1)));
    });
}
