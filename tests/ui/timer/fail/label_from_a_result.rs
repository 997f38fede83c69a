monitor_runtime::metrics! {
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds" { operation: &'static str };
}

fn main() {
    let _timer = monitor_runtime::timer!(EXPORT_LATENCY, operation = |result| "pdf", outcome);
}
