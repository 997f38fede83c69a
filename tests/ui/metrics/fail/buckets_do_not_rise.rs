monitor_runtime::metrics! {
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds" buckets [0.1, 0.5, 0.25, 1, 1.0];
}

fn main() {
    EXPORT_LATENCY.observe(0.1);
}
