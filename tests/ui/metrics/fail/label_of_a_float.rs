monitor_runtime::metrics! {
    /// Jobs by size
    counter JOBS = "jobs_total" { size: f64 };
}

fn main() {
    JOBS.with(JOBS { size: 0.5 }).inc();
}
