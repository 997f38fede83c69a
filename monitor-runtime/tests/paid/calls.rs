//! What a call is refused for, what it costs in the end, and what is the same call.

use std::cell::Cell;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use monitor_runtime::credits::{self, CreditsError};
use monitor_runtime::scope::{self, Scope};
use monitor_runtime::{Outcome, ToOutcome, with_credits};

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

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while it is held").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_call_outside_of_any_scope_is_an_error_of_the_program_which_is_told_once_for_each_operation() {
    #[with_credits(cost = 1, operation = "without a scope")]
    fn without_a_scope() -> Result<(), CreditsError> {
        Ok(())
    }
    #[with_credits(cost = 1, account = "ada", operation = "without a ledger")]
    async fn without_a_ledger() -> Result<(), CreditsError> {
        Ok(())
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    for _ in 0..3 {
        assert_eq!(why(without_a_scope()), CreditsError::NoScope);
        let refused = poll_and_drop(without_a_ledger(), 1).expect("ready").expect_err("refused");
        assert_eq!(refused.why(), &CreditsError::NoScope);
        assert!(refused.to_string().contains("scope::carry"), "{refused}");
        // Nothing is carried from where nothing is.
        let carried = poll_and_drop(scope::carry(without_a_ledger()), 1).expect("ready");
        assert_eq!(why(carried), CreditsError::NoScope);
    }
    // Nobody is somebody who was named.
    assert_eq!(Scope::NOBODY.run(|| why(without_a_scope())), CreditsError::NoAccount);
    let logged = String::from_utf8(log.0.lock().expect("no panic while it is held").clone()).expect("text");
    let told: Vec<_> = logged.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(told.len(), 2, "{logged}");
    assert!(told[0].contains("without a scope") && told[0].contains("`OnBehalf`"), "{logged}");
    assert!(told[1].contains("without a ledger"), "{logged}");
}

/// Answers of the crate `http`, in its two versions, are judged by their status wherever they are called.
#[cfg(any(feature = "http", feature = "actix"))]
#[test]
fn an_answer_of_the_crate_http_is_paid_by_its_status() {
    macro_rules! paid {
        ($http:ident, $status:ident) => {{
            /// It tells the outcome of its status, also of one that is a success: then it is an error all the same.
            struct Refused($http::StatusCode);

            impl From<CreditsError> for Refused {
                fn from(_: CreditsError) -> Self {
                    Refused($http::StatusCode::PAYMENT_REQUIRED)
                }
            }

            impl ToOutcome for Refused {
                fn outcome(&self) -> Outcome {
                    self.0.outcome()
                }
            }

            #[with_credits(cost = 5, operation = "of the crate http")]
            fn response($status: u16) -> Result<$http::Response<String>, CreditsError> {
                let response = $http::Response::builder().status($status).body(String::new());
                Ok(response.expect("a response"))
            }
            #[with_credits(cost = 5, operation = "of the crate http")]
            async fn status($status: u16) -> Result<$http::StatusCode, CreditsError> {
                Ok($http::StatusCode::from_u16($status).expect("a status"))
            }
            #[with_credits(cost = 5, operation = "of the crate http")]
            fn pair($status: u16) -> Result<($http::StatusCode, &'static str), CreditsError> {
                Ok(($http::StatusCode::from_u16($status).expect("a status"), "text"))
            }
            #[with_credits(cost = 5, operation = "of the crate http")]
            async fn triple($status: u16) -> Result<($http::StatusCode, [(&'static str, u8); 1], String), Refused> {
                Ok(($http::StatusCode::from_u16($status).expect("a status"), [("a", 1)], String::new()))
            }
            #[with_credits(cost = 5, operation = "of the crate http")]
            fn nested($status: u16) -> Result<Result<($http::StatusCode, String), u8>, CreditsError> {
                Ok(Ok(($http::StatusCode::from_u16($status).expect("a status"), String::new())))
            }
            #[with_credits(cost = 5, operation = "of the crate http")]
            fn optional($status: u16) -> Result<Option<$http::Response<()>>, Refused> {
                let mut response = $http::Response::new(());
                *response.status_mut() = $http::StatusCode::from_u16($status).expect("a status");
                Ok(Some(response))
            }
            #[with_credits(cost = 5, operation = "of the crate http")]
            fn error($status: u16) -> Result<(), Refused> {
                Err(Refused($http::StatusCode::from_u16($status).expect("a status")))
            }
            let purse = Purse::with(1_000);
            let mut paid = 0;
            for code in [200, 201, 303, 400, 404, 500, 502, 599] {
                purse.scope().run(|| {
                    assert!(response(code).is_ok());
                    assert!(poll_and_drop(status(code), 9).is_some_and(|value| value.is_ok()));
                    assert!(pair(code).is_ok());
                    assert!(poll_and_drop(triple(code), 9).is_some_and(|value| value.is_ok()));
                    assert!(nested(code).is_ok());
                    assert!(optional(code).is_ok());
                    assert!(error(code).is_err());
                });
                paid += if code < 400 { 6 * 5 } else { 0 };
                purse.settles_at(paid);
            }
        }};
    }
    #[cfg(feature = "http")]
    paid!(http, code);
    #[cfg(feature = "actix")]
    paid!(http_02, code);
}
