#[monitor_runtime::instrument(counter = "logins_total", histogram = 5, gauge)]
fn login() {}

fn main() {
    login();
}
