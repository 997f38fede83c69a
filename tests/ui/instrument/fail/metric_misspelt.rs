monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
}

#[monitor_runtime::instrument(conter = LOGINS, method = "password")]
fn login() {}

fn main() {
    login();
}
