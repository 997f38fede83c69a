monitor_runtime::metrics! {
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds" buckets [];
}

fn main() {
    EXPORT_LATENCY.observe(0.1);
}
