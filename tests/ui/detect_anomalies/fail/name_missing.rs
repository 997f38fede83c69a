#[monitor_runtime::detect_anomalies]
fn charge() {}

#[monitor_runtime::detect_anomalies(latency_threshold = 0.5)]
fn charge_again() {}

#[monitor_runtime::detect_anomalies(CREDIT_CHARGING)]
fn charge_once_more() {}

fn main() {}
