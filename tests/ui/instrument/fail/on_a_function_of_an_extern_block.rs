monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

unsafe extern "C" {
    #[monitor_runtime::instrument(counter = BYTES)]
    safe fn abs(number: i32) -> i32;
}

fn main() {
    abs(1);
}
