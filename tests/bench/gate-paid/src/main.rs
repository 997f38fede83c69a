//! The gate on paid calls: what `#[with_credits]` adds to a hold and a capture that are written by hand, in instructions
//! and allocations. Fails when it adds more than its limit.
//!
//! The ledger is the one in memory, so that nothing but the call is measured; with a ledger on a disk both wait for it.

use std::process::ExitCode;

use harness::{black_box, heap, instructions, median};
use monitor_runtime::credits::{AccountId, Credits, CreditsError, Grant, Memory, Operation};
use monitor_runtime::scope::Scope;
use monitor_runtime::with_credits;

type Answer = Result<u64, CreditsError>;

/// The most that the attribute may add: what was measured (2,102) and a tenth more, because what a ledger's tables cost is
/// chance. The allocations are the body's scope, its charge, and the account's name.
const ADDED_INSTRUCTIONS: f64 = 2_312.0;
const ADDED_ALLOCATIONS: f64 = 3.0;

#[inline(never)]
fn work(x: u64) -> u64 {
    black_box(x).wrapping_mul(0x9e37_79b9)
}

async fn by_hand(credits: &Credits, account: &AccountId, operation: &Operation, x: u64) -> Answer {
    let held = credits.hold(account, operation, 1).await?;
    let value = work(x);
    held.capture().await?;
    Ok(value)
}

#[with_credits(cost = 1, operation = "report")]
async fn of_the_scope(x: u64) -> Answer {
    Ok(work(x))
}

#[with_credits(cost = 1, operation = "report", account = account, ledger = credits)]
async fn as_written(credits: &Credits, account: &AccountId, x: u64) -> Answer {
    let _ = (credits, account);
    Ok(work(x))
}

#[with_credits(cost = 0, operation = "free")]
async fn free(x: u64) -> Answer {
    Ok(work(x))
}

struct Cost {
    instructions: f64,
    allocations: f64,
}

fn main() -> ExitCode {
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("cannot measure paid calls: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// An account in a ledger of its own.
#[derive(Clone)]
struct Purse {
    credits: Credits,
    account: AccountId,
    operation: Operation,
    scope: Scope,
}

impl Purse {
    fn new() -> Result<Purse, CreditsError> {
        let credits = Credits::new(Memory::new());
        let account = AccountId::new("ada")?;
        credits.grant(Grant::new(account.clone(), 1_000_000)).wait()?;
        let scope = Scope::of("ada").ledger(credits.clone());
        Ok(Purse { credits, account, operation: Operation::new("report")?, scope })
    }
}

fn measure() -> Result<bool, String> {
    let hand = cost(|purse, x| ready(by_hand(&purse.credits, &purse.account, &purse.operation, x)))?;
    let scoped = cost(|purse, x| purse.scope.run(|| ready(of_the_scope(x))))?;
    let written = cost(|purse, x| ready(as_written(&purse.credits, &purse.account, x)))?;
    let free = cost(|_, x| ready(free(x)))?;

    println!("| a paid call, ledger in memory | instructions | over by hand | ratio | allocations | over by hand | |");
    println!("|---|---|---|---|---|---|---|");
    let mut held = true;
    let rows = [
        ("hold and capture by hand", &hand),
        ("`#[with_credits]`, account and ledger of the scope", &scoped),
        ("`#[with_credits]`, both as arguments", &written),
        ("`#[with_credits(cost = 0)]`", &free),
    ];
    for (name, cost) in rows {
        let (instructions, allocations) = (cost.instructions - hand.instructions, cost.allocations - hand.allocations);
        let holds = instructions <= ADDED_INSTRUCTIONS && allocations <= ADDED_ALLOCATIONS;
        held &= holds;
        println!(
            "| {name} | {:.0} | {instructions:.0} | {:.2} | {:.1} | {allocations:.1} | {} |",
            cost.instructions,
            cost.instructions / hand.instructions,
            cost.allocations,
            if holds { "" } else { "**over**" },
        );
    }
    Ok(held)
}

/// The median of some runs. Each has a ledger of its own, because its tables are keyed by chance, and so many calls that
/// none of them grows while it is measured.
fn cost(call: impl Fn(&Purse, u64) -> Option<Answer>) -> Result<Cost, String> {
    const CALLS: u64 = 8;
    const BEFORE: u64 = 65;
    const RUNS: usize = 3;
    let mut counts = Vec::new();
    let mut allocations = Vec::new();
    for _ in 0..RUNS {
        let paid = |purse: &Purse, calls| {
            for x in 0..calls {
                let answer = call(purse, black_box(x));
                assert!(answer.is_some_and(|answer| answer.is_ok()), "a call in memory is ready and paid");
            }
        };
        // Instructions are counted in a forked child, where a ledger that its parent opened refuses every step: the
        // child opens one of its own, before it is counted.
        let mut own: Option<(u32, Purse)> = None;
        let mut calls = |calls| {
            let process = std::process::id();
            if own.as_ref().is_none_or(|(opened, _)| *opened != process) {
                let purse = Purse::new().expect("a ledger in memory");
                paid(&purse, BEFORE);
                std::mem::forget(own.replace((process, purse)));
            }
            if let Some((_, purse)) = &own {
                paid(purse, calls);
            }
        };
        calls(0);
        counts.push(instructions(&mut calls, CALLS)?);
        allocations.push(heap(|| calls(CALLS)).1.allocations as f64 / CALLS as f64);
    }
    Ok(Cost { instructions: median(&mut counts), allocations: median(&mut allocations) })
}

/// The value of a future that never waits.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
