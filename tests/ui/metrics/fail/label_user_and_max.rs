monitor_runtime::metrics! {
    /// Jobs by user
    counter JOBS = "jobs_total" { #[label(user, max = 5)] user_id: &str, #[label(user, user)] other: &str };
}

fn main() {
    JOBS.with(JOBS { user_id: "ada", other: "grace" }).inc();
}
