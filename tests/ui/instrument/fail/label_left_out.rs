monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
    /// Jobs by tenant
    counter JOBS = "jobs_total" { #[label(max = 50)] tenant: &str, ok: bool };
}

#[monitor_runtime::instrument(counter = LOGINS)]
fn login() {}

#[monitor_runtime::instrument(counter = JOBS, tenant = name)]
fn job(name: &str) {
    let _ = name;
}

fn main() {
    login();
    job("ada");
}
