monitor_runtime::metrics! {
    counter LOGINS = "logins" { le: bool, tenant: &str };
    /// Reports being made
    gauge REPORTS_RUNNING = "reports-running" buckets [1, 0.5];
    /// Logouts
    counter LOGOUTS = "logouts_total" { forced: bool };
}

fn main() {
    // The well-formed one is no unknown name.
    LOGOUTS.with(LOGOUTS { forced: true }).inc();
}
