monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
}

#[monitor_runtime::instrument(counter = LOGINS, method = |answer| answer.method())]
fn login() -> Result<u8, String> {
    Ok(1)
}

fn main() {
    let _ = login();
}
