monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
}

#[monitor_runtime::instrument(counter = LOGINS, method = method)]
fn login(method: &str) {
    let _ = method;
}

#[monitor_runtime::instrument(counter = LOGINS, method = |answer| answer)]
fn answer() -> String {
    String::new()
}

fn main() {
    login("password");
    answer();
}
