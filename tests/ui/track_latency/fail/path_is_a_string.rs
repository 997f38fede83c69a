#[monitor_runtime::track_latency("export_latency_seconds")]
fn export() {}

fn main() {
    export();
}
