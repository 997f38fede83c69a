monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

trait Login {
    #[monitor_runtime::instrument(counter = BYTES)]
    fn login(&self);
}

struct Password;
impl Login for Password {
    fn login(&self) {}
}

fn main() {
    Password.login();
}
