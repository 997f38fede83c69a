//! Functions that return a future are measured to its end, whatever the last expression looks like.

use monitor_runtime::{Outcome, assert_delta};
use std::pin::Pin;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Calls by outcome
    counter OUTCOMES = "outcomes_total" { outcome: Outcome };
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[monitor_runtime::instrument(counter = CALLS)]
fn boxed(name: &str) -> Boxed<'_, Option<usize>> {
    let answer = async move { Some(name.len()) };
    Box::pin(answer)
}

#[monitor_runtime::instrument(counter = OUTCOMES, on = "any", outcome)]
fn hidden(ok: bool) -> impl Future<Output = Result<u8, String>> {
    if !ok {
        return std::future::ready(Err(String::new()));
    }
    std::future::ready(Ok(1))
}

// Only the declared type says which error it is.
#[monitor_runtime::instrument(counter = CALLS)]
fn declared(number: u8) -> impl Future<Output = Result<u8, String>> + Send {
    async move { Ok(number) }
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
fn borrowed<'a>(names: &'a [String]) -> impl Future<Output = &'a str> + Send + use<'a> {
    async move { names[0].as_str() }
}

#[monitor_runtime::track_latency(LATENCY)]
fn local() -> Pin<Box<dyn Future<Output = std::rc::Rc<u8>>>> {
    Box::pin(async { std::rc::Rc::new(1) })
}

#[monitor_runtime::instrument(counter = CALLS)]
fn ready(number: u8) -> std::future::Ready<u8> {
    std::future::ready(number)
}

fn main() {
    assert_delta!(CALLS {}, 1, {
        let future = assert_delta!(CALLS {}, 0, boxed("ada"));
        assert_eq!(ui::run(future), Some(3));
    });
    assert_delta!(OUTCOMES { outcome: Outcome::Failure }, 1, assert!(ui::run(hidden(false)).is_err()));
    assert_delta!(OUTCOMES { outcome: Outcome::Success }, 1, assert!(ui::run(hidden(true)).is_ok()));
    assert_delta!(OUTCOMES { outcome: Outcome::Cancelled }, 0, drop(hidden(true)));
    assert_delta!(CALLS {}, 1, assert_eq!(ui::run(declared(1)), Ok(1)));
    assert_delta!(LATENCY {}, 1, assert_eq!(ui::run(borrowed(&["ada".to_owned()])), "ada"));
    assert_delta!(LATENCY {}, 1, assert_eq!(*ui::run(local()), 1));
    // A nameable future keeps its type, so it is measured to where it is made.
    assert_delta!(CALLS {}, 1, drop(ready(1)));
}
