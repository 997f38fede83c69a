use std::sync::LazyLock;

use monitor_runtime::prometheus::Registry;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

monitor_runtime::metrics! {
    crate = ::monitor_runtime;
    registry REGISTRY;
    registry REGISTRY;
    crate = ::monitor_runtime;
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds" buckets [0.1] growth 5 buckets [0.5] growth 6;
}

fn main() {
    EXPORT_LATENCY.observe(0.1);
}
