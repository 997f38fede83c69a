monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
    /// Login latency in seconds
    histogram LOGIN_LATENCY = "login_latency_seconds" { method: &'static str };
}

#[monitor_runtime::instrument(counter = LOGINS, metod = "password")]
fn login() {}

#[monitor_runtime::instrument(counter = LOGINS, histogram = LOGIN_LATENCY, metod = method)]
fn login_by(method: &'static str) {
    let _ = method;
}

fn main() {
    login();
    login_by("password");
}
