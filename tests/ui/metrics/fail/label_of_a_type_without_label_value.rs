#[derive(Clone, Copy)]
enum Plan {
    Free,
}

monitor_runtime::metrics! {
    /// Plans bought
    counter PLANS = "plans_total" { plan: Plan };
}

fn main() {
    PLANS.with(PLANS { plan: Plan::Free }).inc();
}
