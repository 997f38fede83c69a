monitor_runtime::metrics! {
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds" { operation: &'static str };
}

#[monitor_runtime::track_latency(EXPORT_LATENCY, opration = "pdf")]
fn export() {}

fn main() {
    export();
}
