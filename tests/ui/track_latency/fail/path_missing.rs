#[monitor_runtime::track_latency]
fn export() {}

#[monitor_runtime::track_latency()]
fn export_again() {}

#[monitor_runtime::track_latency(operation = "pdf")]
fn export_labelled() {}

fn main() {
    export();
    export_again();
    export_labelled();
}
