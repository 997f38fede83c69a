monitor_runtime::metrics! {
    /// Jobs by tenant
    counter JOBS = "jobs_total" { #[label(max = 50)] tenant: &str, ok: bool };
}

#[monitor_runtime::instrument(counter = JOBS, tenant = nobody, ok = true)]
fn job() {}

#[monitor_runtime::instrument(counter = JOBS, tenant = name.nick, ok = name.is_good())]
fn named(name: &str) {
    let _ = name;
}

fn main() {
    job();
    named("ada");
}
