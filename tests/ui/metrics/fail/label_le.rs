monitor_runtime::metrics! {
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds" { le: u8 };
}

fn main() {
    EXPORT_LATENCY.with(EXPORT_LATENCY { le: 1 }).observe(0.1);
}
