//! A whole `impl` block: inherent, of a trait, generic; what is no function with a body stays as it is.

use monitor_runtime::assert_delta;
use std::fmt;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total" { kind: &'static str };
    /// Calls by name
    counter NAMES = "names_total" { #[label(max = 9)] name: &str };
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

struct Shop<T, const N: usize = 1> {
    items: [T; N],
    name: String,
}

#[monitor_runtime::instrument(counter = CALLS, kind = "inherent")]
impl<T: Clone, const N: usize> Shop<T, N> {
    const SIZE: usize = { N + 1 };

    /// Const functions may run while compiling: they are not counted.
    const fn size() -> usize {
        Self::SIZE
    }

    fn open(items: [T; N]) -> Self
    where
        T: Send,
    {
        let name = String::from("shop");
        Self { items, name }
    }

    pub(crate) async fn first(&self) -> Option<T> {
        self.items.first().cloned()
    }

    unsafe fn raw(&self) -> *const T {
        self.items.as_ptr()
    }

    fn array() -> [u8; { 1 + 1 }] {
        [1; 2]
    }
}

#[monitor_runtime::instrument(counter = NAMES, name = &self.name)]
#[monitor_runtime::track_latency(LATENCY)]
impl<T, const N: usize> fmt::Display for Shop<T, N>
where
    T: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for item in &self.items {
            write!(f, "{item} ")?;
        }
        Ok(())
    }
}

#[monitor_runtime::instrument(counter = CALLS, kind = "iterator")]
impl<T> Iterator for Shop<T> {
    type Item = ();

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}

fn main() {
    let shop = assert_delta!(CALLS { kind: "inherent" }, 1, Shop::open([1, 2]));
    assert_delta!(CALLS { kind: "inherent" }, 2, {
        assert_eq!(Shop::<u8, 2>::size(), 3);
        assert_eq!(Shop::<u8, 2>::array(), [1, 1]);
        assert_eq!(ui::run(shop.first()), Some(1));
    });
    assert_delta!(NAMES { name: "shop" }, 1, assert_delta!(LATENCY {}, 1, assert_eq!(shop.to_string(), "1 2 ")));
    assert_eq!(shop.name, "shop");
    assert_delta!(CALLS { kind: "iterator" }, 1, assert_eq!(Shop { items: [1], name: String::new() }.next(), None));
}
