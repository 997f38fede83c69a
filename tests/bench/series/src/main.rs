//! What a family costs with many series: a label value chosen at run time (C), a scrape and the memory kept (E, F).
//!
//! `series [dynamic|threads|scrape] [CASE]`; all of it without an argument. A scrape is of all libraries, or of those with
//! CASE in their name.

mod ours;
mod peers;

use harness::{Heap, Suite, black_box, cpu_ns, heap, instructions, median};

/// The upper bounds of every histogram here.
pub const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Label values of 13 bytes.
fn keys(count: usize) -> &'static [String] {
    let key = |number: usize| format!("user-{:08}", (number as u64 * 7_919_331) % 100_000_000);
    (0..count).map(key).collect::<Vec<_>>().leak()
}

/// Counts one event of a user.
type Count = Box<dyn FnMut(&'static str)>;

fn dynamic() {
    for count in [1, 10, 1000] {
        let keys = keys(count);
        let mut s = Suite::default();
        let mut add = |name: &str, mut case: Count| {
            keys.iter().for_each(|key| case(key));
            let mut random = 0x2545_F491_4F6C_DD1D_u64;
            s.add(name, move |calls| {
                for _ in 0..calls {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    case(black_box(&keys[((random >> 32) * count as u64 >> 32) as usize]));
                }
            });
        };
        add(
            "a random key, its bytes read (baseline)",
            Box::new(|key| {
                black_box(key.as_bytes()[key.len() - 1]);
            }),
        );
        add("LIMIT 16 locked hashbrowns, foldhash", peers::sharded());
        add("**ours** `with(..).inc()`", ours::count());
        add("**ours** `#[instrument(counter = .., user = user)]`", ours::count_annotated());
        add("prometheus with_label_values", peers::prometheus_count());
        add("prometheus-client Family", peers::prometheus_client_count());
        add("metrics counter!() with exporter", peers::metrics_count(count));
        add("measured CounterVec", peers::measured_count());
        s.run(&format!("C. A label value chosen at run time, {count} values"));
    }
}

/// Writes the page, again into the same room if the library can, and tells its size.
pub type Encode = Box<dyn FnMut() -> usize>;

/// Fills a family with one series a key; the second argument asks for histograms.
type Build = fn(&'static [String], bool) -> Encode;

const LIBRARIES: [(&str, Build); 6] = [
    ("LIMIT line text kept ready, integers formatted", peers::limit),
    ("**ours** `encode`", ours::encode),
    ("prometheus gather + encode_utf8", peers::prometheus),
    ("prometheus-client text::encode", peers::prometheus_client),
    ("metrics-exporter-prometheus render", peers::metrics_exporter),
    ("measured BufferedTextEncoder", peers::measured),
];

struct Row {
    name: &'static str,
    encode: Encode,
    bytes: usize,
    built: Heap,
    scrape: Heap,
    steps: Option<f64>,
    times: Vec<f64>,
}

fn scrape(wanted: &str) {
    for (histograms, count) in [(false, 1000), (false, 10_000), (true, 1000), (true, 10_000)] {
        let keys = keys(count);
        let mut rows: Vec<Row> = LIBRARIES
            .iter()
            .filter(|(name, _)| name.contains(wanted))
            .map(|&(name, build)| {
                // Few series for the count of instructions: single steps are slow, and they add up evenly.
                let steps = steps_a_series(build, histograms);
                let (mut encode, built) = heap(|| build(keys, histograms));
                encode(); // Rooms grow here.
                let (bytes, scrape) = heap(&mut encode);
                Row { name, encode, bytes, built, scrape, steps, times: Vec::new() }
            })
            .collect();
        for _ in 0..if histograms { 11 } else { 31 } {
            for row in &mut rows {
                let start = cpu_ns();
                black_box((row.encode)());
                row.times.push((cpu_ns() - start) / count as f64);
            }
        }
        let kind = if histograms { "14-bucket histograms" } else { "counters" };
        println!("\n### E, F. A scrape of {count} {kind}, by series\n");
        println!(
            "| case | ns (min) | median | instr | bytes out | allocs a scrape | peak heap of a scrape, B | heap kept, B |"
        );
        println!("|---|---|---|---|---|---|---|---|");
        for Row { name, bytes, built, scrape, steps, mut times, .. } in rows {
            let by_series = |value: i64| value as f64 / count as f64;
            let (middle, min) = (median(&mut times), times[0]); // median() sorts
            println!(
                "| {name} | {min:.0} | {middle:.0} | {} | {:.0} | {} | {:.0} | {:.0} |",
                steps.map_or("-".to_owned(), |steps| format!("{steps:.0}")),
                by_series(bytes as i64),
                scrape.allocations,
                by_series(scrape.peak),
                by_series(built.kept),
            );
        }
    }
}

/// What ours keeps when several threads write each series: it has cells for each of them, where others share one.
fn threads() {
    println!("\n### F. Heap kept by 10,000 series of ours, each written by so many threads\n");
    println!("| threads | a counter, B | a 14-bucket histogram, B |\n|---|---|---|");
    // What the process and its threads' rows take once is not of a series.
    ours::written_by(8, keys(1), false);
    for threads in [1, 2, 8] {
        let by_series = |histograms| {
            let keys = keys(10_000);
            let (_registry, built) = heap(|| ours::written_by(threads, keys, histograms));
            built.kept as f64 / keys.len() as f64
        };
        println!("| {threads} | {:.0} | {:.0} |", by_series(false), by_series(true));
    }
}

fn steps_a_series(build: Build, histograms: bool) -> Option<f64> {
    let count = if histograms { 3 } else { 20 };
    let mut few = build(keys(count), histograms);
    let mut many = build(keys(3 * count), histograms);
    let steps = |encode: &mut Encode| {
        let mut scrapes = |times| {
            for _ in 0..times {
                black_box(encode());
            }
        };
        instructions(&mut scrapes, 1).ok()
    };
    Some((steps(&mut many)? - steps(&mut few)?) / (2 * count) as f64)
}

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    if what.is_empty() || what == "dynamic" {
        dynamic();
    }
    if what.is_empty() || what == "threads" {
        threads();
    }
    if what.is_empty() || what == "scrape" {
        scrape(&std::env::args().nth(2).unwrap_or_default());
    }
}
