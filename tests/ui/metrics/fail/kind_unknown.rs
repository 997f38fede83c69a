monitor_runtime::metrics! {
    /// Export latency in seconds
    summary EXPORT_LATENCY = "export_latency_seconds";
    /// Logins
    conter LOGINS = "logins_total";
}

fn main() {}
