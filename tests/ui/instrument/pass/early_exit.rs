//! `return` and `?` on everything that knows it, sync and async.

use monitor_runtime::assert_delta;
use std::ops::ControlFlow;
use std::task::Poll;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[monitor_runtime::instrument(counter = CALLS)]
fn returns(a: u8) -> u8 {
    if a > 3 {
        return a;
    }
    for b in 0..a {
        if b == 2 {
            return b;
        }
    }
    0
}

#[monitor_runtime::instrument(counter = CALLS)]
fn returns_nothing(a: u8) {
    if a > 3 {
        return;
    }
    drop(a.to_string());
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn returns_nothing_later(a: u8) {
    if a > 3 {
        return;
    }
    returns_nothing(a);
}

#[monitor_runtime::instrument(counter = CALLS)]
fn of_result(text: &str) -> Result<u8, Box<dyn std::error::Error>> {
    let number: u8 = text.parse()?;
    Ok(number)
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn of_result_later(text: &str) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    if text.is_empty() {
        return Err("empty".into());
    }
    let number: u8 = text.parse()?;
    Ok(number)
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
fn of_option(text: &str) -> Option<char> {
    let first = text.chars().next()?;
    Some(first)
}

#[monitor_runtime::instrument(counter = CALLS)]
fn of_control_flow(limit: u8) -> ControlFlow<u8> {
    for number in 0..10 {
        if number == limit {
            ControlFlow::Break(number)?;
        }
    }
    ControlFlow::Continue(())
}

#[monitor_runtime::instrument(counter = CALLS)]
fn of_poll(poll: Poll<Result<u8, ()>>) -> Poll<Result<u8, ()>> {
    let poll = poll?;
    poll.map(Ok)
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
async fn of_option_later(text: &str) -> Option<char> {
    let first = text.chars().next()?;
    Some(first)
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn of_control_flow_later(limit: u8) -> ControlFlow<u8> {
    for number in 0..10 {
        if number == limit {
            ControlFlow::Break(number)?;
        }
    }
    ControlFlow::Continue(())
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn of_poll_later(poll: Poll<Option<Result<u8, ()>>>) -> Poll<Option<Result<u8, ()>>> {
    let poll = poll?;
    poll.map(|number| number.map(Ok))
}

fn main() {
    assert_delta!(CALLS {}, 9, {
        assert_eq!(returns(7) + returns(3) + returns(1), 9);
        returns_nothing(1);
        ui::run(returns_nothing_later(1));
        ui::run(returns_nothing_later(5));
        assert_eq!(of_result("5").ok(), Some(5));
        assert_eq!(ui::run(of_result_later("5")).ok(), Some(5));
    });
    assert_delta!(CALLS {}, 0, {
        assert!(of_result("x").is_err());
        assert!(ui::run(of_result_later("x")).is_err());
        assert!(ui::run(of_result_later("")).is_err());
    });
    assert_delta!(CALLS {}, 4, {
        assert_eq!((of_option("a"), of_option("")), (Some('a'), None));
        assert_eq!(of_control_flow(3), ControlFlow::Break(3));
        assert_eq!(of_poll(Poll::Ready(Ok(1))), Poll::Ready(Ok(1)));
    });
    assert_delta!(CALLS {}, 4, {
        assert_eq!((ui::run(of_option_later("a")), ui::run(of_option_later(""))), (Some('a'), None));
        assert_eq!(ui::run(of_control_flow_later(3)), ControlFlow::Break(3));
        assert_eq!(ui::run(of_poll_later(Poll::Ready(Some(Ok(1))))), Poll::Ready(Some(Ok(1))));
    });
}
