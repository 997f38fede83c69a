use std::time::Duration;

const NEVER: Duration = Duration::ZERO;

#[monitor_runtime::detect_anomalies("zero", latency_threshold = NEVER)]
fn zero() {}

#[monitor_runtime::detect_anomalies("no_unit", latency_threshold = concat!("50", "0"))]
fn no_unit() {}

#[monitor_runtime::detect_anomalies("percent", error_threshold = 100.0 * 0.05)]
fn percent() {}

fn main() {}
