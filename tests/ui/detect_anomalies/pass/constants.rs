//! Thresholds that are constants of the program, of every type that a latency is written in.
#![deny(warnings)]

use std::time::Duration;

use monitor_runtime::anomaly;

mod limits {
    pub const LATENCY: f64 = 0.5;
    pub const SHARE: f64 = 0.01;
}
const SLOW: Duration = Duration::from_millis(1500);
const TEXT: &str = "250ms";
const SECONDS: u64 = 3;

#[monitor_runtime::detect_anomalies("ui_f64", latency_threshold = limits::LATENCY, error_threshold = limits::SHARE)]
fn of_f64() {}

#[monitor_runtime::detect_anomalies("ui_duration", latency_threshold = SLOW)]
async fn of_a_duration() {}

#[monitor_runtime::detect_anomalies("ui_text", latency_threshold = TEXT)]
fn of_a_text() {}

#[monitor_runtime::detect_anomalies("ui_seconds", latency_threshold = SECONDS)]
fn of_seconds() -> Option<u32> {
    Some(3)
}

#[monitor_runtime::detect_anomalies("ui_computed", latency_threshold = (0.25 * 3.0), error_threshold = { limits::SHARE / 2.0 })]
fn computed() {}

#[monitor_runtime::detect_anomalies("ui_called", latency_threshold = Duration::from_secs(2), error_threshold = (0.5))]
fn called() {}

fn main() {
    // Without the attributes nothing else uses them.
    let _ = (limits::LATENCY, limits::SHARE, SLOW, TEXT, SECONDS);
    of_f64();
    ui::run(of_a_duration());
    of_a_text();
    let _ = of_seconds();
    computed();
    called();
    anomaly::check().expect("one set of limits a name");
    let threshold = |name: &str| {
        let endpoints = anomaly::endpoints();
        let found = endpoints.iter().find(|state| state.endpoint == name).expect("it is watched");
        found.latency_threshold
    };
    let found = ["ui_f64", "ui_duration", "ui_text", "ui_seconds", "ui_computed", "ui_called"].map(threshold);
    for (found, expected) in found.iter().zip([0.5, 1.5, 0.25, 3.0, 0.75, 2.0]) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}
