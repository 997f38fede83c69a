static REGISTRY: u8 = 0;

monitor_runtime::metrics! {
    registry REGISTRY;
    /// Logins
    counter LOGINS = "logins_total";
}

fn main() {
    LOGINS.inc();
}
