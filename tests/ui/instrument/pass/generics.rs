//! Type, const and lifetime parameters, `?Sized`, bounds over every lifetime, and each way to write `where`.

use monitor_runtime::assert_delta;
use std::fmt::{Debug, Display};

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
}

#[monitor_runtime::instrument(counter = CALLS)]
fn largest<T: PartialOrd + Copy, const N: usize>(values: [T; N]) -> Option<T> {
    let mut values = values.into_iter();
    let first = values.next()?;
    Some(values.fold(first, |most, value| if value > most { value } else { most }))
}

#[monitor_runtime::instrument(counter = CALLS)]
fn shown<T: Display + ?Sized>(value: &T) -> String
where
{
    value.to_string()
}

#[monitor_runtime::instrument(counter = CALLS)]
fn applied<F>(function: F) -> usize
where
    F: for<'a> Fn(&'a str) -> &'a str,
{
    function("text").len()
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn debugged<'a, T>(value: &'a T) -> Result<String, std::fmt::Error>
where
    T: Debug + ?Sized + 'a,
{
    Ok(format!("{value:?}"))
}

#[monitor_runtime::instrument(counter = CALLS)]
fn defaulted<T>() -> T
where
    T: Default,
{
    T::default()
}

struct Pair<A, B = A>(A, B);

impl<A: Clone, B> Pair<A, B>
where
    B: From<A>,
{
    #[monitor_runtime::instrument(counter = CALLS)]
    fn same(first: A) -> Self {
        Self(first.clone(), B::from(first))
    }

    #[monitor_runtime::instrument(counter = CALLS)]
    async fn swapped<C: From<B>>(self) -> Pair<C, A> {
        Pair(C::from(self.1), self.0)
    }
}

fn main() {
    assert_delta!(CALLS {}, 7, {
        assert_eq!(largest([1, 3, 2]), Some(3));
        assert_eq!(shown("text"), "text");
        assert_eq!(applied(|text| &text[1..]), 3);
        assert_eq!(ui::run(debugged("text")).as_deref(), Ok("\"text\""));
        assert_eq!(defaulted::<u8>(), 0);
        let pair = Pair::<u8, u16>::same(1);
        assert_eq!(ui::run(pair.swapped::<u32>()).0, 1);
    });
    // No value, no success: an `Option` is a plain value.
    assert_delta!(CALLS {}, 1, assert_eq!(largest::<u8, 0>([]), None));
}
