//! Free, associated, trait and trait-default functions, sync and async, and items inside of functions.

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total" { kind: &'static str };
}

#[monitor_runtime::instrument(counter = CALLS, kind = "free")]
fn free(a: u8, b: u8) -> u8 {
    a + b
}

#[monitor_runtime::instrument(counter = CALLS, kind = "free async")]
async fn free_async(a: u8) -> u8 {
    free(a, 1)
}

#[monitor_runtime::instrument(counter = CALLS, kind = "empty")]
fn empty() {}

struct Shop(u8);

impl Shop {
    #[monitor_runtime::instrument(counter = CALLS, kind = "associated")]
    pub(crate) fn open(size: u8) -> Self {
        Self(size)
    }

    #[monitor_runtime::instrument(counter = CALLS, kind = "method")]
    async fn size(&self) -> u8 {
        self.0
    }
}

trait Greets {
    fn name(&self) -> String;

    #[monitor_runtime::instrument(counter = CALLS, kind = "default")]
    fn greet(&self) -> String {
        format!("hello {}", self.name())
    }
}

impl Greets for Shop {
    #[monitor_runtime::instrument(counter = CALLS, kind = "trait")]
    fn name(&self) -> String {
        self.0.to_string()
    }
}

fn main() {
    assert_delta!(CALLS { kind: "free" }, 1, assert_eq!(free(1, 2), 3));
    assert_delta!(CALLS { kind: "free async" }, 1, assert_eq!(ui::run(free_async(1)), 2));
    assert_delta!(CALLS { kind: "empty" }, 1, empty());
    let shop = assert_delta!(CALLS { kind: "associated" }, 1, Shop::open(7));
    assert_delta!(CALLS { kind: "method" }, 1, assert_eq!(ui::run(shop.size()), 7));
    assert_delta!(CALLS { kind: "default" }, 1, {
        assert_delta!(CALLS { kind: "trait" }, 1, assert_eq!(shop.greet(), "hello 7"));
    });

    #[monitor_runtime::instrument(counter = CALLS, kind = "inner")]
    fn inner() {
        #[monitor_runtime::instrument(counter = CALLS, kind = "innermost")]
        fn innermost() {}
        innermost();
    }
    assert_delta!(CALLS { kind: "innermost" }, 1, inner());
}
