//! Every order in which few threads can meet in the windows.

use loom::sync::Arc;
use loom::thread;

use super::*;

/// All orders with at most `preemptions` threads stopped against their will.
fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(check);
}

const WIDEST: u32 = 10;
const NOW: u32 = WIDEST + 2;

/// Precision 36 leaves a tag one bit for ranks; these tags differ in it, and in their register.
fn tag(user: u64) -> Tag {
    Tag::from_bits(user)
}

fn count(windows: &Windows, now: u32) -> u64 {
    windows.counts(&[now - WIDEST], now)[0]
}

#[test]
fn loom_a_user_new_to_two_threads_is_one() {
    model(3, || {
        let windows = Arc::new(Windows::new(8, 1, WIDEST));
        let other = {
            let windows = windows.clone();
            thread::spawn(move || windows.record(tag(3), NOW))
        };
        windows.record(tag(3), NOW + 1);
        other.join().expect("no panic");
        assert_eq!(count(&windows, NOW + 1), 1);
        // And the later second is kept.
        assert_eq!(count(&windows, NOW + 1 + WIDEST), 1);
    });
}

#[test]
fn loom_two_threads_that_take_two_slots_for_one_user_leave_one() {
    model(3, || {
        let windows = Arc::new(Windows::new(8, 1, WIDEST));
        // Alone in its slot, and out of the window for the thread that reads the later second only.
        windows.record(tag(1), NOW);
        let other = {
            let windows = windows.clone();
            thread::spawn(move || windows.record(tag(2), NOW + WIDEST))
        };
        windows.record(tag(2), NOW + WIDEST + 1);
        other.join().expect("no panic");
        assert_eq!(count(&windows, NOW + WIDEST + 1), 1);
    });
}

#[test]
fn loom_a_user_who_comes_back_while_its_slot_is_taken_is_kept() {
    model(3, || {
        let windows = Arc::new(Windows::new(8, 1, WIDEST));
        windows.record(tag(1), NOW);
        let later = NOW + WIDEST + 1;
        let other = {
            let windows = windows.clone();
            thread::spawn(move || windows.record(tag(2), later))
        };
        windows.record(tag(1), later);
        other.join().expect("no panic");
        assert_eq!(count(&windows, later), 2);
    });
}

#[test]
fn loom_no_user_is_lost_when_the_table_is_left() {
    model(3, || {
        // For one user: the second one makes it go over to the sketch.
        let windows = Arc::new(Windows::new(1, 1, WIDEST));
        windows.record(tag(0b00), NOW);
        let other = {
            let windows = windows.clone();
            // Back at a later second, which only the sketch may get to know.
            thread::spawn(move || windows.record(tag(0b00), NOW + 1))
        };
        windows.record(tag(0b01), NOW);
        other.join().expect("no panic");
        let sketch = windows.sketch();
        let mut cells = Vec::new();
        windows.finish_leaving(NOW + 1);
        sketch.for_each_cell(NOW - WIDEST, &mut |register, _, second| cells.push((register, second)));
        assert_eq!(cells, [(0, NOW + 1), (1, NOW)]);
    });
}

#[test]
fn loom_who_counts_while_the_table_is_left_misses_nobody() {
    model(2, || {
        let windows = Arc::new(Windows::new(1, 1, WIDEST));
        windows.record(tag(0b00), NOW);
        let other = {
            let windows = windows.clone();
            thread::spawn(move || windows.record(tag(0b01), NOW))
        };
        thread::yield_now();
        // Of two registers both are taken or, before the second user, one.
        let before = count(&windows, NOW);
        other.join().expect("no panic");
        assert!(before >= 1, "{before}");
    });
}

/// Leaves the table for one user too many, and waits until the sketch is empty again.
fn left() -> Windows {
    let windows = Windows::new(2, 1, WIDEST);
    (0..3).for_each(|user| windows.record(tag(user), NOW));
    assert_eq!(windows.structure(), Structure::Sketch);
    windows
}

#[test]
fn loom_who_is_seen_when_the_way_back_begins_is_in_the_table_at_its_end() {
    model(3, || {
        let windows = Arc::new(left());
        let begin = NOW + WIDEST + 1;
        let clock = Arc::new(AtomicU32::new(begin));
        let other = {
            let (windows, clock) = (windows.clone(), clock.clone());
            thread::spawn(move || {
                // A second passes, and then somebody is seen.
                let second = clock.fetch_add(1, SeqCst) + 1;
                windows.record(tag(3), second);
                second
            })
        };
        windows.tend(0, || clock.load(SeqCst));
        let second = other.join().expect("no panic");
        // Each second from then on somebody asks.
        for now in begin + WIDEST..begin + WIDEST + 4 {
            windows.tend(0, || now);
            if windows.structure() == Structure::Exact {
                assert_eq!(count(&windows, now), u64::from(second >= now - WIDEST));
            }
        }
        assert_eq!(windows.structure(), Structure::Exact);
    });
}

#[test]
fn loom_no_user_is_lost_when_the_table_is_taken_and_left_again() {
    model(2, || {
        let windows = Arc::new(left());
        let now = NOW + 3 * WIDEST;
        windows.tend(0, || NOW + WIDEST + 1);
        let other = {
            let windows = windows.clone();
            thread::spawn(move || windows.record(tag(0b00), now))
        };
        windows.tend(0, || now);
        assert_eq!(windows.structure(), Structure::Exact);
        // Left for another's cell.
        assert!(windows.merge_cell(1, 0, now, now));
        other.join().expect("no panic");
        assert_eq!(windows.structure(), Structure::Sketch);
        windows.finish_leaving(now);
        let mut registers = Vec::new();
        windows.sketch().for_each_cell(now, &mut |register, _, _| registers.push(register));
        assert_eq!(registers, [0, 1]);
    });
}
