//! What a call is refused for, what it costs in the end, and what is the same call.

use std::cell::Cell;
use std::sync::atomic::Ordering::SeqCst;

use monitor_runtime::credits::{self, CreditsError};
use monitor_runtime::scope::{self, Scope};
use monitor_runtime::with_credits;

use crate::support::{Purse, poll_and_drop};

thread_local! {
    /// Bodies that ran on this thread.
    static RAN: Cell<u32> = const { Cell::new(0) };
}

#[with_credits(cost = cost, operation = "priced")]
fn priced(cost: i64) -> Result<(), CreditsError> {
    RAN.set(RAN.get() + 1);
    Ok(())
}

fn why(result: Result<(), CreditsError>) -> CreditsError {
    result.expect_err("a refusal").why().clone()
}

#[test]
fn a_cost_below_zero_or_beyond_what_there_is_is_refused_before_the_body() {
    let purse = Purse::with(7);
    let ran = RAN.get();
    purse.scope().run(|| {
        for amount in [-1, i64::MIN] {
            assert_eq!(why(priced(amount)), CreditsError::InvalidAmount { amount });
        }
        for required in [8, i64::MAX] {
            assert_eq!(why(priced(required)), CreditsError::Insufficient { required, available: 7 });
        }
    });
    assert_eq!(RAN.get(), ran);
    purse.settles_at(0);
}

#[test]
fn what_costs_nothing_asks_no_ledger_and_no_account() {
    let purse = Purse::with(7);
    let (ran, asked) = (RAN.get(), purse.faults.asked.load(SeqCst));
    assert_eq!(purse.scope().run(|| priced(0)), Ok(()));
    assert_eq!(Scope::NOBODY.run(|| priced(0)), Ok(()));
    assert_eq!((RAN.get(), purse.faults.asked.load(SeqCst)), (ran + 2, asked));
}

#[test]
fn an_account_without_a_grant_or_with_an_impossible_name_is_refused() {
    let purse = Purse::with(7);
    let on_behalf_of = |name: &str| Scope::of(name).ledger(purse.credits.clone()).run(|| why(priced(1)));
    assert!(matches!(on_behalf_of("nobody"), CreditsError::UnknownAccount { .. }));
    for name in ["", "a\0b", "line\nbreak", &"x".repeat(1 << 20)] {
        assert!(matches!(on_behalf_of(name), CreditsError::InvalidName { what: "account", .. }));
    }
    assert_eq!(Scope::NOBODY.ledger(purse.credits.clone()).run(|| why(priced(1))), CreditsError::NoAccount);
    assert_eq!(Scope::of("ada").run(|| why(priced(1))), CreditsError::NoLedger);
}

#[with_credits(cost = 10, operation = "metered")]
async fn metered(amounts: &[i64]) -> Result<(), CreditsError> {
    amounts.iter().try_for_each(|amount| credits::charge(*amount))
}

#[test]
fn a_body_may_be_charged_less_than_was_held_and_the_last_word_counts() {
    let purse = Purse::with(100);
    let charge = |amounts: &[i64]| poll_and_drop(purse.scope().around(metered(amounts)), 9).expect("ready");
    assert_eq!(charge(&[3]), Ok(()));
    purse.settles_at(3);
    assert_eq!(charge(&[3, 9, 4]), Ok(()));
    purse.settles_at(7);
    assert_eq!(charge(&[0]), Ok(()));
    purse.settles_at(7);
    assert_eq!(charge(&[11]), Err(CreditsError::ExceedsHold { amount: 11, held: 10 }));
    assert_eq!(charge(&[-1]), Err(CreditsError::InvalidAmount { amount: -1 }));
    purse.settles_at(7);
    assert_eq!(credits::charge(1), Err(CreditsError::NoHold));
}

#[test]
fn a_body_that_outlives_its_call_can_charge_no_more() {
    #[with_credits(cost = 10, operation = "leaves work behind")]
    async fn leaves_work_behind() -> Result<scope::InScope<std::future::Ready<()>>, CreditsError> {
        Ok(scope::carry(std::future::ready(())))
    }
    #[with_credits(cost = 10, operation = "keeps its scope")]
    async fn keeps_its_scope() -> Result<Scope, CreditsError> {
        Ok(scope::current())
    }
    let purse = Purse::with(100);
    let within = poll_and_drop(purse.scope().around(keeps_its_scope()), 9).expect("ready").expect("paid");
    assert_eq!(within.run(|| credits::charge(1)), Err(CreditsError::NoHold));
    assert!(poll_and_drop(purse.scope().around(leaves_work_behind()), 9).is_some());
    purse.settles_at(20);
}

#[test]
fn a_call_within_a_call_pays_for_itself() {
    #[with_credits(cost = 1, operation = "inner")]
    fn inner(amount: Option<i64>) -> Result<(), CreditsError> {
        amount.map_or(Ok(()), credits::charge)
    }
    #[with_credits(cost = 10, operation = "outer")]
    fn outer() -> Result<(), CreditsError> {
        inner(None)?;
        inner(Some(0))?;
        credits::charge(6)
    }
    let purse = Purse::with(100);
    assert_eq!(purse.scope().run(outer), Ok(()));
    purse.settles_at(7);
}

#[with_credits(cost = 5, operation = "keyed")]
fn keyed(fails: bool) -> Result<(), CreditsError> {
    RAN.set(RAN.get() + 1);
    if fails { Err(CreditsError::NoHold) } else { Ok(()) }
}

#[test]
fn a_request_sent_twice_is_paid_once_and_served_once() {
    let purse = Purse::with(100);
    let ran = RAN.get();
    let request = |key: &str, fails| purse.scope().idempotency_key(key).run(|| keyed(fails));
    // It failed, so nothing was paid: again, please.
    assert!(request("k", true).is_err());
    purse.settles_at(0);
    assert_eq!(request("k", false), Ok(()));
    for _ in 0..3 {
        assert!(matches!(why(request("k", false)), CreditsError::Duplicate { .. }));
    }
    assert_eq!(RAN.get(), ran + 2);
    purse.settles_at(5);
    // Another key, another operation and another account are other calls.
    assert_eq!(request("other", false), Ok(()));
    assert_eq!(purse.scope().idempotency_key("k").run(|| priced(1)), Ok(()));
    // The same key for another price is a mistake, which is not paid.
    let conflict = purse.scope().idempotency_key("k").run(|| why(priced(2)));
    assert!(matches!(conflict, CreditsError::Conflict { .. }), "{conflict:?}");
    purse.settles_at(11);
    assert!(matches!(why(request("", false)), CreditsError::InvalidName { what: "key", .. }));
    assert!(matches!(why(request(&"k".repeat(1 << 20), false)), CreditsError::InvalidName { what: "key", .. }));
}

#[test]
fn a_request_that_does_the_same_thing_twice_pays_twice_and_once_when_sent_again() {
    let purse = Purse::with(100);
    let request = || purse.scope().idempotency_key("k").run(|| keyed(false).and_then(|()| keyed(false)));
    assert_eq!(request(), Ok(()));
    purse.settles_at(10);
    assert!(matches!(why(request()), CreditsError::Duplicate { .. }));
    purse.settles_at(10);
}

#[test]
fn while_a_call_is_served_the_same_key_is_refused() {
    #[with_credits(cost = 5, idempotency_key = key, operation = "served for long")]
    async fn long(key: Option<&str>) -> Result<(), CreditsError> {
        crate::support::turns(3).await;
        Ok(())
    }
    let purse = Purse::with(100);
    let scope = purse.scope();
    let mut first = Box::pin(scope.clone().around(long(Some("k"))));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    let again = poll_and_drop(scope.clone().around(long(Some("k"))), 9).expect("ready");
    assert!(matches!(why(again), CreditsError::Duplicate { .. }));
    // Without a key each call is another.
    assert_eq!(poll_and_drop(scope.around(long(None)), 9), Some(Ok(())));
    assert_eq!(poll_and_drop(first, 9), Some(Ok(())));
    purse.settles_at(10);
}
