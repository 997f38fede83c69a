monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { quantile: u8 };
}

fn main() {
    LOGINS.with(LOGINS { quantile: 1 }).inc();
}
