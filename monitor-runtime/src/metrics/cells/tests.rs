//! The cells as their users see them. The orders in which threads may meet are the model checker's.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use proptest::prelude::*;

use super::*;

/// A cell beyond the page that `add_home` reaches.
fn reserve_away(n: usize) -> u32 {
    loop {
        let first = reserve(n).expect("cells are left");
        if first as usize >= PAGE {
            return first;
        }
    }
}

/// The near and the far kind of cells behave alike.
fn everywhere(n: usize) -> [u32; 3] {
    [reserve(n).expect("cells are left"), reserve_away(n), reserve_far(n).expect("cells are left")]
}

#[test]
fn what_one_thread_adds_is_the_sum() {
    for cell in everywhere(1) {
        assert_eq!(sum(cell), 0);
        add(cell, 2);
        add(cell, 40);
        assert_eq!((sum(cell), here(cell)), (42, 42));
    }
}

#[test]
fn the_first_page_is_home_once_the_thread_has_a_row() {
    let (near, away) = (0, reserve_away(1));
    thread::spawn(move || {
        // Of 0, because the first cell of all is somebody else's.
        assert!(!add_home(near, 0), "no row yet");
        add(near, 0);
        assert!(add_home(near, 0));
        assert!(!add_home(away, 1));
        assert!(!add_home(UNRESOLVED, 1));
    })
    .join()
    .expect("no panic");
    assert_eq!(sum(away), 0);
}

#[test]
fn counts_wrap_around() {
    for cell in everywhere(1) {
        add(cell, u64::MAX);
        add(cell, 3);
        assert_eq!(sum(cell), 2);
    }
}

#[test]
fn more_threads_than_rows_lose_nothing() {
    let threads = ROWS + 40;
    let (count, total) = (reserve(1).expect("cells are left"), reserve_away(1));
    let series = reserve_away(3);
    let gauge_at = reserve(GAUGE_CELLS).expect("cells are left");
    let all_have_counted = Barrier::new(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..10 {
                    add(count, 1);
                    add_f64(total, 0.5);
                    observe(series, 1, 2, 0.25);
                    add_gauge(gauge_at, 3.0);
                    add_gauge(gauge_at, -2.5);
                }
                // Nobody ends, and frees a row, before everybody has counted.
                all_have_counted.wait();
                add(count, 1);
            });
        }
    });
    let threads = threads as u64;
    assert_eq!(sum(count), 11 * threads);
    assert_eq!(sum_f64(total), 5.0 * threads as f64);
    assert_eq!((sum(series), sum(series + 1)), (0, 10 * threads));
    assert_eq!(sum_f64(series + 2), 2.5 * threads as f64);
    assert_eq!(gauge(gauge_at), 5.0 * threads as f64);
}

#[test]
fn threads_that_end_leave_their_counts_and_hand_on_their_rows() {
    let [near, away, _] = everywhere(1);
    for _ in 0..2 * ROWS {
        thread::spawn(move || {
            add(near, 1);
            add(away, 1);
        })
        .join()
        .expect("no panic");
    }
    assert_eq!((sum(near), sum(away)), (2 * ROWS as u64, 2 * ROWS as u64));
}

#[test]
fn a_row_goes_from_one_thread_to_the_next() {
    let cells = Cells::new(2, PAGE);
    let first = cells.acquire().expect("two rows");
    let second = cells.acquire().expect("two rows");
    assert!(!std::ptr::eq(first, second));
    assert!(cells.acquire().is_none(), "two rows");
    cells.release(first);
    assert!(cells.acquire().is_some_and(|row| std::ptr::eq(row, first)));
    assert_eq!(cells.rows().count(), 3, "those two and the shared one");
}

#[test]
fn what_a_thread_records_while_it_is_torn_down_counts() {
    struct RecordsWhenDropped(u32);
    impl Drop for RecordsWhenDropped {
        fn drop(&mut self) {
            add(self.0, 1);
            add_f64(self.0 + 1, 1.0);
            observe(self.0 + 2, 0, 1, 1.0);
        }
    }
    thread_local! {
        static EARLY: Cell<Option<RecordsWhenDropped>> = const { Cell::new(None) };
        static LATE: Cell<Option<RecordsWhenDropped>> = const { Cell::new(None) };
    }
    for first in everywhere(4) {
        thread::spawn(move || {
            // One of the two is dropped before the row goes back, the other after it.
            EARLY.set(Some(RecordsWhenDropped(first)));
            add(first, 1);
            LATE.set(Some(RecordsWhenDropped(first)));
        })
        .join()
        .expect("no panic");
        assert_eq!((sum(first), sum_f64(first + 1)), (3, 2.0));
        assert_eq!((sum(first + 2), sum_f64(first + 3)), (2, 2.0));
    }
}

#[test]
fn an_index_of_no_cell_is_ignored() {
    let end = (SEGMENTS * SEGMENT * PAGE) as u32;
    // The middle of what can be given out is far from both ends.
    for nowhere in [UNRESOLVED, UNRESOLVED - 1, end, end + 1, end / 2] {
        add(nowhere, 1);
        add_f64(nowhere, 1.0);
        observe(nowhere, 0, 1, 1.0);
        observe(nowhere, usize::MAX, usize::MAX, 1.0);
        add_gauge(nowhere, 1.0);
        add_gauge(nowhere, 0.5);
        set_gauge(nowhere, 1.0);
        assert_eq!((sum(nowhere), here(nowhere)), (0, 0));
        assert_eq!((sum_f64(nowhere), here_f64(nowhere), gauge(nowhere)), (0.0, 0.0, 0.0));
        assert_eq!((reader().sum(nowhere), reader().sum_f64(nowhere)), (0, 0.0));
        let mut out = [1; 3];
        reader().sums(nowhere, &mut out);
        assert_eq!(out, [0; 3]);
    }
}

#[test]
fn observing_outside_the_series_page_is_ignored() {
    for first in everywhere(2) {
        observe(first, PAGE, 1, 1.0);
        observe(first, 0, usize::MAX, 1.0);
        assert_eq!((sum(first), sum_f64(first + 1)), (0, 0.0));
    }
}

#[test]
fn a_reader_sees_what_the_sums_say() {
    let cells: Vec<u32> = everywhere(16).to_vec();
    thread::scope(|scope| {
        for bucket in 0..4 {
            let cells = &cells;
            scope.spawn(move || cells.iter().for_each(|&first| observe(first, bucket, 15, 0.5)));
        }
    });
    let mut reader = reader();
    for &first in &cells {
        let mut counts = [7; 15];
        reader.sums(first, &mut counts);
        assert_eq!(counts[..5], [1, 1, 1, 1, 0]);
        assert_eq!(reader.sum(first + 2), 1);
        assert_eq!(reader.sum_f64(first + 15), 2.0);
    }
}

#[test]
fn a_gauge_comes_back_to_zero_whoever_steps_down() {
    for first in everywhere(GAUGE_CELLS) {
        let up = || (0..1000).for_each(|_| add_gauge(first, 1.0));
        let down = || (0..1000).for_each(|_| add_gauge(first, -1.0));
        thread::scope(|scope| {
            scope.spawn(up);
            scope.spawn(down);
            scope.spawn(up);
            scope.spawn(down);
        });
        assert_eq!(gauge(first), 0.0);
    }
}

#[test]
fn a_gauge_reads_what_it_was_set_to() {
    for first in everywhere(GAUGE_CELLS) {
        thread::scope(|scope| drop(scope.spawn(|| add_gauge(first, 3.0))));
        for value in [0.1, -0.0, 1e300, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, 0.1] {
            set_gauge(first, value);
            assert_eq!(gauge(first).to_bits(), value.to_bits());
        }
        set_gauge(first, f64::NAN);
        assert!(gauge(first).is_nan());
        add_gauge(first, 1.0);
        assert!(gauge(first).is_nan());
        set_gauge(first, 1.0);
        add_gauge(first, f64::INFINITY);
        assert_eq!(gauge(first), f64::INFINITY);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(f64),
    AddElsewhere(f64),
    Set(f64),
}

fn step() -> impl Strategy<Value = Step> {
    // Quarters, so that the sums are exact in whatever order they are made.
    let quarters = (-4000_i32..4000).prop_map(|n| f64::from(n) / 4.0);
    let wide = prop_oneof![quarters.clone(), Just((1_u64 << 33) as f64), Just(-((1_u64 << 33) as f64))];
    prop_oneof![wide.prop_map(Step::Add), quarters.clone().prop_map(Step::AddElsewhere), quarters.prop_map(Step::Set)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_gauge_is_a_number_to_its_user(steps in prop::collection::vec(step(), 0..40)) {
        let first = reserve(GAUGE_CELLS).expect("cells are left");
        let mut expected = 0.0;
        for step in steps {
            match step {
                Step::Add(value) => {
                    add_gauge(first, value);
                    expected += value;
                }
                Step::AddElsewhere(value) => {
                    thread::scope(|scope| { scope.spawn(|| add_gauge(first, value)); });
                    expected += value;
                }
                Step::Set(value) => {
                    set_gauge(first, value);
                    expected = value;
                }
            }
            prop_assert_eq!(gauge(first), expected);
        }
    }

    #[test]
    fn cells_are_given_out_once_and_side_by_side(
        asked in prop::collection::vec((any::<bool>(), prop_oneof![0..20_usize, 0..=PAGE + 1]), 0..200)
    ) {
        let cells = Cells::new(1, 4 * PAGE);
        let mut given = HashSet::new();
        for (far, n) in asked {
            let first = if far { cells.reserve_far(n) } else { cells.reserve(n) };
            if n == 0 || n > PAGE {
                prop_assert_eq!(first, None);
            }
            if let Some(first) = first {
                let last = first + n as u32 - 1;
                prop_assert_eq!(first as usize / PAGE, last as usize / PAGE, "one page");
                prop_assert!((last as usize) < 4 * PAGE);
                for cell in first..=last {
                    prop_assert!(given.insert(cell), "given out twice");
                    prop_assert!(cells.is_reserved(cell));
                }
            } else if n == 1 {
                // Nothing is left between the ends.
                prop_assert!(cells.reserve(1).is_none() && cells.reserve_far(1).is_none());
            }
        }
    }
}
