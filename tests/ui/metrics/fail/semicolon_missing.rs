monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total"
    /// Logouts
    counter LOGOUTS = "logouts_total";
}

fn main() {}
