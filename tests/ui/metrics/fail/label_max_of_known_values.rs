monitor_runtime::metrics! {
    /// Jobs
    counter JOBS = "jobs_total" { #[label(max = 5)] size: (u8, u8) };
}

fn main() {}
