//! `async fn` in traits, with and without a default body, and their implementations.

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total" { kind: &'static str };
}

#[allow(async_fn_in_trait, reason = "nobody sends it")]
trait Store {
    async fn get(&self, key: &str) -> Option<String>;

    #[monitor_runtime::instrument(counter = CALLS, kind = "default")]
    async fn get_or_empty(&self, key: &str) -> String {
        self.get(key).await.unwrap_or_default()
    }

    fn send(&self) -> impl Future<Output = u8> + Send;
}

struct Memory;

impl Store for Memory {
    #[monitor_runtime::instrument(counter = CALLS, kind = "own")]
    async fn get(&self, key: &str) -> Option<String> {
        (key == "a").then(|| "b".to_owned())
    }

    #[monitor_runtime::instrument(counter = CALLS, kind = "send")]
    async fn send(&self) -> u8 {
        1
    }
}

fn main() {
    fn sent(future: impl Future<Output = u8> + Send) -> u8 {
        ui::run(future)
    }
    assert_delta!(CALLS { kind: "default" }, 1, {
        assert_delta!(CALLS { kind: "own" }, 1, assert_eq!(ui::run(Memory.get_or_empty("a")), "b"));
    });
    assert_delta!(CALLS { kind: "send" }, 1, assert_eq!(sent(Memory.send()), 1));
}
