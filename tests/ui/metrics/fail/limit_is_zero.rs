monitor_runtime::metrics! {
    /// Jobs by tenant
    counter JOBS = "jobs_total" { #[label(max = 50)] tenant: &str } limit 0;
}

fn main() {
    JOBS.with(JOBS { tenant: "ada" }).inc();
}
