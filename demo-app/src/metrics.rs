//! Every metric family of the demo. Who counts what stands at the handlers.

monitor_runtime::metrics! {
    /// Total number of user sessions
    pub counter USER_SESSIONS = "user_sessions_total" { auth_method: &'static str };

    /// Sessions open now
    pub gauge SESSIONS_OPEN = "sessions_open";

    /// Time to make a report, in seconds
    pub histogram REPORT_LATENCY = "report_latency_seconds" { report: &'static str };

    /// Reports being made now
    pub gauge REPORTS_RUNNING = "reports_running";
}
