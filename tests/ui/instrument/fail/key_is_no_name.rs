monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
}

#[monitor_runtime::instrument(counter = LOGINS, "method" = "password", 5)]
fn login() {}

fn main() {
    login();
}
