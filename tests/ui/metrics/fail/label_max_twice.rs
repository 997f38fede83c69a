monitor_runtime::metrics! {
    /// Jobs by tenant
    counter JOBS = "jobs_total" { #[label(max = 5, max = 6)] tenant: &str };
}

fn main() {
    JOBS.with(JOBS { tenant: "ada" }).inc();
}
