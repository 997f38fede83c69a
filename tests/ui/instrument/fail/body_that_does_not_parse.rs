monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = BYTES)]
fn login() -> u8 {
    let x = ;
    1
}

fn main() {
    login();
}
