monitor_runtime::metrics! {
    ///
    counter LOGINS = "logins_total";
}

fn main() {
    LOGINS.inc();
}
