#[monitor_runtime::detect_anomalies("zero", latency_threshold = 0)]
fn zero() {}

#[monitor_runtime::detect_anomalies("negative", latency_threshold = -0.5)]
fn negative() {}

#[monitor_runtime::detect_anomalies("long", latency_threshold = "25h")]
fn long() {}

#[monitor_runtime::detect_anomalies("no_unit", latency_threshold = "500")]
fn no_unit() {}

#[monitor_runtime::detect_anomalies("no_number", latency_threshold = true)]
fn no_number() {}

#[monitor_runtime::detect_anomalies("zero_ms", latency_threshold = "0ms")]
fn zero_ms() {}

#[monitor_runtime::detect_anomalies("negative_text", latency_threshold = "-5s")]
fn negative_text() {}

fn main() {}
