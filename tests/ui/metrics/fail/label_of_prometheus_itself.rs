monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { __method: bool };
}

fn main() {
    LOGINS.with(LOGINS { __method: true }).inc();
}
