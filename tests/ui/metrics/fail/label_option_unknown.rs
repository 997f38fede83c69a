monitor_runtime::metrics! {
    /// Jobs by tenant
    counter JOBS = "jobs_total" { #[label(most = 5)] tenant: &str, #[cfg(unix)] ok: bool };
}

fn main() {
    JOBS.with(JOBS { tenant: "ada", ok: true }).inc();
}
