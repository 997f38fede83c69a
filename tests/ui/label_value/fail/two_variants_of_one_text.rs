#[derive(monitor_runtime::LabelValue)]
enum Plan {
    Free,
    #[label("free")]
    Gratis,
    FREE,
}

fn main() {}
