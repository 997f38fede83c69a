monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { größe: u8 };
}

fn main() {
    LOGINS.with(LOGINS { größe: 1 }).inc();
}
