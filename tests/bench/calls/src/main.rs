//! What one call costs: counted (A), timed (B), on two threads at once (D), and judged by the detector.
//!
//! `calls [counted|timed|contention|detected]`; all without an argument.

mod limits;
mod ours;
mod peers;

use std::time::{Duration, Instant};

use harness::{Suite, black_box, case, hammer, median};

/// What every annotated function here does.
#[inline(never)]
pub fn work(x: u64) -> u64 {
    x.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (x >> 7)
}

/// The upper bounds of every histogram here.
pub const BUCKETS: [f64; 14] = [1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// A suite that empties the recorder of `metrics` after every sample, as a server does between scrapes.
fn drained(exporter: &metrics_exporter_prometheus::PrometheusHandle) -> Suite {
    let exporter = exporter.clone();
    let mut suite = Suite::default();
    suite.between = Some(Box::new(move || exporter.run_upkeep()));
    suite
}

fn counted(exporter: &metrics_exporter_prometheus::PrometheusHandle) {
    let mut s = drained(exporter);
    case!(s, "`work`, bare (baseline)", |x| work(x));
    case!(s, "LIMIT one shared atomic", |x| {
        limits::shared_add();
        work(x)
    });
    case!(s, "LIMIT a slot per thread, plain load and store", |x| {
        limits::slot_add();
        work(x)
    });
    case!(s, "**ours** `#[instrument(counter = ..)]`", |x| ours::counted(x));
    case!(s, "**ours** `#[instrument(counter = ..)]` -> Result", |x| ours::counted_result(x));
    case!(s, "**ours** `#[instrument(counter = .., on = \"any\")]`", |x| ours::counted_any(x));
    case!(s, "**ours** a kept handle, `inc()`", |x| {
        ours::by_hand();
        work(x)
    });
    case!(s, "**ours** `SESSIONS.with(..).inc()`", |x| {
        ours::by_hand_looked_up();
        work(x)
    });
    case!(s, "prometheus, child kept by hand", |x| {
        peers::prometheus_kept();
        work(x)
    });
    case!(s, "prometheus with_label_values", |x| {
        peers::prometheus_looked_up();
        work(x)
    });
    case!(s, "prometheus-client Family", |x| {
        peers::prometheus_client();
        work(x)
    });
    case!(s, "metrics counter!() with exporter", |x| {
        peers::metrics_counter();
        work(x)
    });
    case!(s, "measured CounterVec, enum label", |x| {
        peers::measured_counter();
        work(x)
    });
    case!(s, "autometrics (counter, histogram)", |x| peers::autometrics(x));
    case!(s, "tracing #[instrument(skip_all)], a registry", |x| peers::tracing(x));
    case!(s, "fastrace #[trace], no local parent", |x| peers::fastrace(x));
    s.run("A. A counted call, literal label");

    let mut s = Suite::default();
    case!(s, "async `work`, bare (baseline)", |x| ours::ready(async { work(x) }));
    case!(s, "**ours** `#[instrument(counter = ..)]`, async", |x| ours::ready(ours::counted_async(x)));
    case!(s, "**ours** counter and histogram, async", |x| ours::ready(ours::both_async(x)));
    case!(s, "autometrics (counter, histogram), async", |x| ours::ready(peers::autometrics_async(x)));
    case!(s, "tracing #[instrument(skip_all)], a registry, async", |x| ours::ready(peers::tracing_async(x)));
    s.run("A, B. async functions, ready at the first poll");
}

fn timed(exporter: &metrics_exporter_prometheus::PrometheusHandle) {
    let mut s = drained(exporter);
    case!(s, "`work`, bare (baseline)", |x| work(x));
    case!(s, "std Instant pair alone", |x| {
        let t = Instant::now();
        let r = work(x);
        black_box(t.elapsed());
        r
    });
    case!(s, "LIMIT TSC pair alone", |x| {
        let t = limits::tsc();
        let r = work(x);
        black_box(limits::tsc().wrapping_sub(t));
        r
    });
    case!(s, "LIMIT TSC pair, a slot per thread", |x| {
        let t = limits::tsc();
        let r = work(x);
        limits::slot_observe(limits::tsc().wrapping_sub(t));
        r
    });
    case!(s, "**ours** `#[instrument(counter, histogram)]`", |x| ours::both(x));
    case!(s, "**ours** `#[instrument(counter, histogram, on = \"any\")]`", |x| ours::both_any(x));
    case!(s, "**ours** `#[instrument(counter, histogram)]` -> Result", |x| ours::both_result(x));
    case!(s, "**ours** `#[track_latency]`", |x| ours::tracked(x));
    case!(s, "**ours** `timer!`", |x| ours::timed_scope(x));
    case!(s, "**ours** a kept handle, `start_timer()`", |x| ours::timed_by_hand(x));
    case!(s, "prometheus, child kept by hand", |x| {
        let t = Instant::now();
        let r = work(x);
        peers::prometheus_observe(t.elapsed());
        r
    });
    case!(s, "prometheus with_label_values", |x| {
        let t = Instant::now();
        let r = work(x);
        peers::prometheus_observe_looked_up(t.elapsed());
        r
    });
    case!(s, "prometheus-client Family", |x| {
        let t = Instant::now();
        let r = work(x);
        peers::prometheus_client_observe(t.elapsed());
        r
    });
    case!(s, "metrics histogram!() with exporter, without its drain", |x| {
        let t = Instant::now();
        let r = work(x);
        peers::metrics_observe(t.elapsed());
        r
    });
    case!(s, "measured HistogramVec, enum label", |x| {
        let t = Instant::now();
        let r = work(x);
        peers::measured_observe(t.elapsed());
        r
    });
    case!(s, "autometrics (counter, histogram)", |x| peers::autometrics(x));
    s.run("B. A timed call, literal label: clock and 14 buckets");
}

type Shared = Box<dyn Fn(u64) + Sync>;

fn contention() {
    const CALLS: u64 = 10_000;
    let d = black_box(Duration::from_micros(30));
    let cases: Vec<(&str, Shared)> = vec![
        ("LIMIT counter, one shared atomic", Box::new(|_| limits::shared_add())),
        ("LIMIT counter, a slot per thread", Box::new(|_| limits::slot_add())),
        (
            "**ours** `#[instrument(counter = ..)]`",
            Box::new(|x| {
                black_box(ours::counted(x));
            }),
        ),
        ("**ours** counter, kept handle", Box::new(|_| ours::by_hand())),
        ("**ours** counter, `SESSIONS.with(..).inc()`", Box::new(|_| ours::by_hand_looked_up())),
        ("prometheus counter, child kept by hand", Box::new(|_| peers::prometheus_kept())),
        ("prometheus counter, with_label_values", Box::new(|_| peers::prometheus_looked_up())),
        ("prometheus-client counter, Family", Box::new(|_| peers::prometheus_client())),
        ("metrics counter!()", Box::new(|_| peers::metrics_counter())),
        ("measured counter, enum label", Box::new(|_| peers::measured_counter())),
        ("LIMIT histogram, a slot per thread", Box::new(|_| limits::slot_observe(black_box(30_000)))),
        (
            "**ours** `#[instrument(counter, histogram)]`",
            Box::new(|x| {
                black_box(ours::both(x));
            }),
        ),
        ("**ours** histogram, kept handle", Box::new(move |_| ours::observe_by_hand(d))),
        ("prometheus histogram, child kept by hand", Box::new(move |_| peers::prometheus_observe(d))),
        ("prometheus histogram, with_label_values", Box::new(move |_| peers::prometheus_observe_looked_up(d))),
        ("prometheus-client histogram, Family", Box::new(move |_| peers::prometheus_client_observe(d))),
        ("measured histogram, enum label", Box::new(move |_| peers::measured_observe(d))),
    ];
    let mut times = vec![(Vec::new(), Vec::new()); cases.len()];
    for _ in 0..61 {
        for ((_, call), (alone, together)) in cases.iter().zip(&mut times) {
            alone.push(hammer(1, CALLS, &**call));
            together.push(hammer(2, CALLS, &**call));
        }
    }
    println!("\n### D. Two threads on one series: ns a call of each, median of 61 bursts of {CALLS}\n");
    println!("| case | 1 thread | 2 threads | slower |\n|---|---|---|---|");
    for ((name, _), (alone, together)) in cases.iter().zip(&mut times) {
        let (alone, together) = (median(alone), median(together));
        println!("| {name} | {alone:.1} | {together:.1} | {:.2}x |", together / alone);
    }
}

/// Beside a clock, which whoever asks the detector reads anyway.
fn detected() {
    use monitor_runtime::anomaly::{Detector, Limits, Observed};
    let mut s = Suite::default();
    case!(s, "`work`, bare (baseline)", |x| work(x));
    case!(s, "LIMIT a pair of `Instant`s", |x| {
        let start = Instant::now();
        (work(x), start.elapsed())
    });
    for (name, milliseconds) in [
        ("a thousand a second", 1),
        ("one a second", 1_000),
        ("one in five seconds", 5_000),
        ("one in ten seconds", 10_000),
        ("one a minute", 60_000),
    ] {
        let (mut detector, mut verdicts) = (Detector::new(Limits::NONE), Vec::new());
        let mut at = 1_767_571_200_000;
        case!(s, format!("**ours** an observation, {name}"), |x| {
            at += milliseconds;
            let latency = 0.02 + (x % 16) as f64 * 1e-3;
            detector.observe(at, latency, Observed::Success, black_box(&mut verdicts));
            verdicts.clear();
            work(x)
        });
    }
    s.run("detected: one observation");
    println!("\n{} bytes a detector", size_of::<Detector>());
}

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    let exporter = peers::prepare();
    let wanted = |name: &str| what.is_empty() || what == name;
    if wanted("counted") {
        counted(&exporter);
    }
    if wanted("timed") {
        timed(&exporter);
    }
    if wanted("detected") {
        detected();
    }
    if wanted("contention") {
        contention();
    }
}
