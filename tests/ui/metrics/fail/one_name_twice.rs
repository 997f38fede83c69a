monitor_runtime::metrics! {
    /// Logins
    counter LOGINS = "logins_total";
    /// Logins of the shop
    counter SHOP_LOGINS = "logins_total";
}

fn main() {
    LOGINS.inc();
    SHOP_LOGINS.inc();
}
