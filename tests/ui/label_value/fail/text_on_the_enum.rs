#[derive(monitor_runtime::LabelValue)]
#[label("plan")]
enum Plan {
    Free,
}

fn main() {}
