monitor_runtime::metrics! {
    /// Jobs by tenant
    counter JOBS = "jobs_total" { #[label(max = 50)] tenant: &str, ok: bool };
}

#[monitor_runtime::instrument(counter = JOBS, tenant = name?, ok = true)]
fn job(name: Option<&str>) -> Option<&str> {
    name
}

fn main() {
    job(None);
}
