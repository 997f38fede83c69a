monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" buckets [0.1];
}

fn main() {
    LOGINS.inc();
}
