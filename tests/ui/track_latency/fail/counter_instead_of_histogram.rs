monitor_runtime::metrics! {
    /// Exports
    counter EXPORTS = "exports_total" { operation: &'static str };
}

#[monitor_runtime::track_latency(EXPORTS, operation = "pdf")]
fn export() {}

#[monitor_runtime::track_latency(EXPORTS, operation = name)]
fn export_as(name: &'static str) {}

fn main() {
    export();
    export_as("csv");
}
