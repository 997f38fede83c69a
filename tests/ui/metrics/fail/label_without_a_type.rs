monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total" { method };
}

fn main() {}
