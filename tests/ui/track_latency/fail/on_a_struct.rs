monitor_runtime::metrics! {
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds";
}

#[monitor_runtime::track_latency(EXPORT_LATENCY)]
struct Export;

fn main() {
    let _ = Export;
}
