//! What the stacked functions share: the metrics, a ledger, and the return type that every attribute takes.

use std::fmt;
use std::sync::LazyLock;

use monitor_runtime::credits::{AccountId, Credits, CreditsError, Grant, Memory};

monitor_runtime::metrics! {
    /// Calls by where the function is
    pub counter CALLS = "stacked_calls_total" { place: &'static str } limit 5000 growth 5000;
    /// Seconds by where the function is
    pub histogram LATENCY = "stacked_latency_seconds" { place: &'static str } limit 5000 growth 5000;
}

/// Why a function failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No credits.
    Refused,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Failure {}

impl From<CreditsError> for Failure {
    fn from(_: CreditsError) -> Self {
        Failure::Refused
    }
}

impl actix_web::ResponseError for Failure {}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        axum::http::StatusCode::PAYMENT_REQUIRED.into_response()
    }
}

/// What every function here gives.
pub type Answer<T = u32> = Result<T, Failure>;

/// What paid functions are paid from.
pub static LEDGER: LazyLock<Credits> = LazyLock::new(|| Credits::new(Memory::new()));

const GRANTED: i64 = 1000;

/// The account of a place, which has credits.
pub fn payer(place: &'static str) -> AccountId {
    let account = AccountId::new(place).expect("a name");
    let balance = LEDGER.balance(account.clone()).wait().map_or(0, |balance| balance.available);
    if balance == 0 {
        LEDGER.grant(Grant::new(account.clone(), GRANTED)).wait().expect("a grant");
    }
    account
}

/// How many credits the account of a place has spent.
pub fn spent(place: &'static str) -> u64 {
    let account = AccountId::new(place).expect("a name");
    let available = LEDGER.balance(account).wait().map_or(GRANTED, |balance| balance.available);
    u64::try_from(GRANTED - available).unwrap_or_default()
}

/// Runs a future on a runtime of its own.
pub fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}
