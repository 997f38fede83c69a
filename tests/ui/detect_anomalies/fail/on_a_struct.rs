#[monitor_runtime::detect_anomalies("charge")]
struct Charge;

fn main() {
    let _ = Charge;
}
