monitor_runtime::metrics! {
    /// Reports being made
    gauge REPORTS_RUNNING = "reports_running_total";
}

fn main() {
    REPORTS_RUNNING.inc();
}
