fn main() {
    let _timer = monitor_runtime::timer!();
    let _timer = monitor_runtime::timer!(operation = "pdf");
    let _timer = monitor_runtime::timer!("export_latency_seconds");
}
