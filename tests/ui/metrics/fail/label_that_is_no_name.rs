monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { auth-method: &'static str, 1st: bool, "good": bool, : u8, le: bool };
}

fn main() {}
