monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { auth_method: &'static str };
}

fn main() {
    LOGINS.inc();
    LOGINS.with(LOGINS {}).inc();
}
