//! `assert_delta!` beside any number of threads: more than have rows of their own for what they count.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use monitor_runtime::{assert_delta, metrics};

metrics! {
    /// What every thread counts at the same time
    counter BUSY = "deltas_busy_total" { kind: &'static str };
    /// What every thread observes at the same time
    histogram TIMES = "deltas_seconds" { kind: &'static str };
    /// What every thread raises and lowers at the same time
    gauge LEVEL = "deltas_level" { kind: &'static str };
}

const THREADS: usize = 400;

#[test]
fn a_delta_is_exact_beside_any_number_of_threads() {
    let there = Barrier::new(THREADS);
    let each = || {
        // Each has counted, and so has its row, if there is one for it, before any of them measures.
        BUSY.with(BUSY { kind: "all" }).inc();
        there.wait();
        for round in 0..50_u32 {
            assert_delta!(BUSY { kind: "all" }, 2, {
                BUSY.with(BUSY { kind: "all" }).inc();
                thread::yield_now();
                BUSY.with(BUSY { kind: "all" }).inc();
            });
            assert_delta!(TIMES { kind: "all" }, 1, {
                TIMES.with(TIMES { kind: "all" }).observe_duration(Duration::from_millis(round.into()));
                thread::yield_now();
            });
            assert_delta!(LEVEL { kind: "all" }, -1, {
                LEVEL.with(LEVEL { kind: "all" }).dec();
                thread::yield_now();
            });
            assert_delta!(BUSY { kind: "none" }, 0, LEVEL.with(LEVEL { kind: "all" }).inc());
        }
        there.wait();
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let small = thread::Builder::new().stack_size(256 * 1024);
            small.spawn_scoped(scope, each).expect("a thread");
        }
    });
    assert_eq!(BUSY.with(BUSY { kind: "all" }).value(), (THREADS * 101) as u64, "and nothing is lost");
    assert_eq!(LEVEL.with(LEVEL { kind: "all" }).value(), 0.0);
}
