//! Every order in which few threads can meet in a table. Who reads yields first, see the tests of the cells.

use std::sync::atomic::AtomicU32 as Counter;

use loom::sync::Arc;
use loom::thread;

use super::*;

const A: Label = Label { name: "a", values: None, max: None, user: false };
const TENANT: Label = Label { name: "tenant", values: None, max: Some(1), user: false };

/// All orders with at most `preemptions` threads stopped against their will, where all of them take minutes.
fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(check);
}

/// A table with cells of its own: any number will do, and each is given out once.
fn table(labels: &'static [Label], limit: u32) -> Arc<SeriesTable> {
    fn reserve(_: usize) -> Option<u32> {
        static NEXT: Counter = Counter::new(0);
        Some(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) & 0xffff)
    }
    Arc::new(SeriesTable::with_cells(labels, limit, u32::MAX, 1, reserve, reserve).expect("cells are left"))
}

fn listed(table: &SeriesTable) -> Vec<(String, u32)> {
    let mut all = Vec::new();
    table.for_each(&mut |text, cell| all.push((text.to_owned(), cell)));
    all
}

#[test]
fn loom_two_threads_with_the_same_values_share_one_series() {
    loom::model(|| {
        let table = table(&[A], 4);
        let other = {
            let table = table.clone();
            thread::spawn(move || table.cell(&["x"]))
        };
        let ours = table.cell(&["x"]);
        let theirs = other.join().expect("no panic");
        assert_eq!(ours, theirs);
        assert_eq!(listed(&table), [(r#"a="x""#.to_owned(), ours)]);
    });
}

#[test]
fn loom_two_threads_with_different_values_get_two_series_through_growth() {
    model(3, || {
        let table = table(&[A], 4);
        let first = table.cell(&["0"]);
        let other = {
            let table = table.clone();
            thread::spawn(move || [table.cell(&["1"]), table.cell(&["2"])])
        };
        let ours = [table.cell(&["3"]), table.cell(&["2"])];
        let theirs = other.join().expect("no panic");
        assert_eq!(ours[1], theirs[1]);
        let cells = [first, theirs[0], theirs[1], ours[0]];
        for (value, cell) in ["0", "1", "2", "3"].into_iter().zip(cells) {
            assert_eq!(table.find(&[value]), Some(cell));
            assert!(listed(&table).contains(&(format!(r#"a="{value}""#), cell)));
        }
        assert_eq!(table.len(), 4);
    });
}

#[test]
fn loom_find_never_gives_another_series_cell() {
    model(3, || {
        let table = table(&[A], 8);
        let first = table.cell(&["0"]);
        let adding = {
            let table = table.clone();
            thread::spawn(move || [table.cell(&["1"]), table.cell(&["2"])])
        };
        thread::yield_now();
        let found = [table.find(&["0"]), table.find(&["1"]), table.find(&["2"])];
        let mut seen = listed(&table);
        let added = adding.join().expect("no panic");
        // What is there stays to be found, while the index grows.
        assert_eq!(found[0], Some(first));
        assert!(found[1].is_none_or(|cell| cell == added[0]));
        assert!(found[2].is_none_or(|cell| cell == added[1]));
        // One at a time, in order, and never half made.
        let later = listed(&table);
        seen.resize(later.len(), Default::default());
        assert!(seen.iter().zip(&later).all(|(seen, later)| seen.0.is_empty() || seen == later));
    });
}

#[test]
fn loom_a_bound_holds_whoever_comes_first() {
    model(3, || {
        let table = table(&[TENANT, A], 1);
        let other = {
            let table = table.clone();
            thread::spawn(move || table.cell(&["1", "x"]))
        };
        let ours = table.cell(&["2", "x"]);
        let theirs = other.join().expect("no panic");
        let listed = listed(&table);
        // One got the place in the label and in the family, the other what is over.
        assert_eq!(listed.len(), 2);
        let text = |cell| &listed.iter().find(|listed| listed.1 == cell).expect("it is listed").0;
        let mut texts = [text(ours), text(theirs)];
        // Digits come before the underscore.
        texts.sort();
        assert!([r#"tenant="1",a="x""#, r#"tenant="2",a="x""#].contains(&&**texts[0]));
        assert_eq!(texts[1], r#"tenant="_overflow",a="_overflow""#);
        assert_eq!(table.overflowed(), 1);
    });
}
