monitor_runtime::metrics! {
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = BYTES)]
union Login {
    a: u8,
}

fn main() {}
