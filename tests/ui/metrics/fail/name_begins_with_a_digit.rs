monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "1_logins_total";
}

fn main() {
    LOGINS.inc();
}
