//! The door for generated code: re-exports and thin functions. Nothing here is for hands; it changes without notice.

use std::future::Future;
use std::pin::Pin;

pub use inventory;

pub mod judge;
pub mod paid;

pub use crate::call::{AtEnd, Call, CallSeries, CallSite, Ended, On, Pause, ResultCall, UntilReturn, label, on};
pub use crate::metrics::{
    Counter, DEFAULT_BUCKETS, DEFAULT_GROWTH, DEFAULT_LIMIT, Declaration, Declared, Gauge, Histogram, Label,
    LabelBuffer, LabelSet, LabelValue, NoLabels, Site, user,
};
pub use crate::outcome::{Outcome, Verdict};
pub use crate::place::Place;
pub use crate::watch::{WatchSite, WatchedSite};

pub use self::judge::Once;
use self::judge::{Judge, Way};
use crate::call::{Count, Target, count_success};
use crate::metrics::{CounterSeries, HistogramSeries, cells};

/// The registry of a declaration that names none.
pub fn default_registry() -> &'static prometheus::Registry {
    prometheus::default_registry()
}

/// Counts a call if its value says that it succeeded, and gives the value back.
#[inline]
pub fn succeeded<T, W: Judge<T>, C: Count>(way: Way<W>, counter: C, by: u64, value: T) -> T {
    succeeded_with(way, counter, by, &value);
    value
}

/// The same of a value that stays where it is.
#[inline]
pub fn succeeded_with<T, W: Judge<T>>(_: Way<W>, counter: impl Count, by: u64, value: &T) {
    count_success(counter, by, W::verdict(value));
}

/// Ends a call as its value says, and gives the value back.
#[inline]
pub fn finished<T, W: Judge<T>, C: Target>(way: Way<W>, call: Call<C>, value: T) -> T {
    finished_with(way, call, &value);
    value
}

/// The same of a value that stays where it is.
#[inline]
pub fn finished_with<T, W: Judge<T>>(_: Way<W>, call: Call<impl Target>, value: &T) {
    call.finish(W::verdict(value));
}

/// What a label that is taken from the result reads when there is none.
pub const fn no_result(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Panic => "_panic",
        _ => "_cancelled",
    }
}

/// A counter's series by the labels' names, for a call that left no result to take typed values from.
pub fn counter_by_name<L>(counter: &Counter<L>, labels: &[(&str, &str)]) -> CounterSeries {
    CounterSeries::at(cell_by_name(counter.family(), labels))
}

/// The same of a histogram.
pub fn histogram_by_name<L>(histogram: &Histogram<L>, labels: &[(&str, &str)]) -> HistogramSeries {
    let family = histogram.family();
    HistogramSeries::at(family.bounds(), cell_by_name(family, labels))
}

fn cell_by_name(family: &crate::metrics::Family, labels: &[(&str, &str)]) -> u32 {
    let Some(core) = family.core() else { return cells::UNRESOLVED };
    let value = |name: &str| labels.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
    let values: Vec<&str> = core.labels.iter().map(|label| value(label.name)).collect();
    core.series.cell(&values)
}

/// A value of the declared type in a branch that is never taken: it tells the compiler what `return` and `?` give.
pub fn unreached<T>() -> T {
    unreachable!("a branch that generated code never takes")
}

/// Hands the result to a label's closure. The lifetime is one, so that the closure may give out what it borrows.
pub fn apply<'a, T: ?Sized, L>(result: &'a T, label: impl FnOnce(&'a T) -> L) -> L {
    label(result)
}

/// What a label is given of a value that was kept: a clone, or, of a `String`, its text. A `String` lets a label read
/// an argument that the body consumes.
pub mod keep {
    /// What is asked.
    #[derive(Debug)]
    pub struct Kept<'a, T>(pub &'a T);

    #[doc(hidden)]
    pub trait Text<'a> {
        fn give(&self) -> &'a str;
    }

    impl<'a> Text<'a> for Kept<'a, String> {
        #[inline]
        fn give(&self) -> &'a str {
            self.0
        }
    }

    #[doc(hidden)]
    pub trait Value<T> {
        fn give(&self) -> T;
    }

    impl<T: Clone> Value<T> for &Kept<'_, T> {
        #[inline]
        fn give(&self) -> T {
            self.0.clone()
        }
    }
}

/// Thresholds that are constants of the program, judged while it is compiled.
pub mod threshold {
    use std::time::Duration;

    /// A latency: in seconds, a [`Duration`], or a text with a unit.
    #[derive(Debug)]
    pub struct Latency<T>(pub T);

    impl Latency<f64> {
        /// In seconds.
        pub const fn checked(self) -> f64 {
            assert!(self.0 > 0.0 && self.0 <= 86_400.0, "`latency_threshold` is more than 0 and at most a day");
            self.0
        }
    }

    impl Latency<u64> {
        /// In seconds.
        pub const fn checked(self) -> f64 {
            Latency(self.0 as f64).checked()
        }
    }

    impl Latency<Duration> {
        /// In seconds.
        pub const fn checked(self) -> f64 {
            Latency(self.0.as_secs_f64()).checked()
        }
    }

    impl Latency<&str> {
        /// In seconds.
        pub const fn checked(self) -> f64 {
            Latency(seconds(self.0.as_bytes())).checked()
        }
    }

    /// A share of the calls.
    #[derive(Debug)]
    pub struct Share<T>(pub T);

    impl Share<f64> {
        /// The share.
        pub const fn checked(self) -> f64 {
            assert!(
                self.0 > 0.0 && self.0 <= 1.0,
                "`error_threshold` is more than 0 and at most 1: a share of the calls"
            );
            self.0
        }
    }

    /// `500ms`, `1.5 s`, `2m`: seconds.
    const fn seconds(text: &[u8]) -> f64 {
        let (mut number, mut scale, mut digits, mut at) = (0.0, 0.0, 0, 0);
        while at < text.len() {
            match text[at] {
                digit @ b'0'..=b'9' => {
                    number = number * 10.0 + (digit - b'0') as f64;
                    scale *= 10.0;
                    digits += 1;
                }
                b'.' if scale == 0.0 => scale = 1.0,
                _ => break,
            }
            at += 1;
        }
        while at < text.len() && text[at] == b' ' {
            at += 1;
        }
        let number = if scale == 0.0 { number } else { number / scale };
        let (_, unit) = text.split_at(at);
        // The unit's seconds as a quotient: 0.001 is no number of the machine, 1000 is.
        let seconds = match unit {
            b"us" | [0xc2, 0xb5, b's'] => number / 1e6,
            b"ms" => number / 1e3,
            b"s" => number,
            b"m" | b"min" => number * 60.0,
            b"h" => number * 3600.0,
            _ => f64::NAN,
        };
        assert!(digits > 0 && !seconds.is_nan(), "`latency_threshold` is a number and a unit, such as \"500ms\"");
        seconds
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_text_is_read_as_the_attribute_reads_a_literal() {
            const READ: [f64; 5] = [
                Latency("500ms").checked(),
                Latency("1.5 s").checked(),
                Latency("2m").checked(),
                Latency("250us").checked(),
                Latency("0.25h").checked(),
            ];
            assert_eq!(READ, [0.5, 1.5, 120.0, 250e-6, 900.0]);
            for text in ["500", "ms", "-5s", "1.2.3s", "0ms", "25h", ""] {
                assert!(std::panic::catch_unwind(|| Latency(text).checked()).is_err(), "{text}");
            }
        }
    }
}

/// Ends a call that learns nothing from its value.
pub fn done<C>(call: C) {
    drop(call);
}

/// The amount that a counter counts; none when its expression panics.
pub fn amount(expression: impl FnOnce() -> u64) -> u64 {
    label(expression).unwrap_or(0)
}

/// Whether a returned value is a future, found like an outcome: a future's call ends when the future does.
pub mod returned {
    use super::{Future, Pause, Pin};

    /// What is asked.
    #[derive(Debug)]
    pub struct Returned<'a, T: ?Sized>(pub &'a T);

    type SendBox<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
    type LocalBox<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

    /// A boxed future that may cross threads; the type must stay, so it is boxed again.
    #[derive(Debug)]
    pub struct AsSendBox;
    /// A boxed future that stays on its thread.
    #[derive(Debug)]
    pub struct AsLocalBox;
    /// A future behind `impl Future`.
    #[derive(Debug)]
    pub struct AsFuture;
    /// Any other value.
    #[derive(Debug)]
    pub struct AsValue;

    macro_rules! levels {
        ($($level:ident $kind:ident [$($generics:tt)*] $subject:ty;)*) => {$(
            #[doc(hidden)]
            pub trait $level {
                #[inline]
                fn kind(&self) -> $kind {
                    $kind
                }
            }

            impl<$($generics)*> $level for $subject {}
        )*};
    }

    /// For a declared type that has a name: only a boxed future can be exchanged for another of the same type.
    pub mod named {
        pub use super::Returned;
        use super::{AsLocalBox, AsSendBox, AsValue, LocalBox, SendBox};

        levels! {
            IsSendBox AsSendBox ['a, T] &&Returned<'_, SendBox<'a, T>>;
            IsLocalBox AsLocalBox ['a, T] &Returned<'_, LocalBox<'a, T>>;
            IsValue AsValue [T: ?Sized] Returned<'_, T>;
        }
    }

    /// For `impl Trait`.
    pub mod hidden {
        pub use super::Returned;
        use super::{AsFuture, AsValue, Future};

        levels! {
            IsFuture AsFuture [F: Future] &Returned<'_, F>;
            IsValue AsValue [T: ?Sized] Returned<'_, T>;
        }
    }

    impl AsSendBox {
        /// Ends `call` when the future does.
        pub fn finish<'a, T: 'a, C: Pause + Send + 'a>(
            self,
            value: SendBox<'a, T>,
            call: C,
            settle: impl FnOnce(C, &T) + Send + 'a,
        ) -> SendBox<'a, T> {
            Box::pin(to_completion(value, call, settle))
        }
    }

    impl AsLocalBox {
        /// Ends `call` when the future does.
        pub fn finish<'a, T: 'a, C: Pause + 'a>(
            self,
            value: LocalBox<'a, T>,
            call: C,
            settle: impl FnOnce(C, &T) + 'a,
        ) -> LocalBox<'a, T> {
            Box::pin(to_completion(value, call, settle))
        }
    }

    impl AsFuture {
        /// Ends `call` when the future does.
        pub fn finish<F: Future, C: Pause>(
            self,
            value: F,
            call: C,
            settle: impl FnOnce(C, &F::Output),
        ) -> impl Future<Output = F::Output> {
            to_completion(value, call, settle)
        }
    }

    impl AsValue {
        /// Ends `call` now.
        #[inline]
        pub fn finish<T, C>(self, value: T, call: C, settle: impl FnOnce(C, &T)) -> T {
            settle(call, &value);
            value
        }
    }

    fn to_completion<F: Future, C: Pause>(
        future: F,
        mut call: C,
        settle: impl FnOnce(C, &F::Output),
    ) -> impl Future<Output = F::Output> {
        call.pause();
        async move {
            // Moved in before the future, so dropped after it: what the future does while it is dropped is the call's.
            let mut call = call;
            let future = future;
            call.resume();
            let value = future.await;
            settle(call, &value);
            value
        }
    }
}

/// What `track_event!` was given to name an event.
#[derive(Debug)]
pub struct Event<T>(pub T);

/// The name of an event that is a string.
pub trait EventOfStr {
    /// The string.
    fn event_name(&self) -> &'static str;
}

impl EventOfStr for Event<&'static str> {
    #[inline]
    fn event_name(&self) -> &'static str {
        self.0
    }
}

/// The name of an event that is an enum's value.
pub trait EventOfEnum {
    /// The value's name.
    fn event_name(&self) -> &'static str;
}

impl<T: LabelValue> EventOfEnum for &Event<T> {
    #[inline]
    fn event_name(&self) -> &'static str {
        crate::activity::event_name(&self.0)
    }
}

/// What it is given.
#[doc(hidden)]
#[macro_export]
macro_rules! __as_written {
    ($($tokens:tt)*) => {
        $($tokens)*
    };
}
pub use crate::__as_written as as_written;
