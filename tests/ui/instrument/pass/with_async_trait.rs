//! `#[async_trait]`: ours on its functions, and ours on the whole `impl`, above and below.

use async_trait::async_trait;
use monitor_runtime::{Outcome, assert_delta};

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total" { kind: &'static str };
    /// Calls by outcome
    counter OUTCOMES = "outcomes_total" { outcome: Outcome };
}

#[async_trait]
trait Store {
    async fn get(&self, key: &str) -> Result<String, String>;

    #[monitor_runtime::instrument(counter = CALLS, kind = "default")]
    async fn get_or_empty(&self, key: &str) -> String {
        self.get(key).await.unwrap_or_default()
    }
}

fn value(key: &str) -> Result<String, String> {
    if key == "a" { Ok("b".to_owned()) } else { Err("none".to_owned()) }
}

struct Inside;
#[async_trait]
impl Store for Inside {
    #[monitor_runtime::instrument(counter = CALLS, kind = "inside")]
    async fn get(&self, key: &str) -> Result<String, String> {
        value(key)
    }
}

struct Above;
#[monitor_runtime::instrument(counter = CALLS, kind = "above")]
#[async_trait]
impl Store for Above {
    async fn get(&self, key: &str) -> Result<String, String> {
        value(key)
    }
}

struct Below;
#[async_trait]
#[monitor_runtime::instrument(counter = OUTCOMES, on = "any", outcome)]
impl Store for Below {
    async fn get(&self, key: &str) -> Result<String, String> {
        std::future::ready(()).await;
        value(key)
    }
}

#[async_trait(?Send)]
trait LocalStore {
    async fn get_local(&self, key: &str) -> Result<String, String>;
}

struct Local;
#[async_trait(?Send)]
impl LocalStore for Local {
    #[monitor_runtime::instrument(counter = CALLS, kind = "local")]
    async fn get_local(&self, key: &str) -> Result<String, String> {
        let key = std::rc::Rc::new(key);
        std::future::ready(()).await;
        value(*key)
    }
}

fn main() {
    assert_delta!(CALLS { kind: "inside" }, 1, {
        assert!(ui::run(Inside.get("a")).is_ok());
        assert!(ui::run(Inside.get("x")).is_err());
        // Never polled: never called.
        drop(Inside.get("a"));
    });
    assert_delta!(CALLS { kind: "above" }, 1, {
        assert!(ui::run(Above.get("a")).is_ok());
        assert!(ui::run(Above.get("x")).is_err());
        drop(Above.get("a"));
    });
    assert_delta!(OUTCOMES { outcome: Outcome::Failure }, 1, assert!(ui::run(Below.get("x")).is_err()));
    assert_delta!(CALLS { kind: "local" }, 1, assert!(ui::run(Local.get_local("a")).is_ok()));
    assert_delta!(CALLS { kind: "default" }, 1, assert_eq!(ui::run(Inside.get_or_empty("x")), ""));
}
