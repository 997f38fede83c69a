//! Without a prelude.
#![no_implicit_prelude]

::monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total" { #[label(max = 9)] name: &str, plan: Plan };
    /// Bytes
    counter BYTES = "bytes_total";
    /// Calls by outcome
    counter OUTCOMES = "outcomes_total" { outcome: ::monitor_runtime::Outcome };
    /// Seconds
    histogram LATENCY = "latency_seconds" { name: &'static str } buckets [0.1, 1];
    /// In flight
    gauge RUNNING = "running";
}

#[derive(::core::clone::Clone, ::core::marker::Copy, ::monitor_runtime::LabelValue)]
enum Plan {
    Free,
}

#[::monitor_runtime::instrument(counter = BYTES)]
fn literal() -> u8 {
    1
}

#[::monitor_runtime::instrument(counter = CALLS, name = name, plan = plan)]
fn found(name: &str, plan: Plan) -> usize {
    let _ = plan;
    name.len()
}

#[::monitor_runtime::instrument(counter = OUTCOMES, on = "failure", by = 2, outcome)]
async fn later() -> ::core::result::Result<u8, u8> {
    ::core::result::Result::Err(1)
}

#[::monitor_runtime::instrument(gauge = RUNNING)]
fn gauged() -> ::core::option::Option<u8> {
    ::core::option::Option::Some(1)
}

#[::monitor_runtime::track_latency(LATENCY, name = |number| if *number > 1 { "many" } else { "one" })]
fn by_result() -> u8 {
    1
}

fn main() {
    ::monitor_runtime::assert_delta!(BYTES {}, 1, ::core::assert_eq!(literal(), 1));
    ::monitor_runtime::assert_delta!(CALLS { name: "ada", plan: Plan::Free }, 1, {
        ::core::assert_eq!(found("ada", Plan::Free), 3);
    });
    ::monitor_runtime::assert_delta!(OUTCOMES { outcome: ::monitor_runtime::Outcome::Failure }, 2, {
        ::core::assert!(::ui::run(later()).is_err());
    });
    ::monitor_runtime::assert_delta!(RUNNING {}, 0, ::core::assert!(gauged().is_some()));
    ::monitor_runtime::assert_delta!(LATENCY { name: "one" }, 1, ::core::assert_eq!(by_result(), 1));
    let _timer = ::monitor_runtime::timer!(LATENCY, name = "scope");
}
