//! `impl Trait` as an argument, returned, nested, in a tuple and in a `Result`.

use monitor_runtime::assert_delta;
use std::error::Error;
use std::fmt::{Debug, Display};

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[monitor_runtime::instrument(counter = CALLS)]
fn length(text: impl Into<String> + Clone) -> usize {
    text.into().len()
}

#[monitor_runtime::instrument(counter = CALLS)]
fn numbers(most: u8) -> impl Iterator<Item = u8> + Clone {
    0..most
}

#[monitor_runtime::instrument(counter = CALLS)]
fn nested(most: u8) -> impl Iterator<Item = impl Iterator<Item = impl Display>> {
    (0..most).map(|most| (0..most).map(|number| number + 1))
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
fn tuple() -> (impl Fn(u8) -> u8, [impl Debug; 2]) {
    (|number| number + 1, ["a", "b"])
}

#[monitor_runtime::instrument(counter = CALLS)]
fn parsed(text: &str) -> Result<impl Display + use<>, impl Error + use<>> {
    text.parse::<u8>()
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn parsed_later(text: &str) -> Result<impl Display, impl Error> {
    text.parse::<u8>()
}

#[monitor_runtime::instrument(counter = CALLS)]
fn closure() -> impl FnOnce() -> Box<dyn Display> {
    || Box::new(1)
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
fn closure_of_a_reference(suffix: &str) -> impl Fn(&str) -> String + '_ {
    move |text| text.trim().to_owned() + suffix
}

fn main() {
    assert_delta!(CALLS {}, 8, {
        assert_eq!(closure_of_a_reference("!")(" a "), "a!");
        assert_eq!(length("text"), 4);
        assert_eq!(numbers(3).clone().sum::<u8>(), 3);
        assert_eq!(nested(3).flatten().map(|number| number.to_string()).collect::<String>(), "112");
        let (add, both) = tuple();
        assert_eq!((add(1), format!("{both:?}")), (2, r#"["a", "b"]"#.to_owned()));
        assert_eq!(parsed("5").ok().map(|number| number.to_string()), Some("5".to_owned()));
        assert!(ui::run(parsed_later("5")).is_ok());
        assert_eq!(closure()().to_string(), "1");
    });
    assert_delta!(CALLS {}, 0, {
        assert!(parsed("x").is_err());
        assert!(ui::run(parsed_later("x")).is_err());
    });
}
