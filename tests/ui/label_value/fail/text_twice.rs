#[derive(monitor_runtime::LabelValue)]
enum Plan {
    #[label("free")]
    #[label("gratis")]
    Free,
}

fn main() {}
