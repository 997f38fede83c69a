mod metrics {
    monitor_runtime::metrics! {
        /// Logins
        pub counter LOGINS = "logins_total" { method: &'static str };
        /// Jobs
        pub counter JOBS = "jobs_total";
    }
}
// The function is given back as it was, so nothing is said of a name that is not in scope.

#[monitor_runtime::instrument(metrics::LOGINS, method = "password")]
fn login() {}

#[monitor_runtime::instrument(JOBS)]
fn work() {}

#[monitor_runtime::instrument(JOBS, on = "failure")]
fn fail() {}

fn main() {
    login();
    work();
    fail();
}
