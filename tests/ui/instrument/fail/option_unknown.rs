monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
}

#[monitor_runtime::instrument(counter = LOGINS, method = "password", outcom)]
fn login() {}

#[monitor_runtime::instrument(counter = LOGINS, method = "password", label(ok = true))]
fn logout() {}

#[monitor_runtime::instrument(counter = LOGINS, method = "password", verbose)]
fn reset() {}

fn main() {
    login();
    logout();
    reset();
}
