monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = LOGINS, counter = BYTES, method = "password", on = "any", on = "failure", by = 1, by = 2)]
fn login() {}

fn main() {
    login();
}
