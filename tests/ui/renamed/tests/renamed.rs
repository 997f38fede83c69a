//! Every macro in a crate where `::monitor_runtime` is nothing.

use std::pin::Pin;

use metering::credits::{AccountId, Credits, CreditsError, Grant, Memory};
use metering::scope::Scope;
use metering::{Outcome, anomaly, assert_delta, sample_value, timer};

metering::metrics! {
    crate = ::metering;
    /// Calls
    counter CALLS = "renamed_calls_total" { plan: Plan, #[label(max = 9)] who: &str };
    /// Calls by outcome
    counter OUTCOMES = "renamed_outcomes_total" { outcome: Outcome, answer: &'static str };
    /// Bytes
    counter BYTES = "renamed_bytes_total";
    /// Seconds
    histogram LATENCY = "renamed_latency_seconds" { #[label(user)] who: &str } buckets [0.1, 1];
    /// In flight
    gauge RUNNING = "renamed_running";
}

#[derive(Clone, Copy, metering::LabelValue)]
#[label(crate = ::metering)]
enum Plan {
    Free,
    Paid,
}

#[metering::instrument(counter = CALLS, plan = Plan::Free, who = "literal", crate = ::metering)]
fn called() -> u8 {
    1
}

#[metering::instrument(counter = CALLS, plan = plan, who = &who, on = "any", crate = metering)]
async fn called_later(plan: Plan, who: String) -> Result<usize, u8> {
    std::future::ready(()).await;
    Err(who.len() as u8)
}

#[metering::instrument(counter = OUTCOMES, on = "any", outcome, answer = |answer| if *answer > 1 { "many" } else { "one" }, crate = ::metering)]
fn answered(answer: u8) -> u8 {
    answer
}

#[metering::instrument(counter = BYTES, by = data.len() as u64, crate = ::metering)]
fn sent(data: &'static [u8]) -> Pin<Box<dyn Future<Output = Option<u8>> + Send>> {
    Box::pin(async { data.first().copied() })
}

#[metering::instrument(counter = BYTES, gauge = RUNNING, crate = ::metering)]
fn hidden() -> impl Future<Output = Result<u8, String>> {
    async { Ok::<_, String>(RUNNING.value() as u8) }
}

struct Shop;

#[metering::track_latency(LATENCY, who = "shop", crate = ::metering)]
impl Shop {
    fn open(&self) -> Option<u8> {
        let _timer = timer!(LATENCY, who = "scope", crate = ::metering);
        Some(1)
    }

    async fn close(&self) {}
}

#[metering::detect_anomalies("renamed", latency_threshold = 0.5, crate = ::metering)]
fn watched(fails: bool) -> Result<u8, u8> {
    if fails { Err(1) } else { Ok(1) }
}

#[metering::with_credits(cost = 5, operation = "renamed", crate = ::metering)]
fn paid() -> Result<u8, CreditsError> {
    Ok(1)
}

#[metering::with_credits(cost = cost, account = "ada", crate = ::metering)]
async fn paid_later(cost: i64) -> Result<i64, CreditsError> {
    Ok(cost)
}

#[test]
fn each_macro_finds_the_crate_where_it_is_said_to_be() {
    assert_delta!(CALLS { plan: Plan::Free, who: "literal" }, 1, assert_eq!(called(), 1));
    assert_delta!(CALLS { plan: Plan::Paid, who: "ada" }, 1, {
        assert_eq!(ui::run(called_later(Plan::Paid, "ada".to_owned())), Err(3));
    });
    assert_delta!(OUTCOMES { outcome: Outcome::Success, answer: "many" }, 1, assert_eq!(answered(2), 2));
    assert_delta!(BYTES {}, 3, assert_eq!(ui::run(sent(&[1, 2, 3])), Some(1)));
    assert_delta!(BYTES {}, 1, assert_eq!(ui::run(hidden()), Ok(1)));
    assert_delta!(LATENCY { who: "shop" }, 2, {
        assert_delta!(LATENCY { who: "scope" }, 1, assert_eq!(Shop.open(), Some(1)));
        ui::run(Shop.close());
    });
    assert_eq!(sample_value("renamed_calls_total", &[("plan", "free"), ("who", "literal")]), Some(1.0));

    assert_eq!((watched(false), watched(true)), (Ok(1), Err(1)));
    let found: Vec<_> = anomaly::recent().iter().map(|found| found.endpoint).collect();
    assert_eq!(found, ["renamed"]);

    let credits = Credits::new(Memory::new());
    let ada = AccountId::new("ada").expect("a name");
    credits.grant(Grant::new(ada.clone(), 9)).wait().expect("granted");
    let scope = Scope::of("ada").ledger(credits.clone());
    assert_eq!(scope.run(paid), Ok(1));
    assert_eq!(scope.run(|| ui::run(paid_later(4))), Ok(4));
    assert_eq!(credits.balance(ada).wait().map(|balance| balance.available), Ok(0));
}
