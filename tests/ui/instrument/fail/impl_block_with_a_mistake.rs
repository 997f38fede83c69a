monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

struct Shop;

#[monitor_runtime::instrument(counter = BYTES, on = "never")]
impl Shop {
    fn open(&self) {}
    fn close(&self) {}
}

fn main() {
    Shop.open();
    Shop.close();
}
