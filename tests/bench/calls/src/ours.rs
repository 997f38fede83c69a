//! The project, as a user of it writes it.

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use monitor_runtime::{CounterSeries, HistogramSeries, instrument, metrics, timer, track_latency};

use crate::work;

metrics! {
    /// Sessions opened
    counter SESSIONS = "ours_sessions_total" { auth_method: &'static str };
    /// Latency in seconds
    histogram LATENCY = "ours_latency_seconds" { auth_method: &'static str }
        buckets [0.000001, 0.000005, 0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
}

static SESSION: LazyLock<CounterSeries> = LazyLock::new(|| SESSIONS.with(SESSIONS { auth_method: "password" }));
static OPERATION: LazyLock<HistogramSeries> = LazyLock::new(|| LATENCY.with(LATENCY { auth_method: "password" }));

#[instrument(counter = SESSIONS, auth_method = "password")]
pub fn counted(x: u64) -> u64 {
    work(x)
}

#[instrument(counter = SESSIONS, auth_method = "password")]
pub fn counted_result(x: u64) -> Result<u64, String> {
    Ok(work(x))
}

#[instrument(counter = SESSIONS, auth_method = "password", on = "any")]
pub fn counted_any(x: u64) -> u64 {
    work(x)
}

#[instrument(counter = SESSIONS, auth_method = "password")]
pub async fn counted_async(x: u64) -> u64 {
    work(x)
}

#[instrument(counter = SESSIONS, histogram = LATENCY, auth_method = "password")]
pub fn both(x: u64) -> u64 {
    work(x)
}

#[instrument(counter = SESSIONS, histogram = LATENCY, auth_method = "password", on = "any")]
pub fn both_any(x: u64) -> u64 {
    work(x)
}

#[instrument(counter = SESSIONS, histogram = LATENCY, auth_method = "password")]
pub fn both_result(x: u64) -> Result<u64, String> {
    Ok(work(x))
}

#[instrument(counter = SESSIONS, histogram = LATENCY, auth_method = "password")]
pub async fn both_async(x: u64) -> u64 {
    work(x)
}

#[track_latency(LATENCY, auth_method = "password")]
pub fn tracked(x: u64) -> u64 {
    work(x)
}

pub fn timed_scope(x: u64) -> u64 {
    let _timer = timer!(LATENCY, auth_method = "password");
    work(x)
}

pub fn timed_by_hand(x: u64) -> u64 {
    let _timer = OPERATION.start_timer();
    work(x)
}

#[inline]
pub fn by_hand() {
    SESSION.inc();
}

#[inline]
pub fn by_hand_looked_up() {
    SESSIONS.with(SESSIONS { auth_method: "password" }).inc();
}

#[inline]
pub fn observe_by_hand(duration: Duration) {
    OPERATION.observe_duration(duration);
}

/// The value of a future that never waits.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}
