monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins";
}

fn main() {
    LOGINS.inc();
}
