monitor_runtime::metrics! {
    /// Jobs by tenant
    counter JOBS = "jobs_total" { tenant: &str };
}

fn main() {
    JOBS.with(JOBS { tenant: "ada" }).inc();
}
