monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: &'static str };
}

#[monitor_runtime::instrument(counter = LOGIN, method = "password")]
fn sign_in() {}

fn main() {
    sign_in();
    LOGINS.with(LOGINS { method: "password" }).inc();
}
