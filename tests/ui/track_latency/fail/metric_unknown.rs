#[monitor_runtime::track_latency(EXPORT_LATENCY, operation = "pdf")]
fn export() {}

fn main() {
    export();
}
