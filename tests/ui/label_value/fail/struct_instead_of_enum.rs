#[derive(monitor_runtime::LabelValue)]
struct Plan {
    name: String,
}

fn main() {}
