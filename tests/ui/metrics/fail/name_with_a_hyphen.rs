monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "user-logins_total";
}

fn main() {
    LOGINS.inc();
}
