monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = BYTES)]
const fn login() -> u8 {
    1
}

const AT_COMPILE_TIME: u8 = login();

fn main() {
    assert_eq!(AT_COMPILE_TIME, 1);
}
