//! `&mut` in, `&mut` out.

use monitor_runtime::assert_delta;
use std::collections::BTreeMap;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[monitor_runtime::instrument(counter = CALLS)]
fn last(numbers: &mut Vec<u8>) -> &mut u8 {
    if numbers.is_empty() {
        numbers.push(0);
    }
    let end = numbers.len() - 1;
    &mut numbers[end]
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
fn entry<'a>(map: &'a mut BTreeMap<u8, String>, key: &u8) -> Option<&'a mut String> {
    map.get_mut(key)
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn last_later(numbers: &mut Vec<u8>) -> &mut u8 {
    last(numbers)
}

struct Cursor<'a>(&'a mut [u8]);

impl<'a> Cursor<'a> {
    #[monitor_runtime::instrument(counter = CALLS)]
    fn rest(&mut self) -> &mut [u8] {
        self.0
    }

    #[monitor_runtime::instrument(counter = CALLS)]
    fn next(self) -> Option<(&'a mut u8, Self)> {
        let (first, rest) = self.0.split_first_mut()?;
        Some((first, Cursor(rest)))
    }
}

fn main() {
    assert_delta!(CALLS {}, 6, {
        let mut numbers = vec![1, 2];
        *last(&mut numbers) += 1;
        *ui::run(last_later(&mut numbers)) += 1;
        assert_eq!(numbers, [1, 4]);
        let mut map = BTreeMap::from([(1, String::new())]);
        entry(&mut map, &1).expect("one").push('x');
        let mut cursor = Cursor(&mut numbers);
        cursor.rest()[0] = 5;
        let (first, _) = cursor.next().expect("five");
        assert_eq!(*first, 5);
    });
}
