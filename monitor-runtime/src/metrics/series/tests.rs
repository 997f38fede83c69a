//! The table as its users see it: label values in, cells and the page's text out.

use std::collections::{HashMap, HashSet};
use std::sync::Barrier;
use std::sync::atomic::AtomicU32 as Counter;
use std::thread;

use proptest::prelude::*;

use super::*;

const A: Label = Label { name: "a", values: None, max: None, user: false };
const PLAN: Label = Label { name: "plan", values: None, max: None, user: false };
const TENANT: Label = Label { name: "tenant", values: None, max: Some(2), user: false };

/// Label values that were trouble to somebody.
const HOSTILE: &[&str] = &[
    "",
    "a",
    "\"",
    "\\\"",
    "\\\\\"",
    "\\",
    "\\\\",
    "\\n",
    "\n",
    "\r",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{fffd}",
    "\u{202e}abc",
    "\u{feff}",
    "{}",
    "a\",a=\"",
    "a\",b=\"b",
    ",",
    "=",
    "_overflow",
    "_overflow\0",
    "…",
    "😀",
    "é",
    "GET",
    "password",
    "exactly 16 bytes",
    "17 bytes, 1 over!",
];

fn table(labels: &'static [Label], limit: u32) -> SeriesTable {
    SeriesTable::new(labels, limit, u32::MAX, 1).expect("cells are left")
}

fn listed(table: &SeriesTable) -> Vec<(String, u32)> {
    let mut all = Vec::new();
    table.for_each(&mut |text, cell| all.push((text.to_owned(), cell)));
    assert_eq!(all.len(), table.len());
    all
}

fn texts(table: &SeriesTable) -> Vec<String> {
    listed(table).into_iter().map(|(text, _)| text).collect()
}

/// The label values in the text of a series, read as Prometheus reads them.
fn parsed(text: &str, labels: &[Label]) -> Vec<String> {
    let mut rest = text;
    let mut values = Vec::new();
    for (number, label) in labels.iter().enumerate() {
        if number > 0 {
            rest = rest.strip_prefix(',').expect("a comma between labels");
        }
        rest = rest.strip_prefix(label.name).and_then(|rest| rest.strip_prefix("=\"")).expect("a name and a quote");
        let mut value = String::new();
        let mut characters = rest.chars();
        loop {
            match characters.next().expect("a closing quote") {
                '"' => break,
                '\\' => match characters.next() {
                    Some('n') => value.push('\n'),
                    Some(c @ ('\\' | '"')) => value.push(c),
                    other => panic!("no such escape: {other:?}"),
                },
                c => value.push(c),
            }
        }
        rest = characters.as_str();
        values.push(value);
    }
    assert_eq!(rest, "");
    values
}

#[test]
fn a_series_is_found_again_and_reads_as_on_the_page() {
    let table = table(&[PLAN, A], 10);
    assert_eq!(table.find(&["free", "x"]), None);
    let cell = table.cell(&["free", "x"]);
    assert_eq!(table.find(&["free", "x"]), Some(cell));
    assert_eq!(table.cell(&["free", "x"]), cell);
    assert_ne!(table.cell(&["x", "free"]), cell);
    assert_eq!(texts(&table), [r#"plan="free",a="x""#, r#"plan="x",a="free""#]);
    assert_eq!(table.overflowed(), 0);
}

#[test]
fn a_family_without_labels_has_its_one_series_from_the_start() {
    let table = table(&[], 0);
    let cell = table.find(&[]).expect("it is there");
    assert_eq!(table.cell(&[]), cell);
    assert_eq!(listed(&table), [(String::new(), cell)]);
    assert_eq!(table.overflowed(), 0);
}

#[test]
fn quotes_and_backslashes_are_escaped_and_not_confused_with_their_escapes() {
    let table = table(&[A], 10);
    let quote = table.cell(&["\""]);
    let escaped = table.cell(&["\\\""]);
    assert_ne!(quote, escaped);
    assert_eq!((table.find(&["\""]), table.find(&["\\\""])), (Some(quote), Some(escaped)));
    assert_eq!(table.find(&["\\\\\""]), None);
    assert_eq!(texts(&table), [r#"a="\"""#, r#"a="\\\"""#]);
}

#[test]
fn a_value_that_looks_like_more_labels_is_one_value() {
    let table = table(&[A, PLAN], 10);
    let plain = table.cell(&["x", "cdefghij"]);
    // `a="x",plan="cdefghij"`, cut in other places.
    for (a, plan) in
        [("x\",plan=", "j"), ("x\",plan=\"", "j"), ("x\",plan=\"cdefghij", ""), ("", "x\",plan=\"cdefghij")]
    {
        assert_eq!(table.find(&[a, plan]), None);
        assert_ne!(table.cell(&[a, plan]), plain);
    }
    assert_eq!(table.len(), 5);
}

/// Without the help of the hash, which hides a wrong comparison nearly always.
#[test]
fn a_text_reads_as_its_own_values_and_no_others() {
    let labels = &[A, PLAN];
    // Every way to cut the text in two values, so that the cuts fall on every quote, comma and name.
    let own = ["x", "cdefghij"];
    let series = Series::new(labels, &own, 0, 0);
    let text = series.text.strip_prefix("a=\"").and_then(|text| text.strip_suffix('"')).expect("quotes");
    for end in 0..=text.len() {
        for start in 0..=text.len() {
            let values = [&text[..end], &text[start..]];
            assert_eq!(series.reads(labels, &values), values == own, "{values:?}");
        }
    }
}

#[test]
fn hostile_values_are_told_apart_by_what_the_page_shows() {
    let table = table(&[A], 1000);
    for one in HOSTILE {
        for other in HOSTILE {
            let same = clean(one) == clean(other);
            assert_eq!(table.cell(&[one]) == table.cell(&[other]), same, "{one:?} and {other:?}");
        }
    }
    for (text, _) in listed(&table) {
        assert!(!text.contains(['\n', '\r', '\0', '\u{2028}']), "{text:?}");
    }
}

#[test]
fn long_values_are_cut_with_a_mark() {
    assert_eq!(clean(&"x".repeat(128)), "x".repeat(128));
    assert_eq!(clean(&"x".repeat(129)), format!("{}…", "x".repeat(125)));
    assert_eq!(clean(&"é".repeat(1000)), format!("{}…", "é".repeat(62)));
    assert_eq!(clean(&"\0".repeat(42)), "\u{fffd}".repeat(42));
    assert_eq!(clean(&"\0".repeat(43)), format!("{}…", "\u{fffd}".repeat(41)));
    assert_eq!(clean(&format!("a\n{}", "b".repeat(1 << 20))), format!("a\u{fffd}{}…", "b".repeat(121)));
}

#[test]
fn beyond_the_limit_one_series_takes_the_rest() {
    let table = table(&[A, PLAN], 2);
    let (first, second) = (table.cell(&["1", "x"]), table.cell(&["2", "x"]));
    assert_eq!((table.len(), table.overflowed()), (2, 0));
    let rest = table.cell(&["3", "x"]);
    assert_eq!(table.cell(&["4", "y"]), rest);
    assert_eq!((table.cell(&["1", "x"]), table.cell(&["2", "x"])), (first, second));
    assert_eq!(table.find(&["3", "x"]), None);
    assert_eq!(texts(&table), [r#"a="1",plan="x""#, r#"a="2",plan="x""#, r#"a="_overflow",plan="_overflow""#]);
    assert_eq!(table.overflowed(), 2);
}

#[test]
fn a_limit_of_0_leaves_the_overflow_series() {
    let table = table(&[A], 0);
    assert_eq!(texts(&table), [""; 0]);
    table.cell(&["1"]);
    assert_eq!(texts(&table), [r#"a="_overflow""#]);
}

#[test]
fn beyond_its_max_a_label_overflows_alone() {
    let table = table(&[TENANT, PLAN], 100);
    let known = [table.cell(&["a", "x"]), table.cell(&["b", "x"])];
    let rest = table.cell(&["c", "x"]);
    assert_eq!(table.cell(&["d", "x"]), rest);
    assert_ne!(table.cell(&["c", "y"]), rest);
    assert_eq!([table.cell(&["a", "x"]), table.cell(&["b", "x"])], known);
    table.cell(&["b", "y"]);
    assert_eq!(
        texts(&table),
        [
            r#"tenant="a",plan="x""#,
            r#"tenant="b",plan="x""#,
            r#"tenant="_overflow",plan="x""#,
            r#"tenant="_overflow",plan="y""#,
            r#"tenant="b",plan="y""#,
        ]
    );
    assert_eq!(table.overflowed(), 3);
}

#[test]
fn the_max_of_a_single_label_bounds_the_family() {
    for limit in [1, 2, 100] {
        let table = table(&[TENANT], limit);
        let cells = ["a", "b", "c", "d"].map(|tenant| table.cell(&[tenant]));
        let kept = limit.min(2) as usize;
        assert_eq!(table.find(&["a"]), Some(cells[0]));
        assert_eq!(table.find(&["b"]).is_some(), kept == 2);
        assert_eq!(cells[2], cells[3]);
        let expected = [r#"tenant="a""#, r#"tenant="b""#];
        assert_eq!(texts(&table), [&expected[..kept], &[r#"tenant="_overflow""#]].concat());
        assert_eq!(table.overflowed(), 4 - kept as u64);
    }
}

#[test]
fn a_value_takes_no_place_in_its_label_when_its_series_finds_none() {
    let table = table(&[PLAN, TENANT], 1);
    table.cell(&["x", "a"]);
    table.cell(&["x", "b"]);
    table.cell(&["x", "c"]);
    assert_eq!(texts(&table), [r#"plan="x",tenant="a""#, r#"plan="_overflow",tenant="_overflow""#]);
}

#[test]
fn whoever_asks_for_overflow_by_name_gets_the_one_overflow_series() {
    let table = table(&[TENANT], 10);
    let by_name = table.cell(&["_overflow"]);
    for tenant in ["a", "b", "c"] {
        table.cell(&[tenant]);
    }
    assert_eq!(table.cell(&["d"]), by_name);
    assert_eq!(texts(&table), [r#"tenant="a""#, r#"tenant="b""#, r#"tenant="_overflow""#]);
}

#[test]
fn a_wrong_number_of_values_is_counted_as_overflow() {
    let table = table(&[A], 10);
    for values in [&[][..], &["1", "2"]] {
        assert_eq!(table.find(values), None);
        table.cell(values);
    }
    assert_eq!(texts(&table), [r#"a="_overflow""#]);
    assert_eq!(table.overflowed(), 2);
}

#[test]
fn when_the_cells_are_used_up_the_rest_overflows() {
    fn none(_: usize) -> Option<u32> {
        None
    }
    fn some(_: usize) -> Option<u32> {
        Some(7)
    }
    assert!(SeriesTable::with_cells(&[A], 10, u32::MAX, 1, some, none).is_none());
    assert!(SeriesTable::with_cells(&[], 10, u32::MAX, 1, none, some).is_none());
    let table = SeriesTable::with_cells(&[A], 10, u32::MAX, 1, none, some).expect("the overflow series has its cell");
    assert_eq!(table.cell(&["1"]), 7);
    assert_eq!(texts(&table), [r#"a="_overflow""#]);
}

#[test]
fn ten_thousand_series_keep_to_themselves() {
    let table = SeriesTable::new(&[A, PLAN], 20_000, u32::MAX, 3).expect("cells are left");
    let names: Vec<String> = (0..10_000).map(|n| format!("{n:x}")).collect();
    let cells: Vec<u32> = names.iter().map(|name| table.cell(&[name, "x"])).collect();
    assert_eq!(cells.iter().collect::<HashSet<_>>().len(), names.len());
    for (name, cell) in names.iter().zip(&cells) {
        assert_eq!(table.find(&[name, "x"]), Some(*cell));
        assert_eq!(table.find(&["x", name]), None);
    }
    let in_order: Vec<u32> = listed(&table).into_iter().map(|(_, cell)| cell).collect();
    assert_eq!(in_order, cells);
}

#[test]
fn threads_that_meet_in_one_table_agree_and_lose_nothing() {
    const THREADS: usize = 4;
    const VALUES: usize = 300;
    let table = table(&[TENANT, A], 200);
    let names: Vec<String> = (0..VALUES).map(|n| format!("value number {n}")).collect();
    let tenants = ["a", "b", "c"];
    let start = Barrier::new(THREADS);
    let seen: Vec<Vec<(usize, u32)>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (table, names, start) = (&table, &names, &start);
                scope.spawn(move || {
                    start.wait();
                    (0..VALUES)
                        .map(|n| {
                            let n = (n * 7 + thread * 50) % VALUES;
                            let cell = table.cell(&[tenants[n % 3], &names[n]]);
                            cells::add(cell, 1);
                            (n, cell)
                        })
                        .collect()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let listed = listed(&table);
    assert_eq!(listed.len(), 201);
    assert_eq!(listed.iter().map(|(text, _)| text).collect::<HashSet<_>>().len(), 201);
    let total: u64 = listed.iter().map(|(_, cell)| cells::sum(*cell)).sum();
    assert_eq!(total, (THREADS * VALUES) as u64);
    let by_cell: HashMap<u32, Vec<String>> =
        listed.iter().map(|(text, cell)| (*cell, parsed(text, table.labels))).collect();
    for (n, cell) in seen.into_iter().flatten() {
        let [tenant, value] = &by_cell[&cell][..] else { panic!("two labels") };
        assert!(tenant == tenants[n % 3] || tenant == OVERFLOW);
        assert!(value == &names[n] || (value == OVERFLOW && tenant == OVERFLOW));
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(HOSTILE).prop_map(str::to_owned),
        2 => "[ab\"\\\\\n,=]{0,4}",
        1 => any::<String>(),
        1 => ("[x\"é\0]{120,140}", any::<char>()).prop_map(|(long, end)| format!("{long}{end}")),
    ]
}

/// What the table should do, in the plainest way.
#[derive(Default)]
struct Expected {
    series: Vec<Vec<String>>,
}

impl Expected {
    fn values(&mut self, labels: &[Label], limit: usize, values: &[String]) -> Vec<String> {
        let mut values: Vec<String> = values.iter().map(|value| clean(value).into_owned()).collect();
        for (at, label) in labels.iter().enumerate() {
            let known: HashSet<&str> =
                self.series.iter().map(|series| &*series[at]).filter(|known| *known != OVERFLOW).collect();
            if label.max.is_some_and(|max| known.len() >= max as usize) && !known.contains(&*values[at]) {
                values[at] = OVERFLOW.to_owned();
            }
        }
        let all = vec![OVERFLOW.to_owned(); labels.len()];
        if !self.series.contains(&values) {
            if self.series.len() == limit || values == all {
                values = all;
            } else {
                self.series.push(values.clone());
            }
        }
        values
    }
}

proptest! {
    #[test]
    fn clean_values_fit_the_page(value in value()) {
        let cleaned = clean(&value);
        prop_assert!(cleaned.len() <= LONGEST);
        let ends_a_line = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
        prop_assert!(!cleaned.contains(ends_a_line));
        prop_assert_eq!(&clean(&cleaned), &cleaned);
        let kept = cleaned.trim_end_matches(CUT).chars();
        let same = kept.zip(value.chars()).all(|(kept, was)| kept == was || kept == char::REPLACEMENT_CHARACTER);
        prop_assert!(same);
        prop_assert!(cleaned.chars().count() == value.chars().count() || cleaned.ends_with(CUT));
    }

    #[test]
    fn the_table_does_what_it_should(
        labels in prop::sample::select(vec![&[A][..], &[TENANT], &[A, PLAN], &[TENANT, A], &[PLAN, TENANT, TENANT]]),
        limit in 0..12_usize,
        lookups in prop::collection::vec(prop::array::uniform3(value()), 0..60),
    ) {
        let table = SeriesTable::new(labels, limit as u32, u32::MAX, 2).expect("cells are left");
        let mut expected = Expected::default();
        let mut counts: HashMap<u32, u64> = HashMap::new();
        for values in &lookups {
            let values = &values[..labels.len()];
            let raw: Vec<&str> = values.iter().map(String::as_str).collect();
            let expected = expected.values(labels, limit, values);
            let found = table.find(&raw);
            let cell = table.cell(&raw);
            prop_assert!(found.is_none_or(|found| found == cell));
            *counts.entry(cell).or_default() += 1;
            let (text, _) = listed(&table).into_iter().find(|listed| listed.1 == cell).expect("it is listed");
            prop_assert_eq!(parsed(&text, labels), expected);
        }
        let listed = listed(&table);
        prop_assert_eq!(listed.iter().map(|(text, _)| text).collect::<HashSet<_>>().len(), listed.len());
        let ordinary = listed.iter().map(|(text, _)| parsed(text, labels)).take(expected.series.len());
        prop_assert!(ordinary.eq(expected.series));
        let total: u64 = listed.iter().map(|(_, cell)| counts[cell]).sum();
        prop_assert_eq!(total, lookups.len() as u64);
    }

    #[test]
    fn a_series_reads_as_its_own_values(own in prop::array::uniform2(value()), other in prop::array::uniform2(value())) {
        let labels = &[A, PLAN];
        let [own, other] = [&own, &other].map(|values| values.each_ref().map(String::as_str));
        let series = Series::new(labels, &own, 0, 0);
        prop_assert!(series.reads(labels, &own));
        prop_assert_eq!(series.reads(labels, &other), own == other);
        let single = Series::new(&[A], &own[..1], 0, 0);
        if other[0].len() <= SHORT {
            prop_assert_eq!(single.reads_short(&A, other[0]), own[0] == other[0] && !own[0].contains(['\\', '"']));
        }
    }

    #[test]
    fn find_finds_exactly_what_was_added(values in prop::collection::vec(prop::array::uniform2(value()), 0..40)) {
        static NEXT: Counter = Counter::new(0);
        fn reserve(_: usize) -> Option<u32> {
            Some(NEXT.fetch_add(1, Ordering::Relaxed))
        }
        let table = SeriesTable::with_cells(&[A, PLAN], 1000, u32::MAX, 1, reserve, reserve).expect("cells are left");
        let mut model: HashMap<[String; 2], u32> = HashMap::new();
        for [a, b] in values.iter().step_by(2) {
            let cell = table.cell(&[a, b]);
            if [a, b] != [OVERFLOW; 2] {
                model.insert([clean(a).into_owned(), clean(b).into_owned()], cell);
            }
        }
        for raw in &values {
            prop_assert_eq!(table.find(&[&raw[0], &raw[1]]), model.get(raw).copied());
        }
    }
}
