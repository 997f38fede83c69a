monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method: bool, method: u8 };
}

fn main() {}
