monitor_runtime::metrics! {
    /// Jobs by tenant
    counter JOBS = "jobs_total" { tenant: String };
}

fn main() {}
