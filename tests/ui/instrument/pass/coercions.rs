//! Bodies whose value becomes the declared type by a coercion, sync and async.

use monitor_runtime::assert_delta;
use std::fmt::Display;
use std::rc::Rc;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[monitor_runtime::instrument(counter = CALLS)]
fn boxed(number: u8) -> Box<dyn Display> {
    if number > 3 {
        return Box::new("many");
    }
    Box::new(number)
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
fn shared() -> Rc<dyn Display> {
    Rc::new(1)
}

#[monitor_runtime::instrument(counter = CALLS)]
fn slice(array: &[u8; 3]) -> &[u8] {
    array
}

#[monitor_runtime::instrument(counter = CALLS)]
fn text(string: &String) -> &str {
    string
}

#[monitor_runtime::instrument(counter = CALLS)]
fn pointer() -> fn(u8) -> u8 {
    |number| number + 1
}

#[monitor_runtime::instrument(counter = CALLS)]
fn function() -> Box<dyn Fn(&str) -> usize> {
    Box::new(|text| text.len())
}

#[monitor_runtime::instrument(counter = CALLS)]
fn reference<'a>(number: &'a mut u8) -> &'a dyn Display {
    number
}

#[monitor_runtime::instrument(counter = CALLS)]
fn in_result() -> Result<Box<dyn Display>, Box<dyn std::error::Error>> {
    Ok(Box::new(1))
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn boxed_later(number: u8) -> Box<dyn Display> {
    if number > 3 {
        return Box::new("many");
    }
    Box::new(number)
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
async fn slice_later(array: &[u8; 3]) -> &[u8] {
    array
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn pointer_later() -> fn(u8) -> u8 {
    |number| number + 1
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn in_result_later() -> Result<Box<dyn Fn(&str) -> usize>, Box<dyn std::error::Error>> {
    Ok(Box::new(|text| text.len()))
}

fn main() {
    assert_delta!(CALLS {}, 12, {
        assert_eq!(boxed(1).to_string() + &shared().to_string(), "11");
        assert_eq!(slice(&[1, 2, 3]).len() + text(&"ab".to_owned()).len(), 5);
        assert_eq!(pointer()(1), 2);
        assert_eq!(function()("ab"), 2);
        assert_eq!(reference(&mut 1).to_string(), "1");
        assert!(in_result().is_ok());
        assert_eq!(ui::run(boxed_later(5)).to_string(), "many");
        assert_eq!(ui::run(slice_later(&[1, 2, 3])).len(), 3);
        assert_eq!(ui::run(pointer_later())(1), 2);
        assert_eq!(ui::run(in_result_later()).map(|length| length("ab")).ok(), Some(2));
    });
}
