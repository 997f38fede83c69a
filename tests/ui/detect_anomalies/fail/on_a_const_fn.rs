#[monitor_runtime::detect_anomalies("charge")]
const fn charge() -> u8 {
    1
}

fn main() {
    let _ = charge();
}
