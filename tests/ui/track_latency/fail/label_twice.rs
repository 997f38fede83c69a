monitor_runtime::metrics! {
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds" { operation: &'static str };
}

#[monitor_runtime::track_latency(EXPORT_LATENCY, operation = "pdf", operation = "csv")]
fn export() {}

#[monitor_runtime::track_latency(EXPORT_LATENCY, outcome, outcome)]
fn export_again() {}

fn main() {
    export();
    export_again();
}
