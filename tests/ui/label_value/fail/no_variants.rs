#[derive(monitor_runtime::LabelValue)]
enum Plan {}

fn main() {}
