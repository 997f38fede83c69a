monitor_runtime::metrics! {
    /// Login latency in seconds
    histogram LOGIN_LATENCY = "login_latency_seconds" { method: &'static str };
}

#[monitor_runtime::instrument(histogram = LOGIN_LATENCY, method = "password", on = "failure", by = 3)]
fn login() {}

fn main() {
    login();
}
