monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = BYTES)]
fn login(name &str) -> u8 {
    1
}

fn main() {}
