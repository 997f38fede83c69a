//! All four attributes on one function, in both orders: the lowest is the outermost, and each sees what is inside it.

use monitor_runtime::credits::{AccountId, Credits, CreditsError, Grant, Memory};
use monitor_runtime::scope::Scope;
use monitor_runtime::{Outcome, anomaly, assert_delta};

monitor_runtime::metrics! {
    /// Calls by outcome
    counter CALLS = "calls_total" { outcome: Outcome };
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[monitor_runtime::instrument(counter = CALLS, on = "any", outcome)]
#[monitor_runtime::track_latency(LATENCY)]
#[monitor_runtime::detect_anomalies("inside")]
#[monitor_runtime::with_credits(cost = 5, operation = "outermost")]
fn paid_outermost(fails: bool) -> Result<u8, CreditsError> {
    if fails { Err(CreditsError::NoHold) } else { Ok(1) }
}

#[monitor_runtime::with_credits(cost = 5, operation = "innermost")]
#[monitor_runtime::detect_anomalies("outside")]
#[monitor_runtime::track_latency(LATENCY)]
#[monitor_runtime::instrument(counter = CALLS, on = "any", outcome)]
async fn paid_innermost(fails: bool) -> Result<u8, CreditsError> {
    std::future::ready(()).await;
    if fails { Err(CreditsError::NoHold) } else { Ok(1) }
}

fn main() {
    let credits = Credits::new(Memory::new());
    let ada = AccountId::new("ada").expect("a name");
    credits.grant(Grant::new(ada, 10)).wait().expect("granted");
    let scope = Scope::of("ada").ledger(credits);

    // Both succeed, and use up what there is.
    assert_delta!(CALLS { outcome: Outcome::Success }, 2, {
        assert_delta!(LATENCY {}, 2, {
            assert!(scope.run(|| paid_outermost(false)).is_ok());
            assert!(scope.run(|| ui::run(paid_innermost(false))).is_ok());
        });
    });
    // Without credits only what is outside of the payment sees a call.
    assert_delta!(CALLS { outcome: Outcome::Refused }, 1, {
        assert_delta!(LATENCY {}, 1, {
            assert!(scope.run(|| paid_outermost(false)).is_err());
            assert!(scope.run(|| ui::run(paid_innermost(false))).is_err());
        });
    });
    // A refusal is no anomaly.
    assert!(anomaly::recent().is_empty(), "{:?}", anomaly::recent());
    let watched: Vec<_> = anomaly::watched().iter().map(|place| (place.name, place.function)).collect();
    assert_eq!(watched, [("inside", "paid_outermost"), ("outside", "paid_innermost")]);
}
