#[monitor_runtime::instrument]
fn login() {}

#[monitor_runtime::instrument()]
fn logout() {}

#[monitor_runtime::instrument(method = "password")]
fn reset() {}

fn main() {
    login();
    logout();
    reset();
}
