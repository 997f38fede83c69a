//! What it costs to know who is here (J): an update, all windows, memory and error, beside sets and other sketches.
//!
//! `users [updates|parts|memory]`; all without an argument. `USERS` is the most users, 10,000,000 if it is not set.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cardinality_estimator::CardinalityEstimator;
use harness::{Suite, black_box, cpu_ns, heap};
use hyperloglogplus::{HyperLogLog, HyperLogLogPlus};
use monitor_runtime::activity::{Activity, Builder, Key};
use monitor_runtime::prometheus::Registry;

mod parts;

const WINDOWS: usize = 5;

fn main() {
    let wanted = std::env::args().nth(1);
    if wanted.as_deref().is_none_or(|wanted| wanted == "updates") {
        updates(100_000);
        updates(1_000_000);
    }
    if wanted.as_deref().is_none_or(|wanted| wanted == "parts") {
        parts::run(ids(100_000));
    }
    if wanted.as_deref().is_none_or(|wanted| wanted == "memory") {
        memory();
    }
}

/// With a clock that a second passes on every so many readings; never, for 0.
fn ours(exact_up_to: usize, readings_a_second: u64) -> Activity {
    let readings = Arc::new(AtomicU64::new(0));
    let clock = move || match readings_a_second {
        0 => Duration::ZERO,
        n => Duration::from_secs((readings.fetch_add(1, Relaxed) / n).min(3_000)),
    };
    settings(exact_up_to).clock(clock).build().expect("the settings are right")
}

/// As an application has it.
fn by_its_own_clock(exact_up_to: usize) -> Activity {
    settings(exact_up_to).build().expect("the settings are right")
}

fn settings(exact_up_to: usize) -> Builder {
    let builder = Activity::builder().registry(&Registry::new()).key(Key::from_secret("of sixteen bytes"));
    builder.exact_up_to(exact_up_to)
}

/// Ids of 13 bytes.
fn id(user: u64) -> [u8; 13] {
    let mut id = *b"user-00000000";
    let mut rest = user;
    for digit in id[5..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    id
}

fn ids(users: u64) -> &'static [[u8; 13]] {
    (0..users).map(id).collect::<Vec<_>>().leak()
}

/// Calls `case` so often, each time with the number of another user.
fn at_random(users: u64, calls: u64, mut case: impl FnMut(usize)) {
    thread_local! {
        static RANDOM: Cell<u64> = const { Cell::new(0x2545_F491_4F6C_DD1D) };
    }
    let mut random = RANDOM.get();
    for _ in 0..calls {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        case(((random >> 32) * users >> 32) as usize);
    }
    RANDOM.set(random);
}

fn updates(users: u64) {
    let ids = ids(users);
    let mut s = Suite::default();
    let mut add = |name: &str, mut case: Box<dyn FnMut(&'static [u8; 13])>| {
        ids.iter().for_each(&mut case);
        s.add(name, move |calls| at_random(users, calls, |user| case(black_box(&ids[user]))));
    };
    add(
        "a random id, its bytes read (baseline)",
        Box::new(|id| {
            black_box(*id);
        }),
    );
    let state = RandomState::new();
    add(
        "its SipHash-1-3 alone, as std has it",
        Box::new(move |id| {
            black_box(state.hash_one(id));
        }),
    );
    let exact = ours(users as usize, 0);
    add("**ours**, exact: seen in this second before", Box::new(move |id| exact.seen(id)));
    let exact = by_its_own_clock(users as usize);
    add("**ours**, exact: by the clock of the process", Box::new(move |id| exact.seen(id)));
    let exact = ours(users as usize, 1 << 10);
    add("**ours**, exact: a second passes every 1,024 calls", Box::new(move |id| exact.seen(id)));
    let sketch = ours(1, 0);
    add("**ours**, sketch: seen in this second before", Box::new(move |id| sketch.seen(id)));
    let sketch = by_its_own_clock(1);
    add("**ours**, sketch: by the clock of the process", Box::new(move |id| sketch.seen(id)));
    let sketch = ours(1, 1 << 10);
    add("**ours**, sketch: a second passes every 1,024 calls", Box::new(move |id| sketch.seen(id)));
    let mut sets: [HashSet<[u8; 13]>; WINDOWS] = Default::default();
    add(
        "a HashSet a window, which forgets nobody",
        Box::new(move |id| {
            sets.iter_mut().for_each(|set| {
                set.insert(*id);
            })
        }),
    );
    let map: Mutex<HashMap<[u8; 13], u64>> = Mutex::default();
    let insert = move |id: &[u8; 13]| {
        map.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, 1);
    };
    add("a locked HashMap to the last second", Box::new(insert));
    let mut peer = HyperLogLogPlus::<[u8; 13], _>::new(14, RandomState::new()).expect("14 is a precision");
    add("hyperloglogplus, p = 14: one set, no windows", Box::new(move |id| peer.insert(id)));
    let mut peer = CardinalityEstimator::<[u8; 13], Hasher, 14, 6>::new();
    add("cardinality-estimator, p = 14: one set, no windows", Box::new(move |id| peer.insert(id)));
    s.run(&format!("J. An update, {users} users"));

    let mut s = Suite::default();
    let mut add = |name: &str, activity: Activity| {
        ids.iter().for_each(|id| activity.seen(id));
        s.add(name, move |calls| (0..calls).for_each(|_| drop(black_box(activity.snapshot()))));
    };
    add("**ours**, exact", ours(users as usize, 1 << 10));
    add("**ours**, sketch", ours(1, 1 << 10));
    s.run(&format!("J. All {WINDOWS} windows, {users} users"));
}

type Hasher = std::collections::hash_map::DefaultHasher;

fn memory() {
    let most = std::env::var("USERS").ok().and_then(|users| users.parse().ok()).unwrap_or(10_000_000_u64);
    println!("\n### J. Memory for {WINDOWS} windows, and error\n");
    println!("| users | what | MiB | error | ns an update, ids made included |\n|---|---|---|---|---|");
    let mut users = 100_000;
    while users <= most {
        let row = |name: &str, windows: usize, fill: &mut dyn FnMut() -> (Box<dyn std::any::Any>, f64)| {
            let start = cpu_ns();
            let ((kept, count), room) = heap(fill);
            let ns = (cpu_ns() - start) / users as f64;
            let mib = room.kept as f64 * windows as f64 / f64::from(1 << 20);
            println!("| {users} | {name} | {mib:.2} | {:+.2} % | {ns:.0} |", (count / users as f64 - 1.0) * 100.0);
            drop(kept);
        };
        let mut sketched = || {
            let activity = ours(100_000, 0);
            (0..users).for_each(|user| activity.seen(id(user)));
            let count = activity.snapshot().users[0] as f64;
            (Box::new(activity) as _, count)
        };
        row("**ours**: exact to 100,000, then the sketch", 1, &mut sketched);
        let mut exact = || {
            let activity = ours(users as usize, 0);
            (0..users).for_each(|user| activity.seen(id(user)));
            let count = activity.snapshot().users[0] as f64;
            (Box::new(activity) as _, count)
        };
        row("**ours**: exact to so many", 1, &mut exact);
        let mut set = || {
            let state = RandomState::new();
            let set: HashSet<u64> = (0..users).map(|user| state.hash_one(id(user))).collect();
            let count = set.len() as f64;
            (Box::new(set) as _, count)
        };
        row("a HashSet of hashes a window", WINDOWS, &mut set);
        let mut plus = || {
            let mut peer = HyperLogLogPlus::<[u8; 13], _>::new(14, RandomState::new()).expect("14 is a precision");
            (0..users).for_each(|user| peer.insert(&id(user)));
            let count = peer.count();
            (Box::new(peer) as _, count)
        };
        row("hyperloglogplus, one that never forgets", 1, &mut plus);
        let mut estimator = || {
            let mut peer = CardinalityEstimator::<[u8; 13], Hasher, 14, 6>::new();
            (0..users).for_each(|user| peer.insert(&id(user)));
            let count = peer.estimate() as f64;
            (Box::new(peer) as _, count)
        };
        row("cardinality-estimator, one that never forgets", 1, &mut estimator);
        users *= 10;
    }
}
