monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "__logins_total";
}

fn main() {
    LOGINS.inc();
}
