//! Every pattern that a parameter may be.

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Calls by size
    counter SIZES = "sizes_total" { size: u8 };
}

struct Point {
    x: u8,
    y: u8,
}

#[monitor_runtime::instrument(counter = CALLS)]
fn mutable(mut number: u8) -> u8 {
    number += 1;
    number
}

#[monitor_runtime::instrument(counter = SIZES, size = x)]
fn destructured(Point { x, y }: Point, (a, [b, ..]): (u8, [u8; 3])) -> u8 {
    x + y + a + b
}

#[monitor_runtime::instrument(counter = CALLS)]
fn ignored(_: u8, _named: u8, (_, last): (u8, u8)) -> u8 {
    last
}

#[monitor_runtime::instrument(counter = CALLS)]
fn referenced(&number: &u8, &(a, ref b): &(u8, String)) -> usize {
    usize::from(number + a) + b.len()
}

#[monitor_runtime::instrument(counter = CALLS)]
fn bound(whole @ Point { x, .. }: &Point) -> u8 {
    whole.y + x
}

#[monitor_runtime::instrument(counter = CALLS)]
fn configured(#[cfg(any())] never: Missing, #[cfg(all())] always: u8) -> u8 {
    always
}

#[monitor_runtime::instrument(counter = SIZES, size = number)]
async fn later(mut number: u8, (a, _): (u8, u8), _: u8, #[allow(unused_variables)] unused: u8) -> u8 {
    number += a;
    number
}

fn main() {
    assert_delta!(CALLS {}, 5, {
        assert_eq!(mutable(1) + ignored(1, 2, (3, 4)), 6);
        assert_eq!(referenced(&1, &(2, "ab".to_owned())), 5);
        assert_eq!(bound(&Point { x: 1, y: 2 }) + configured(4), 7);
    });
    assert_delta!(SIZES { size: 3 }, 2, {
        assert_eq!(destructured(Point { x: 3, y: 1 }, (1, [1, 1, 1])), 6);
        assert_eq!(ui::run(later(3, (1, 2), 3, 4)), 4);
    });
}
