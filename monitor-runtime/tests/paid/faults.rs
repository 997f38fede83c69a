//! A store that does not answer: nothing is given away, nothing is paid twice, and nothing is lost in silence.

use std::cell::Cell;

use monitor_runtime::credits::CreditsError;
use monitor_runtime::{sample_value, with_credits};

use crate::support::{Fault, Faults, Purse, eventually};

thread_local! {
    static RAN: Cell<u32> = const { Cell::new(0) };
}

#[with_credits(cost = 5, operation = "faulty")]
fn work() -> Result<&'static str, CreditsError> {
    RAN.set(RAN.get() + 1);
    Ok("the report")
}

#[test]
fn a_store_that_is_down_serves_nothing_for_free() {
    let purse = Purse::with(100);
    let ran = RAN.get();
    // Also when it was the answer alone that was lost: then the hold that nobody knows of is given back.
    for fault in [Fault::Before, Fault::After] {
        Faults::set(&purse.faults.hold, fault);
        let refused = purse.scope().run(work).expect_err("refused");
        assert!(refused.is_unavailable(), "{refused}");
        assert_eq!(RAN.get(), ran);
        purse.settles_at(0);
    }
    Faults::set(&purse.faults.hold, Fault::None);
    assert!(purse.scope().run(work).is_ok());
    purse.settles_at(5);
}

#[test]
fn what_is_served_without_the_store_is_counted() {
    #[with_credits(cost = 5, operation = "served when down", when_down = "serve")]
    fn served() -> Result<(), CreditsError> {
        monitor_runtime::credits::charge(3)
    }
    let unpaid = || sample_value("credit_unpaid_total", &[("operation", "served when down")]);
    let purse = Purse::with(7);
    Faults::set(&purse.faults.hold, Fault::Before);
    assert_eq!(purse.scope().run(served), Ok(()));
    assert_eq!(unpaid(), Some(1.0));
    purse.settles_at(0);
    // Only while it is down: who has not enough is refused.
    Faults::set(&purse.faults.hold, Fault::None);
    assert_eq!(purse.scope().run(served), Ok(()));
    assert_eq!(
        purse.scope().run(served).map_err(|error| error.why().clone()),
        Err(CreditsError::Insufficient { required: 5, available: 4 })
    );
    assert_eq!(unpaid(), Some(1.0));
    purse.settles_at(3);
}

#[test]
fn a_value_is_returned_although_its_capture_fails_and_the_capture_is_tried_again() {
    for fault in [Fault::Before, Fault::After] {
        let purse = Purse::with(100);
        Faults::set(&purse.faults.capture, fault);
        assert_eq!(purse.scope().run(work), Ok("the report"));
        let used = || sample_value("credit_usage_total", &[("operation", "faulty"), ("user_id", &purse.name)]);
        // The store is down: nothing is counted that is not known for certain.
        assert_eq!(used(), None);
        Faults::set(&purse.faults.capture, Fault::None);
        purse.settles_at(5);
        eventually("it is counted", || used() == Some(5.0));
    }
}

#[test]
fn what_failed_is_given_back_as_soon_as_the_store_is_back() {
    #[with_credits(cost = 5, operation = "fails")]
    fn fails() -> Result<(), CreditsError> {
        Err(CreditsError::NoHold)
    }
    let purse = Purse::with(100);
    Faults::set(&purse.faults.void, Fault::Before);
    assert_eq!(purse.scope().run(fails), Err(CreditsError::NoHold));
    assert_eq!(purse.balance().held, 5);
    Faults::set(&purse.faults.void, Fault::None);
    purse.settles_at(0);
}

#[cfg(feature = "test-util")]
#[test]
fn a_body_that_outlives_its_hold_is_charged_afresh_or_told_of() {
    use monitor_runtime::clock::StoreClock;
    use std::time::Duration;

    const LIFETIME: Duration = Duration::from_secs(60);

    #[with_credits(cost = 5, operation = "outlives its hold")]
    fn long(clock: &StoreClock, meanwhile: impl FnOnce()) -> Result<&'static str, CreditsError> {
        clock.advance(LIFETIME * 2);
        meanwhile();
        Ok("late")
    }
    #[with_credits(cost = 8, operation = "spends the rest")]
    fn spend() -> Result<(), CreditsError> {
        Ok(())
    }
    let clock = StoreClock::manual();
    let purse = Purse::by_clock(clock.clone(), 10, LIFETIME);
    let used = |operation| sample_value("credit_usage_total", &[("operation", operation), ("user_id", &purse.name)]);
    assert_eq!(purse.scope().run(|| long(&clock, || {})), Ok("late"));
    purse.settles_at(5);
    assert_eq!(used("outlives its hold"), Some(5.0));

    // Meanwhile the hold has expired, and somebody else spent its credits: the work is lost, the balance is not.
    purse.grant(3);
    let lost = || sample_value("credit_settles_lost_total", &[]).unwrap_or_default();
    let before = lost();
    purse.scope().run(|| {
        let late = long(&clock, || {
            eventually("the hold has expired", || purse.balance().held == 0);
            assert_eq!(spend(), Ok(()));
        });
        assert_eq!(late, Ok("late"));
    });
    assert!(lost() > before);
    purse.settles_at(13);
    assert_eq!((used("outlives its hold"), used("spends the rest")), (Some(5.0), Some(8.0)));
}
