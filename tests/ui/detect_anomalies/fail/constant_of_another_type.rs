const WANTED: bool = true;

#[monitor_runtime::detect_anomalies("of_a_bool", latency_threshold = WANTED)]
fn of_a_bool() {}

#[monitor_runtime::detect_anomalies("of_an_argument", latency_threshold = seconds)]
fn of_an_argument(seconds: f64) {
    let _ = seconds;
}

fn main() {}
