monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
}

#[monitor_runtime::instrument(counter = LOGINS, method = |a, b| "password")]
fn login() {}

#[monitor_runtime::instrument(counter = LOGINS, method = || "password")]
fn logout() {}

#[monitor_runtime::instrument(counter = LOGINS, method = async |_| "password")]
fn reset() {}

fn main() {
    login();
    logout();
    reset();
}
