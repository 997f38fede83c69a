#[monitor_runtime::detect_anomalies("charge", error_threshold)]
fn charge() {}

fn main() {}
