monitor_runtime::metrics! {
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds";
}

#[monitor_runtime::track_latency(EXPORT_LATENCY)]
const fn export() -> u8 {
    1
}

fn main() {
    export();
}
