//! Raw and non-ASCII names of functions, parameters, labels and metrics.

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls by type
    counter CALLS = "calls_total" { r#type: &'static str, r#crate_: bool };
    /// Seconds
    histogram GRÖSSE = "size_seconds" { r#match: u8 };
}

#[monitor_runtime::instrument(counter = CALLS, r#type = "raw", crate_ = r#in > 1)]
fn r#match(r#in: u8) -> u8 {
    r#in
}

#[monitor_runtime::instrument(histogram = GRÖSSE, labels(r#match = größe))]
async fn länge(größe: u8) -> u8 {
    größe
}

fn main() {
    assert_delta!(CALLS { r#type: "raw", crate_: true }, 1, assert_eq!(r#match(2), 2));
    assert_delta!(GRÖSSE { r#match: 3 }, 1, assert_eq!(ui::run(länge(3)), 3));
    let shown = monitor_runtime::sample_value("calls_total", &[("type", "raw"), ("crate_", "true")]);
    assert_eq!(shown, Some(1.0));
}
