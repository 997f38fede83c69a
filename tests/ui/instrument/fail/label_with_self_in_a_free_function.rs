monitor_runtime::metrics! {
    /// Jobs by tenant
    counter JOBS = "jobs_total" { #[label(max = 50)] tenant: &str, ok: bool };
}

#[monitor_runtime::instrument(counter = JOBS, tenant = self.name, ok = true)]
fn job() {}

fn main() {
    job();
}
