monitor_runtime::metrics! {
    /// Logins in flight
    gauge LOGINS_RUNNING = "logins_running" { method: &'static str };
}

#[monitor_runtime::instrument(gauge = LOGINS_RUNNING, method = |_| "password")]
fn login() {}

#[monitor_runtime::instrument(gauge = LOGINS_RUNNING, method = "password", outcome)]
fn logout() {}

fn main() {
    login();
    logout();
}
