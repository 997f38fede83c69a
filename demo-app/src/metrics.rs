//! Every metric family of the demo. Who counts what stands at the handlers.

/// The toolkit's own: what it counts of the signals, and what an attribute counts at a sign-in.
pub use monitor_runtime::activity::USER_SESSIONS;

monitor_runtime::metrics! {
    /// Sessions open now
    pub gauge SESSIONS_OPEN = "sessions_open";

    /// Time to make a report, in seconds
    pub histogram REPORT_LATENCY = "report_latency_seconds" { report: &'static str };

    /// Reports being made now
    pub gauge REPORTS_RUNNING = "reports_running";
}
