//! A call that is dropped, wherever it stands: it gives back what it held, or its capture goes on without it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use monitor_runtime::credits::CreditsError;
use monitor_runtime::with_credits;

use crate::support::{Fault, Faults, Purse, poll_and_drop, turns};

/// Bodies that began, and that came to their end.
#[derive(Default)]
struct Bodies {
    began: AtomicU32,
    ended: AtomicU32,
}

#[with_credits(cost = 5, operation = "cancelled")]
async fn work(bodies: &Bodies, pauses: u32) -> Result<(), CreditsError> {
    bodies.began.fetch_add(1, SeqCst);
    turns(pauses).await;
    bodies.ended.fetch_add(1, SeqCst);
    Ok(())
}

#[test]
fn a_call_dropped_at_any_of_its_awaits_pays_if_its_body_had_ended_and_only_then() {
    const POLLS_MAX: usize = 40;
    let slow = |polls| if polls == 0 { Fault::None } else { Fault::Slow(polls) };
    let mut dropped = 0;
    for (hold, pauses, capture) in [(0, 0, 0), (3, 0, 0), (0, 3, 0), (0, 0, 3), (2, 3, 4)] {
        let purse = Purse::with(1_000);
        let (bodies, mut paid) = (Bodies::default(), 0);
        Faults::set(&purse.faults.hold, slow(hold));
        Faults::set(&purse.faults.capture, slow(capture));
        for polls in 0..POLLS_MAX {
            let began = bodies.began.load(SeqCst);
            let ended = bodies.ended.load(SeqCst);
            let value = poll_and_drop(purse.scope().around(work(&bodies, pauses)), polls);
            let ended = bodies.ended.load(SeqCst) > ended;
            assert!(polls > 0 || bodies.began.load(SeqCst) == began, "a future that is never polled does nothing");
            assert_ne!(value.as_ref().map(Result::is_ok), Some(false), "{value:?}");
            assert!(ended || value.is_none(), "a value without a body");
            dropped += u32::from(value.is_none());
            paid += i64::from(ended) * 5;
            purse.settles_at(paid);
            if value.is_some() {
                break;
            }
        }
        assert!(paid > 0, "it came to its end within {POLLS_MAX} polls");
    }
    assert!(dropped > 15, "it was dropped {dropped} times");
}

#[test]
fn a_call_that_panics_gives_back_what_it_held_and_the_panic_goes_on() {
    #[with_credits(cost = 5, operation = "panics")]
    async fn panics(later: bool) -> Result<(), CreditsError> {
        if later {
            turns(1).await;
        }
        panic!("on purpose");
    }
    #[with_credits(cost = 5, operation = "panics at once")]
    fn panics_at_once() -> Result<(), CreditsError> {
        panic!("on purpose");
    }
    let purse = Purse::with(5);
    for later in [false, true] {
        let caught = catch_unwind(AssertUnwindSafe(|| poll_and_drop(purse.scope().around(panics(later)), 9)));
        assert!(caught.is_err());
        purse.settles_at(0);
    }
    assert!(catch_unwind(AssertUnwindSafe(|| purse.scope().run(panics_at_once))).is_err());
    purse.settles_at(0);
}

#[tokio::test]
async fn a_call_that_takes_too_long_gives_back_what_it_held() {
    #[with_credits(cost = 5, operation = "takes too long")]
    async fn never() -> Result<(), CreditsError> {
        std::future::pending().await
    }
    let purse = Purse::with(5);
    let timed = tokio::time::timeout(Duration::from_millis(20), purse.scope().around(never())).await;
    assert!(timed.is_err());
    purse.settles_at(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_aborted_gives_back_what_it_held() {
    #[with_credits(cost = 1, operation = "aborted")]
    async fn never(begun: tokio::sync::mpsc::UnboundedSender<()>) -> Result<(), CreditsError> {
        let _ = begun.send(());
        std::future::pending().await
    }
    let purse = Purse::with(50);
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(purse.scope().around(never(begun.clone())))).collect();
    for _ in 0..50 {
        begins.recv().await.expect("a body begins");
    }
    assert_eq!(purse.balance().held, 50);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    for task in tasks {
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }
    purse.settles_at(0);
}
