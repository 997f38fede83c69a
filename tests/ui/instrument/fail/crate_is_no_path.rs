monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = BYTES, crate = "monitor_runtime")]
fn login() {}

fn main() {
    login();
}
