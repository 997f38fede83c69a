#[monitor_runtime::detect_anomalies("charge", latency_treshold = 0.5)]
fn charge() {}

#[monitor_runtime::detect_anomalies("refund", window = "5m")]
fn refund() {}

fn main() {}
