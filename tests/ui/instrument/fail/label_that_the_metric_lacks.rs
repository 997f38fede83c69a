monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = LOGINS, method = "password", tenant = "ada")]
fn login() {}

#[monitor_runtime::instrument(counter = BYTES, method = "password")]
fn send() {}

fn main() {
    login();
    send();
}
