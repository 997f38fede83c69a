monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { auth_method: &'static str };
}

fn count(method: &str) {
    LOGINS.with(LOGINS { auth_method: method }).inc();
}

fn main() {
    count("password");
}
