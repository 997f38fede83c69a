monitor_runtime::metrics! {
    /// Jobs by size
    counter SIZES = "sizes_total" { size: u8 };
}

#[monitor_runtime::instrument(counter = SIZES, size = 300)]
fn large() {}

fn main() {
    large();
}
