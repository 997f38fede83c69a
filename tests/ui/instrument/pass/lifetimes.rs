//! Named, elided and generic-associated lifetimes, and captures named with `use<..>`.

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[monitor_runtime::instrument(counter = CALLS)]
fn first<'a>(a: &'a str, _b: &str) -> &'a str {
    a
}

#[monitor_runtime::instrument(counter = CALLS)]
fn elided(text: &str) -> std::str::Chars<'_> {
    text.chars()
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn longest<'a: 'b, 'b>(a: &'a str, b: &'b str) -> &'b str {
    if a.len() > b.len() { a } else { b }
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
fn words<'a>(text: &'a str, _unused: &u8) -> impl Iterator<Item = &'a str> + use<'a> {
    text.split(' ')
}

#[monitor_runtime::instrument(counter = CALLS)]
fn fixed() -> &'static str {
    "fixed"
}

trait Lends {
    type Item<'a>
    where
        Self: 'a;
    fn lend<'a>(&'a mut self) -> Option<Self::Item<'a>>;
}

struct Windows(Vec<u8>, usize);

impl Lends for Windows {
    type Item<'a> = &'a mut [u8];

    #[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
    fn lend<'a>(&'a mut self) -> Option<Self::Item<'a>> {
        let start = self.1;
        self.1 += 1;
        self.0.get_mut(start..start + 2)
    }
}

fn main() {
    assert_delta!(CALLS {}, 7, {
        assert_eq!(first("a", &String::from("b")), "a");
        assert_eq!(elided("ab").count(), 2);
        assert_eq!(ui::run(longest("abc", "b")), "abc");
        assert_eq!(words("a b", &1).count(), 2);
        assert_eq!(fixed(), "fixed");
        let mut windows = Windows(vec![1, 2, 3], 0);
        windows.lend().expect("two bytes")[0] = 9;
        assert_eq!(windows.lend(), Some(&mut [2, 3][..]));
    });
}
