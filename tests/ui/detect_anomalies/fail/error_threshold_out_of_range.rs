#[monitor_runtime::detect_anomalies("zero", error_threshold = 0.0)]
fn zero() {}

#[monitor_runtime::detect_anomalies("percent", error_threshold = 5)]
fn percent() {}

#[monitor_runtime::detect_anomalies("text", error_threshold = "1%")]
fn text() {}

#[monitor_runtime::detect_anomalies("negative", error_threshold = -0.01)]
fn negative() {}

#[monitor_runtime::detect_anomalies("above_one", error_threshold = 1.01)]
fn above_one() {}

fn main() {}
