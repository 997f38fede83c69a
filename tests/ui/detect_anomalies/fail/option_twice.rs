#[monitor_runtime::detect_anomalies("charge", error_threshold = 0.1, error_threshold = 0.2)]
fn charge() {}

fn main() {}
