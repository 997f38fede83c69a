//! Scopes that are timed.

use monitor_runtime::{assert_delta, timer};

monitor_runtime::metrics! {
    /// Seconds
    histogram LATENCY = "latency_seconds";
    /// Seconds by operation
    histogram OPERATIONS = "operation_seconds" { #[label(max = 9)] operation: &str, on: bool };
}

fn main() {
    assert_delta!(LATENCY {}, 1, {
        let _timer = timer!(LATENCY);
    });
    assert_delta!(OPERATIONS { operation: "pdf", on: true }, 2, {
        for _ in 0..2 {
            let _timer = timer!(OPERATIONS, operation = "pdf", labels(on = true));
        }
    });
    let operation = String::from("csv");
    assert_delta!(OPERATIONS { operation: "csv", on: false }, 1, {
        let timer = timer!(self::OPERATIONS, operation = &operation, labels(on = operation.is_empty()));
        assert!(timer.stop() >= 0.0);
    });
    assert_delta!(LATENCY {}, 0, timer!(LATENCY, crate = ::monitor_runtime).discard());
}
