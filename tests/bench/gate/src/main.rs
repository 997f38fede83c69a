//! The gate: what a call and a scrape of the project cost, in instructions and allocations. Fails when one costs more
//! than its limit.
//!
//! Instructions do not depend on how busy the machine is, so a rise is a change in the code. Time is for the tables of
//! the other benches.
//!
//! `gate [part of a case's name]`.

use std::process::ExitCode;
use std::time::Duration;

use harness::{black_box, heap, instructions, median};
use monitor_runtime::activity::{Activity, Key};
use monitor_runtime::anomaly::{Detector, Limits, Observed};
use monitor_runtime::prometheus::Registry;
use monitor_runtime::{Format, detect_anomalies, instrument, metrics, timer, track_latency};

metrics! {
    /// Sessions opened
    counter SESSIONS = "gate_sessions_total" { auth_method: &'static str };
    /// Sessions by user
    counter USERS = "gate_users_total" { #[label(max = 1000)] user: &str } growth 1_000_000;
    /// Latency in seconds
    histogram LATENCY = "gate_latency_seconds" { auth_method: &'static str };
    /// Latency by user
    histogram USER_LATENCY = "gate_user_latency_seconds" { #[label(max = 1000)] user: &str } growth 1_000_000;
}

/// The most instructions that a case may take: what was measured, and a little more where chance has a part in it.
/// Targets stand in ../README.md. Allocations: none, in any case.
const LIMITS: [(&str, f64, Case); 20] = [
    // The target is 8.
    ("a counted call", 5.0, counted),
    // A macro that is not known may hide a `return`. A guard asks whether the thread panics: 4 of 9.
    ("a counted call whose body has a macro of its own", 9.0, counted_hidden),
    ("the same, that gives a Result", 5.0, counted_result_hidden),
    ("a counted call, on = \"any\"", 5.0, counted_any),
    ("a counted call that gives a Result", 5.0, counted_result),
    ("a counted call, async", 5.0, counted_async),
    ("a handle kept by hand, inc()", 5.0, by_hand),
    ("a timed call: counter and latency", 100.0, both),
    ("a timed call that gives a Result", 100.0, both_result),
    ("a timed call: latency alone", 76.0, tracked),
    ("a timed scope", 98.0, scope),
    // Of every sixteen calls one judges them all.
    ("a watched call", 430.0, watched),
    ("a label value chosen at run time, 10 values", 120.0, run_time_label),
    ("a counted call with such a label, 1 value", 120.0, run_time_label_annotated),
    ("an active user, counted exactly", 230.0, active_exact),
    ("an active user, in the sketch", 205.0, active_sketch),
    // The target is 60 ns, a multiple of the first. The second closes a slice of five seconds with each call, and runs
    // all tests.
    ("an observation of the detector", 152.0, observation),
    ("an observation of an endpoint called every five seconds", 1340.0, rare_observation),
    ("a scrape, by counter", 248.0, scrape_counter),
    ("a scrape, by 14-bucket histogram", 3800.0, scrape_histogram),
];

/// Those whose limit holds only where the clock is the time stamp counter: `Instant` alone takes more.
const TIMED: [&str; 2] = ["a timed ", "a watched "];

type Case = fn() -> Result<Cost, String>;

struct Cost {
    instructions: f64,
    allocations: f64,
}

fn main() -> ExitCode {
    println!("| case | instructions | limit | allocations | |\n|---|---|---|---|---|");
    let mut held = true;
    let clock = std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let by_time_stamp = clock.is_ok_and(|clock| clock.trim_end() == "tsc");
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (name, limit, case) in LIMITS.into_iter().filter(|(name, ..)| name.contains(&wanted)) {
        let cost = match case() {
            Ok(cost) => cost,
            Err(reason) => {
                eprintln!("cannot measure {name}: {reason}");
                return ExitCode::FAILURE;
            }
        };
        let judged = by_time_stamp || !TIMED.iter().any(|timed| name.starts_with(timed));
        let holds = (cost.instructions <= limit || !judged) && cost.allocations == 0.0;
        held &= holds;
        println!(
            "| {name} | {:.1} | {limit} | {:.2} | {} |",
            cost.instructions,
            cost.allocations,
            match (holds, judged) {
                (false, _) => "**over**",
                (true, true) => "",
                (true, false) => "not judged: the kernel keeps no time by the time stamp counter here",
            },
        );
    }
    if held {
        return ExitCode::SUCCESS;
    }
    eprintln!("a case is over its limit: mend the code, or, if what it buys is worth it, the limit in {}", file!());
    ExitCode::FAILURE
}

#[inline(never)]
fn work(x: u64) -> u64 {
    x.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (x >> 7)
}

/// What a call costs over the bare call.
fn over<R, B>(mut bare: impl FnMut(u64) -> B, mut call: impl FnMut(u64) -> R) -> Result<Cost, String> {
    // So many that what is done once in sixteen calls is done as often as it is.
    const CALLS: u64 = 48;
    let bare = instructions(&mut |calls| (0..calls).for_each(|x| drop(black_box(bare(black_box(x))))), CALLS)?;
    let mut calls = |calls| (0..calls).for_each(|x| drop(black_box(call(black_box(x)))));
    let with = instructions(&mut calls, CALLS)?;
    calls(CALLS); // Here the rooms grow; the counted calls above were another process's.
    let (_, heap) = heap(|| calls(CALLS));
    Ok(Cost { instructions: with - bare, allocations: heap.allocations as f64 / CALLS as f64 })
}

fn counted() -> Result<Cost, String> {
    #[instrument(counter = SESSIONS, auth_method = "password")]
    fn call(x: u64) -> u64 {
        work(x)
    }
    over(work, call)
}

macro_rules! worked {
    ($x:expr) => {
        work($x)
    };
}

fn counted_hidden() -> Result<Cost, String> {
    #[instrument(counter = SESSIONS, auth_method = "password")]
    fn call(x: u64) -> u64 {
        worked!(x)
    }
    over(work, call)
}

fn counted_any() -> Result<Cost, String> {
    #[instrument(counter = SESSIONS, auth_method = "password", on = "any")]
    fn call(x: u64) -> u64 {
        work(x)
    }
    over(work, call)
}

fn counted_result() -> Result<Cost, String> {
    fn bare(x: u64) -> Result<u64, String> {
        Ok(work(x))
    }
    #[instrument(counter = SESSIONS, auth_method = "password")]
    fn call(x: u64) -> Result<u64, String> {
        Ok(work(x))
    }
    over(bare, call)
}

fn counted_result_hidden() -> Result<Cost, String> {
    fn bare(x: u64) -> Result<u64, String> {
        Ok(work(x))
    }
    #[instrument(counter = SESSIONS, auth_method = "password")]
    fn call(x: u64) -> Result<u64, String> {
        Ok(worked!(x))
    }
    over(bare, call)
}

fn counted_async() -> Result<Cost, String> {
    async fn bare(x: u64) -> u64 {
        work(x)
    }
    #[instrument(counter = SESSIONS, auth_method = "password")]
    async fn call(x: u64) -> u64 {
        work(x)
    }
    over(|x| ready(bare(x)), |x| ready(call(x)))
}

/// The value of a future that never waits.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

fn by_hand() -> Result<Cost, String> {
    let series = SESSIONS.with(SESSIONS { auth_method: "password" });
    over(work, move |x| {
        series.inc();
        work(x)
    })
}

fn both() -> Result<Cost, String> {
    #[instrument(counter = SESSIONS, histogram = LATENCY, auth_method = "password")]
    fn call(x: u64) -> u64 {
        work(x)
    }
    over(work, call)
}

fn both_result() -> Result<Cost, String> {
    fn bare(x: u64) -> Result<u64, String> {
        Ok(work(x))
    }
    #[instrument(counter = SESSIONS, histogram = LATENCY, auth_method = "password")]
    fn call(x: u64) -> Result<u64, String> {
        Ok(work(x))
    }
    over(bare, call)
}

fn tracked() -> Result<Cost, String> {
    #[track_latency(LATENCY, auth_method = "password")]
    fn call(x: u64) -> u64 {
        work(x)
    }
    over(work, call)
}

fn scope() -> Result<Cost, String> {
    over(work, |x| {
        let _timer = timer!(LATENCY, auth_method = "password");
        work(x)
    })
}

fn watched() -> Result<Cost, String> {
    fn bare(x: u64) -> Result<u64, String> {
        Ok(work(x))
    }
    #[detect_anomalies("gate", latency_threshold = 60)]
    fn call(x: u64) -> Result<u64, String> {
        Ok(work(x))
    }
    over(bare, call)
}

/// In families of the same declaration, because each keys its hashes by chance: the median stands for all.
fn run_time_label() -> Result<Cost, String> {
    let users = users(10);
    let mut costs = Vec::new();
    for _ in 0..9 {
        let family = USERS.in_registry(&Registry::new()).map_err(|error| error.to_string())?;
        costs.push(over(
            |x| users[x as usize % 10].len(),
            |x| {
                let user = &users[x as usize % 10];
                family.with(USERS { user }).inc();
                user.len()
            },
        )?);
    }
    let mut instructions: Vec<f64> = costs.iter().map(|cost| cost.instructions).collect();
    let allocations = costs.iter().map(|cost| cost.allocations).sum();
    Ok(Cost { instructions: median(&mut instructions), allocations })
}

fn run_time_label_annotated() -> Result<Cost, String> {
    #[inline(never)]
    fn bare(user: &str) -> usize {
        user.len()
    }
    #[instrument(counter = USERS, user = user)]
    fn call(user: &str) -> usize {
        bare(user)
    }
    // There is one table behind the attribute, and where ten values fall in it is chance.
    let user = &users(1)[0];
    over(|_| bare(user), |_| call(user))
}

/// Label values of 13 bytes.
fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("user-{number:08}")).collect()
}

fn active_exact() -> Result<Cost, String> {
    active(100_000)
}

fn active_sketch() -> Result<Cost, String> {
    active(1)
}

/// The clock stands still, and the key is no chance: what other clocks cost is not of interest here.
fn active(exact_up_to: usize) -> Result<Cost, String> {
    let builder = Activity::builder().registry(&Registry::new()).key(Key::from_secret("of sixteen bytes"));
    let activity =
        builder.exact_up_to(exact_up_to).clock(|| Duration::ZERO).build().map_err(|error| error.to_string())?;
    let users = users(10_000);
    users.iter().for_each(|user| activity.seen(user));
    over(
        |x| users[x as usize * 97 % 10_000].len(),
        |x| {
            let user = &users[x as usize * 97 % 10_000];
            activity.seen(user);
            user.len()
        },
    )
}

fn observation() -> Result<Cost, String> {
    observed_every(1)
}

fn rare_observation() -> Result<Cost, String> {
    observed_every(5_000)
}

/// One observation of a detector that has learned, after so many milliseconds.
fn observed_every(milliseconds: u64) -> Result<Cost, String> {
    let mut detector = Detector::new(Limits::NONE);
    let mut verdicts = Vec::new();
    let mut at = 1_767_571_200_000;
    let mut observe = move |x: u64, after: u64| {
        at += after;
        let latency = 0.02 + (x % 16) as f64 * 1e-3;
        detector.observe(at, latency, Observed::Success, black_box(&mut verdicts));
        verdicts.clear();
        work(x)
    };
    // Four days, and the ten minutes after which they are learned.
    (0..4 * 17_280 + 130).for_each(|x| {
        black_box(observe(x, 5_000));
    });
    over(work, move |x| observe(x, milliseconds))
}

fn scrape_counter() -> Result<Cost, String> {
    by_series(50, |registry, users| {
        let family = USERS.in_registry(registry).map_err(|error| error.to_string())?;
        for (number, user) in users.iter().enumerate() {
            family.with(USERS { user }).add(number as u64 * 7919);
        }
        Ok(())
    })
}

fn scrape_histogram() -> Result<Cost, String> {
    by_series(8, |registry, users| {
        let family = USER_LATENCY.in_registry(registry).map_err(|error| error.to_string())?;
        for (number, user) in users.iter().enumerate() {
            let series = family.with(USER_LATENCY { user });
            (0..50).for_each(|call| series.observe((number + call * call) as f64 * 1e-3));
        }
        Ok(())
    })
}

/// What each series adds to a page: a page with three times `few` series, less one with `few`.
fn by_series(few: usize, fill: impl Fn(&Registry, &[String]) -> Result<(), String>) -> Result<Cost, String> {
    let scrape = |count: usize| -> Result<Cost, String> {
        let registry = Registry::new();
        fill(&registry, &users(count))?;
        let mut page = Vec::new();
        let mut scrapes = |times| {
            for _ in 0..times {
                page.clear();
                // A vector takes everything.
                let _ = monitor_runtime::encode(&registry, Format::Text, &mut page);
            }
        };
        let instructions = instructions(&mut scrapes, 1)?;
        scrapes(1);
        let (_, heap) = heap(|| scrapes(1));
        Ok(Cost { instructions, allocations: heap.allocations as f64 })
    };
    let (small, large) = (scrape(few)?, scrape(3 * few)?);
    Ok(Cost {
        instructions: (large.instructions - small.instructions) / (2 * few) as f64,
        // Those of the whole page, not of a series: there should be none at all.
        allocations: large.allocations,
    })
}
