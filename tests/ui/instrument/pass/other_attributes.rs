//! Doc comments and attributes of the language, above and below, outside and inside.
#![deny(unused_must_use, deprecated)]

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

/// Above.
#[monitor_runtime::instrument(counter = CALLS)]
/// Below.
#[must_use]
fn documented() -> u8 {
    //! Inside.
    1
}

#[inline(always)]
#[monitor_runtime::instrument(counter = CALLS)]
#[cold]
fn hinted() -> u8 {
    1
}

#[monitor_runtime::instrument(counter = CALLS)]
#[deprecated = "there is a better one"]
fn old() -> u8 {
    1
}

#[monitor_runtime::instrument(counter = CALLS)]
#[cfg_attr(all(), allow(unused_variables, reason = "on purpose"))]
fn allowed(unused: u8) -> u8 {
    allowed_inside()
}

#[monitor_runtime::instrument(counter = CALLS)]
fn allowed_inside() -> u8 {
    #![allow(unused_mut, reason = "on purpose")]
    #![cfg_attr(all(), allow(unused_assignments))]
    let mut number = 1;
    number
}

#[cfg_attr(all(), monitor_runtime::instrument(counter = CALLS))]
async fn conditional() -> u8 {
    #![expect(clippy::let_and_return, reason = "on purpose")]
    let number = 1;
    number
}

#[cfg(any())]
#[monitor_runtime::instrument(counter = MISSING)]
fn left_out() -> Missing {
    missing
}

#[monitor_runtime::track_latency(LATENCY)]
#[track_caller]
fn caller() -> u32 {
    std::panic::Location::caller().line()
}

#[allow(clippy::unused_async, reason = "on purpose")]
#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
async fn outer_allow() -> u8 {
    1
}

fn main() {
    #[expect(deprecated, reason = "on purpose")]
    let old = || old();
    assert_delta!(CALLS {}, 7, {
        assert_eq!(documented() + hinted() + old() + allowed(1), 4);
        assert_eq!(ui::run(conditional()) + ui::run(outer_allow()), 2);
    });
    assert_delta!(LATENCY {}, 1, assert_eq!(caller(), line!()));
}
