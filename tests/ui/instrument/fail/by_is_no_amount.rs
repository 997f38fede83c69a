monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = BYTES, by = -1)]
fn negative() {}

#[monitor_runtime::instrument(counter = BYTES, by = 1.5)]
fn fractional() {}

#[monitor_runtime::instrument(counter = BYTES, by = "many")]
fn text() {}

#[monitor_runtime::instrument(counter = BYTES, by = data.len())]
fn send(data: &[u8]) {
    let _ = data;
}

fn main() {
    negative();
    fractional();
    text();
    send(&[]);
}
