#[derive(monitor_runtime::LabelValue)]
enum Plan {
    #[label(free)]
    Free,
    #[label = "gold"]
    Paid,
    #[label]
    Trial,
}

fn main() {}
