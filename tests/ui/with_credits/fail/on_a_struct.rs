#[monitor_runtime::with_credits(cost = 5)]
struct Report;

fn main() {
    let _ = Report;
}
