#[monitor_runtime::instrument(counter = "logins_total", on = "never", verbose, by = -1, gauge = 5)]
const fn login() -> u8 {
    1
}

fn main() {
    login();
}
