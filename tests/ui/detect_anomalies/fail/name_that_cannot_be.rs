#[monitor_runtime::detect_anomalies("")]
fn nothing() {}

#[monitor_runtime::detect_anomalies("_mine")]
fn ours() {}

#[monitor_runtime::detect_anomalies("a\nb")]
fn two_lines() {}

fn main() {}
