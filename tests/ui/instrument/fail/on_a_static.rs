monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = BYTES)]
static LOGIN: u8 = 0;

fn main() {}
