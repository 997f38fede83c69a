monitor_runtime::metrics! {
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_bucket";
    /// Reports being made
    gauge REPORTS_RUNNING = "reports_count";
}

fn main() {
    EXPORT_LATENCY.observe(0.1);
    REPORTS_RUNNING.inc();
}
