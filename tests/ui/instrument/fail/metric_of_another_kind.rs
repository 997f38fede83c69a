monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
    /// Login latency in seconds
    histogram LOGIN_LATENCY = "login_latency_seconds" { method: &'static str };
}

#[monitor_runtime::instrument(counter = LOGIN_LATENCY, method = "password")]
fn login() {}

#[monitor_runtime::instrument(histogram = LOGINS, method = "password")]
fn login_timed() {}

#[monitor_runtime::instrument(gauge = LOGINS, method = "password")]
fn login_gauged() {}

#[monitor_runtime::instrument(counter = LOGIN_LATENCY, histogram = LOGINS, method = method)]
fn login_by(method: &'static str) {
    let _ = method;
}

fn main() {
    login();
    login_timed();
    login_gauged();
    login_by("password");
}
