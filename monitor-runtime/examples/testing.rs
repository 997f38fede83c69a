//! How to test instrumented code: what one call added, what the page says, and a ledger with a clock moved by hand.
//!
//!     cargo test -p monitor-runtime --features test-util --example testing

use monitor_runtime::{instrument, metrics};

metrics! {
    /// Orders placed
    pub counter ORDERS = "orders_total" { size: &'static str };
}

/// An order of nothing is refused.
#[instrument(counter = ORDERS, size = |placed| match placed { Ok(10..) => "large", _ => "small" })]
pub fn order(items: usize) -> Result<usize, &'static str> {
    if items == 0 { Err("an order needs at least one item") } else { Ok(items) }
}

fn main() {
    println!("{:?}, {:?}; the tests are in this file", order(12), order(0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use monitor_runtime::credits::{AccountId, Credits, CreditsError, Grant, Memory, Operation};
    use monitor_runtime::{assert_delta, sample_value};

    /// Counts what this thread added, so tests that run at the same time do not disturb it.
    #[test]
    fn a_placed_order_is_counted() {
        let placed = assert_delta!(ORDERS { size: "large" }, 1, order(12));
        assert_eq!(placed, Ok(12));
    }

    #[test]
    fn a_refused_order_is_not_counted() {
        assert_delta!(ORDERS { size: "small" }, 0, order(0)).expect_err("nothing was ordered");
    }

    /// Reads what a scrape would show. Other tests of this process count there too.
    #[test]
    fn the_series_is_on_the_page() {
        order(1).expect("an order");
        assert!(sample_value("orders_total", &[("size", "small")]) >= Some(1.0));
    }

    /// A hold that is never settled gives its credits back when it expires. No test sleeps for that.
    #[test]
    fn an_abandoned_hold_expires() -> Result<(), CreditsError> {
        let clock = monitor_runtime::clock::StoreClock::manual();
        let credits =
            Credits::builder(Memory::with_clock(clock.clone())).hold_lifetime(Duration::from_secs(60)).build();
        let ada = AccountId::new("ada")?;
        credits.grant(Grant::new(ada.clone(), 5)).wait()?;

        let held = credits.hold(&ada, &Operation::new("report")?, 5).wait()?;
        std::mem::forget(held);
        clock.advance(Duration::from_secs(61));
        credits.ledger().expire(10).wait()?;
        assert_eq!(credits.balance(ada).wait()?.available, 5);
        Ok(())
    }
}
