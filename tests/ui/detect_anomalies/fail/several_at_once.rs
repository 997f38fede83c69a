#[monitor_runtime::detect_anomalies("_charge", latency_threshold = -1, error_threshold = 2, window = 3)]
const fn charge() {}

fn main() {}
