//! Items that `macro_rules!` makes, from every kind of fragment.

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total" { kind: &'static str };
    /// Calls
    counter BARE = "bare_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

macro_rules! whole_item {
    ($item:item) => {
        #[monitor_runtime::instrument(counter = CALLS, kind = "item")]
        $item
    };
}
whole_item! {
    fn from_item(number: u8) -> u8 {
        number + 1
    }
}
whole_item! {
    async fn from_item_later(number: u8) -> Option<u8> {
        let number = number.checked_add(1)?;
        Some(number)
    }
}

macro_rules! pieces {
    ($vis:vis fn $name:ident($($arg:ident: $ty:ty),*) -> $out:ty $body:block) => {
        #[monitor_runtime::instrument(counter = CALLS, kind = "pieces")]
        $vis fn $name($($arg: $ty),*) -> $out $body
    };
}
pieces! {
    pub(crate) fn from_pieces(a: u8, b: &str) -> Result<usize, String> {
        if a == 0 {
            return Err("none".to_owned());
        }
        Ok(usize::from(a) + b.len())
    }
}

macro_rules! metric_and_label {
    ($name:ident, $metric:path, $label:ident = $value:expr, $literal:literal) => {
        #[monitor_runtime::instrument(counter = $metric, $label = $value)]
        fn $name() -> &'static str {
            $literal
        }
    };
}
metric_and_label!(from_metric, CALLS, kind = "path", "a");

mod inner {
    macro_rules! of {
        ($($token:tt)*) => {
            #[monitor_runtime::instrument(counter = super::TOKENS, histogram = super::LATENCY_OF, kind = "tokens")]
            $($token)*
        };
    }
    of! {
        pub fn from_tokens<T: Clone>(value: &T) -> T {
            value.clone()
        }
    }
}

monitor_runtime::metrics! {
    /// Calls
    pub counter TOKENS = "tokens_total" { kind: &'static str };
    /// Seconds
    pub histogram LATENCY_OF = "latency_of_seconds" { kind: &'static str };
}

macro_rules! whole_impl {
    ($ty:ident { $($method:item)* }) => {
        #[monitor_runtime::instrument(counter = CALLS, kind = "impl")]
        impl $ty {
            $($method)*
        }
    };
}
struct Shop;
whole_impl! {
    Shop {
        fn open(&self) -> u8 {
            1
        }
    }
}

macro_rules! documented_item {
    ($item:item) => {
        #[monitor_runtime::instrument(counter = BARE, histogram = LATENCY)]
        #[must_use]
        $item
    };
}
documented_item! {
    /// Documented
    pub(crate) fn documented() -> u8 {
        1
    }
}

struct Receipt(u8);
macro_rules! names_of_this_crate {
    ($name:ident) => {
        #[monitor_runtime::instrument(counter = $crate::CALLS, kind = "crate")]
        async fn $name(number: u8) -> Result<$crate::Receipt, String> {
            let number = number.checked_add(1).ok_or("too large")?;
            Ok($crate::Receipt(number))
        }
    };
}
names_of_this_crate!(from_this_crate);

fn main() {
    assert_delta!(BARE {}, 1, assert_eq!(documented(), 1));
    assert_delta!(CALLS { kind: "item" }, 2, {
        assert_eq!(from_item(1), 2);
        assert_eq!(ui::run(from_item_later(1)), Some(2));
    });
    assert_delta!(CALLS { kind: "pieces" }, 1, {
        assert_eq!(from_pieces(1, "a"), Ok(2));
        assert!(from_pieces(0, "a").is_err());
    });
    assert_delta!(CALLS { kind: "path" }, 1, assert_eq!(from_metric(), "a"));
    assert_delta!(TOKENS { kind: "tokens" }, 1, assert_eq!(inner::from_tokens(&1), 1));
    assert_delta!(CALLS { kind: "crate" }, 1, {
        assert_eq!(ui::run(from_this_crate(1)).map(|receipt| receipt.0), Ok(2));
        assert!(ui::run(from_this_crate(u8::MAX)).is_err());
    });
    assert_delta!(CALLS { kind: "impl" }, 1, assert_eq!(Shop.open(), 1));
}
