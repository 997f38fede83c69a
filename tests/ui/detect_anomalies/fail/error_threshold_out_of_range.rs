#[monitor_runtime::detect_anomalies("zero", error_threshold = 0.0)]
fn zero() {}

#[monitor_runtime::detect_anomalies("percent", error_threshold = 5)]
fn percent() {}

#[monitor_runtime::detect_anomalies("text", error_threshold = "1%")]
fn text() {}

fn main() {}
