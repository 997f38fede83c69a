#[derive(monitor_runtime::LabelValue)]
enum Plan<const N: usize> {
    Free,
}

fn main() {}
