#[derive(monitor_runtime::LabelValue)]
enum Plan {
    Free,
    Paid { seats: u8 },
    Trial(u8),
}

fn main() {}
