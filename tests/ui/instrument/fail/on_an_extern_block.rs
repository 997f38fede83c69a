monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = BYTES)]
unsafe extern "C" {
    safe fn abs(number: i32) -> i32;
}

fn main() {}
