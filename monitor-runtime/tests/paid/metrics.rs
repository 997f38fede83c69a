//! The page of metrics agrees with the journal, whatever the store did meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use monitor_runtime::credits::{self, CreditsError};
use monitor_runtime::scope::Scope;
use monitor_runtime::{sample_value, with_credits};

use crate::support::{Fault, Faults, Purse, eventually, poll_and_drop, turns};

const OPERATION: &str = "reconciled";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Well,
    WithLess,
    WithNothing,
    Badly,
}

#[with_credits(cost = cost, operation = OPERATION)]
async fn work(cost: u32, ends: Ends) -> Result<(), CreditsError> {
    turns(cost % 3).await;
    match ends {
        Ends::Well => Ok(()),
        Ends::WithLess => credits::charge(1),
        Ends::WithNothing => credits::charge(0),
        Ends::Badly => Err(CreditsError::NoHold),
    }
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn the_counter_of_usage_agrees_with_the_journal_exactly() {
    let purses: Vec<Arc<Purse>> = (0..4).map(|_| Arc::new(Purse::with(3_000))).collect();
    let threads: Vec<_> = purses
        .iter()
        .enumerate()
        .map(|(seed, purse)| {
            let purse = purse.clone();
            std::thread::spawn(move || {
                let mut dice = Dice(seed as u64 + 1);
                for _ in 0..1_500 {
                    let mut fault = |often| match dice.roll(often) {
                        0 => Fault::Before,
                        1 => Fault::After,
                        2 => Fault::Slow(2),
                        _ => Fault::None,
                    };
                    let (hold, capture, void) = (fault(12), fault(12), fault(6));
                    Faults::set(&purse.faults.hold, hold);
                    Faults::set(&purse.faults.capture, capture);
                    Faults::set(&purse.faults.void, void);
                    let ends = [Ends::Well, Ends::WithLess, Ends::WithNothing, Ends::Badly][dice.roll(4) as usize];
                    let cost = dice.roll(6) as u32;
                    let polls = if dice.roll(4) == 0 { dice.roll(6) as usize } else { 64 };
                    let _ = poll_and_drop(purse.scope().around(work(cost, ends)), polls);
                }
                purse.faults.all(Fault::None);
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    for purse in &purses {
        eventually("all is settled", || purse.balance().held == 0);
        let captured = purse.captured();
        assert!(captured > 500, "{captured} is too little to mean something");
        let used = || sample_value("credit_usage_total", &[("operation", OPERATION), ("user_id", &purse.name)]);
        eventually("what is captured is counted", || used() == Some(captured as f64));
        purse.settles_at(captured);
    }
}

#[test]
fn each_body_that_ran_is_timed_and_each_refusal_counted_by_its_reason() {
    #[with_credits(cost = cost, operation = "timed")]
    fn timed(cost: i64) -> Result<(), CreditsError> {
        if cost == 3 { Err(CreditsError::NoHold) } else { Ok(()) }
    }
    let purse = Purse::with(10);
    purse.scope().run(|| [0, 1, 2, 3].map(timed).map(drop));
    let _ = (purse.scope().run(|| timed(100)), purse.scope().run(|| timed(-1)));
    let _ = (timed(1), Scope::NOBODY.run(|| timed(1)));
    Faults::set(&purse.faults.hold, Fault::Before);
    let _ = purse.scope().run(|| timed(1));
    let count = |name, labels: &[(&str, &str)]| sample_value(name, labels).unwrap_or_default();
    assert_eq!(count("credit_operation_latency_seconds_count", &[("operation", "timed")]), 4.0);
    let refusals: BTreeMap<_, _> = ["no_account", "no_scope", "insufficient", "invalid", "unavailable", "duplicate"]
        .map(|reason| (reason, count("credit_refusals_total", &[("operation", "timed"), ("reason", reason)])))
        .into();
    let expected = [
        ("no_account", 1.0),
        ("no_scope", 1.0),
        ("insufficient", 1.0),
        ("invalid", 1.0),
        ("unavailable", 1.0),
        ("duplicate", 0.0),
    ];
    assert_eq!(refusals, expected.into());
    purse.settles_at(3);
}
