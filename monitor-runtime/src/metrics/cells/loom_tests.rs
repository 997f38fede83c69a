//! Every order in which few threads can meet in the cells.
//!
//! Who reads yields first: the model checker finds the orders in which a reader comes earlier from the one in
//! which it comes last, but not always the other way around.

use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;

use super::*;

/// All orders with at most `preemptions` threads stopped against their will, where all of them take minutes.
fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(check);
}

/// What a thread does in its life: takes a row if there is one, counts, gives it back.
fn count(cells: &Cells, cell: u32, n: u64) {
    let own = cells.acquire();
    let row = own.unwrap_or(cells.shared());
    let page = cells.page(row, cell).expect("the cell is given out");
    row.add(&page[in_page(cell)], n);
    row.add(&page[in_page(cell)], n);
    if let Some(row) = own {
        cells.release(row);
    }
}

fn total(cells: &Cells, cell: u32) -> u64 {
    cells.rows().map(|row| row.read(cell)).sum()
}

/// Cells with `rows` rows, and one cell of them given out.
fn cells(rows: usize) -> (Arc<Cells>, u32) {
    let cells = Cells::new(rows, SEGMENTS * SEGMENT * PAGE);
    let cell = cells.reserve(1).expect("cells are left");
    (Arc::new(cells), cell)
}

#[test]
fn loom_a_row_handed_on_keeps_its_count() {
    loom::model(|| {
        let (cells, cell) = cells(1);
        let other = {
            let cells = cells.clone();
            thread::spawn(move || count(&cells, cell, 1))
        };
        count(&cells, cell, 10);
        other.join().expect("no panic");
        count(&cells, cell, 100);
        assert_eq!(total(&cells, cell), 222);
    });
}

#[test]
fn loom_threads_that_share_row_0_lose_nothing() {
    model(3, || {
        let (cells, cell) = cells(0);
        let other = {
            let cells = cells.clone();
            thread::spawn(move || {
                count(&cells, cell, 1);
                cells.add_base(cell, 0.5);
            })
        };
        count(&cells, cell, 10);
        cells.add_base(cell, 0.25);
        other.join().expect("no panic");
        assert_eq!(total(&cells, cell), 22);
        assert_eq!(f64::from_bits(total(&cells, cell + 1)), 0.75);
    });
}

#[test]
fn loom_a_scrape_sees_no_count_go_down_and_loses_none() {
    model(2, || {
        let (cells, cell) = cells(2);
        let counting: Vec<_> = [1, 10]
            .into_iter()
            .map(|n| {
                let cells = cells.clone();
                thread::spawn(move || count(&cells, cell, n))
            })
            .collect();
        thread::yield_now();
        let first = total(&cells, cell);
        let second = total(&cells, cell);
        assert!(first <= second, "{first} then {second}");
        assert!(second <= 22);
        for thread in counting {
            thread.join().expect("no panic");
        }
        assert_eq!(total(&cells, cell), 22);
    });
}

#[test]
fn loom_an_index_that_reached_a_thread_can_be_written() {
    loom::model(|| {
        let cells = Arc::new(Cells::new(1, SEGMENTS * SEGMENT * PAGE));
        let kept = Arc::new(AtomicU32::new(UNRESOLVED));
        let finder = {
            let (cells, kept) = (cells.clone(), kept.clone());
            thread::spawn(move || {
                let cell = cells.reserve(1).expect("cells are left");
                // As call sites keep it.
                kept.store(cell, Ordering::Relaxed);
            })
        };
        thread::yield_now();
        let cell = kept.load(Ordering::Relaxed);
        if cell != UNRESOLVED {
            assert!(cells.page(cells.shared(), cell).is_some());
        }
        finder.join().expect("no panic");
    });
}

/// One step up in a row of the thread's own.
fn step(cells: &Cells, gauge: u32) {
    let row = cells.acquire().expect("a row");
    let page = cells.page(row, gauge).expect("the cell is given out");
    row.add(&page[in_page(gauge)], 1);
}

#[test]
fn loom_a_gauge_set_while_it_is_stepped_takes_or_keeps_the_step() {
    loom::model(|| {
        let (cells, gauge) = cells(1);
        let stepping = {
            let cells = cells.clone();
            thread::spawn(move || step(&cells, gauge))
        };
        thread::yield_now();
        cells.set_gauge(gauge, 10.5);
        let value = cells.gauge(gauge);
        assert!([10.5, 11.5].contains(&value), "{value}");
        stepping.join().expect("no panic");
        let later = cells.gauge(gauge);
        assert!([10.5, 11.5].contains(&later) && later >= value, "{value} then {later}");
    });
}

#[test]
fn loom_a_gauge_never_reads_what_it_never_was() {
    loom::model(|| {
        let (cells, gauge) = cells(1);
        step(&cells, gauge);
        let setting = {
            let cells = cells.clone();
            thread::spawn(move || cells.set_gauge(gauge, 10.5))
        };
        thread::yield_now();
        let value = cells.gauge(gauge);
        assert!([1.0, 10.5].contains(&value), "{value}");
        setting.join().expect("no panic");
        assert_eq!(cells.gauge(gauge), 10.5);
    });
}

#[test]
fn loom_of_two_that_set_a_gauge_one_is_last() {
    model(3, || {
        let (cells, gauge) = cells(1);
        let other = {
            let cells = cells.clone();
            thread::spawn(move || {
                // Whoever is last, this step came before.
                step(&cells, gauge);
                cells.set_gauge(gauge, 20.5);
            })
        };
        cells.set_gauge(gauge, 10.5);
        other.join().expect("no panic");
        let value = cells.gauge(gauge);
        assert!([10.5, 20.5].contains(&value), "{value}");
    });
}
