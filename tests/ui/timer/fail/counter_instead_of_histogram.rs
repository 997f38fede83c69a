monitor_runtime::metrics! {
    /// Exports
    counter EXPORTS = "exports_total" { operation: &'static str };
}

fn main() {
    let _timer = monitor_runtime::timer!(EXPORTS, operation = "pdf");
    let operation = "csv";
    let _timer = monitor_runtime::timer!(EXPORTS, operation = operation);
}
