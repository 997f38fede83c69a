//! Types, traits, modules, macros and primitives of the user's own under the names of the standard ones.
#![allow(dead_code, unused_macros, non_camel_case_types, reason = "only their names matter")]

::monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total" { #[label(max = 9)] name: &str, good: bool };
    /// Bytes
    counter BYTES = "bytes_total";
    /// Calls by outcome
    counter OUTCOMES = "outcomes_total" { outcome: ::monitor_runtime::Outcome };
    /// Seconds
    histogram LATENCY = "latency_seconds" { name: &'static str };
    /// In flight
    gauge RUNNING = "running";
}

mod std {}
mod core {}
mod alloc {}
mod inventory {}
mod monitor_runtime {}

struct Option;
struct Some;
struct None;
struct Result;
struct Ok;
struct Err;
struct Box;
struct Vec;
struct String;
struct u64;
struct f64;
trait Fn {}
trait FnOnce {}
trait Future {}
trait Send {}
trait Sync {}
trait Clone {}
trait Drop {}
trait Into {}
fn drop() {}

macro_rules! shadow {
    ($d:tt $($name:ident)*) => {$(
        macro_rules! $name {
            ($d($d any:tt)*) => {
                compile_error!("a macro of the user's")
            };
        }
    )*};
}
shadow! { $ concat vec format panic unreachable file line stringify matches write println todo debug_assert }

#[::monitor_runtime::instrument(counter = BYTES, by = 3)]
fn literal() -> u8 {
    1
}

#[::monitor_runtime::instrument(counter = CALLS, name = name, good = name == "ada")]
fn found(name: &str) -> usize {
    name.len()
}

#[::monitor_runtime::instrument(counter = BYTES, gauge = RUNNING, crate = ::monitor_runtime, labels())]
fn nothing() {}

#[::monitor_runtime::instrument(counter = OUTCOMES, on = "any", outcome)]
async fn later() -> ::core::result::Result<u8, u8> {
    ::core::result::Result::Err(1)
}

#[::monitor_runtime::instrument(counter = CALLS, on = "any", name = |text| *text, good = true)]
fn by_result() -> &'static str {
    "text"
}

#[::monitor_runtime::track_latency(LATENCY, name = "returned")]
fn returned() -> ::core::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = u8>>> {
    ::std::boxed::Box::pin(async { 1 })
}

fn main() {
    ::monitor_runtime::assert_delta!(BYTES {}, 3, ::core::assert_eq!(literal(), 1));
    ::monitor_runtime::assert_delta!(CALLS { name: "ada", good: true }, 1, ::core::assert_eq!(found("ada"), 3));
    ::monitor_runtime::assert_delta!(OUTCOMES { outcome: ::monitor_runtime::Outcome::Failure }, 1, {
        ::core::assert!(::ui::run(later()).is_err());
    });
    ::monitor_runtime::assert_delta!(CALLS { name: "text", good: true }, 1, ::core::assert_eq!(by_result(), "text"));
    ::monitor_runtime::assert_delta!(LATENCY { name: "returned" }, 1, ::core::assert_eq!(::ui::run(returned()), 1));
    let _timer = ::monitor_runtime::timer!(LATENCY, name = "scope");
}
