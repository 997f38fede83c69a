//! Parentheses and braces around a value are no reason for a warning.
#![deny(warnings)]

use monitor_runtime::credits::{Credits, CreditsError, Grant, AccountId, Memory};
use monitor_runtime::scope::Scope;

monitor_runtime::metrics! {
    /// Pages
    counter PAGES = "pages_total" { kind: &'static str, #[label(max = 9)] text: &str };
    /// Calls
    counter CALLS = "calls_total";
}

#[monitor_runtime::with_credits(cost = (5))]
fn literal() -> Result<u32, CreditsError> { Ok(3) }

#[monitor_runtime::with_credits(cost = { pages * 2 }, account = ("ada"), operation = "braces")]
fn of_the_arguments(pages: u32) -> Result<u32, CreditsError> { Ok(pages) }

#[monitor_runtime::instrument(counter = PAGES, by = (u64::from(pages)), kind = ("a"), text = (text))]
fn counted(pages: u32, text: &str) -> u32 { pages + u32::from(text.is_empty()) }

#[monitor_runtime::instrument(counter = PAGES, by = { u64::from(pages) }, kind = |pages| { if *pages > 3 { "many" } else { "few" } }, text = { text })]
fn counted_by_the_result(pages: u32, text: &str) -> u32 { pages + u32::from(text.is_empty()) }

#[monitor_runtime::instrument(counter = CALLS)]
fn without_labels() {}

fn main() {
    let credits = Credits::new(Memory::new());
    let ada = AccountId::new("ada").expect("a name");
    credits.grant(Grant::new(ada.clone(), 20)).wait().expect("a grant");
    let scope = Scope::of("ada").ledger(credits.clone());
    assert_eq!(scope.run(literal).expect("paid"), 3);
    assert_eq!(scope.run(|| of_the_arguments(3)).expect("paid"), 3);
    assert_eq!(credits.balance(ada).wait().expect("an account").available, 9);
    monitor_runtime::assert_delta!(PAGES { kind: "a", text: "b" }, 3, counted(3, "b"));
    monitor_runtime::assert_delta!(PAGES { kind: "many", text: "b" }, 4, counted_by_the_result(4, "b"));
    monitor_runtime::assert_delta!(CALLS, 1, without_labels());
}
