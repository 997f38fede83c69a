monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "";
}

fn main() {
    LOGINS.inc();
}
