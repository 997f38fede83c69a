monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
    /// Jobs by tenant
    counter JOBS = "jobs_total" { #[label(max = 50)] tenant: &str, ok: bool };
}

#[monitor_runtime::instrument(counter = LOGINS, method = 5)]
fn login() {}

#[monitor_runtime::instrument(counter = JOBS, tenant = "ada", ok = "yes")]
fn job() {}

#[monitor_runtime::instrument(counter = JOBS, tenant = size, ok = size)]
fn sized(size: usize) {
    let _ = size;
}

#[monitor_runtime::instrument(counter = JOBS, tenant = "ada", ok = |size| *size)]
fn measured() -> usize {
    5
}

fn main() {
    login();
    job();
    sized(5);
    measured();
}
