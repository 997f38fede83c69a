//! What comes from outside, mutated without end: Accept headers, label values, other libraries' families.
//!
//! Each test goes on for `MONITOR_FUZZ_SECONDS` (1 unless set). The sequence of its cases is that of
//! `MONITOR_FUZZ_SEED` (1 unless set), so a failure comes again with the seed that it prints. `corpus/` holds what
//! the mutations begin with, a case a line; add whatever was found.

#[path = "../foreign/mod.rs"]
mod foreign;
#[path = "../strict/mod.rs"]
#[expect(dead_code, reason = "the exposition's tests use the rest")]
mod strict;

use std::cell::Cell;
use std::time::{Duration, Instant};

use monitor_runtime::prometheus::Registry;
use monitor_runtime::{Format, encode, metrics};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

metrics! {
    /// A family whose labels anybody may choose
    counter HOSTILE = "fuzz_hostile_total" { #[label(max = 20)] tenant: &str, #[label(max = 30)] path: &str } limit 40;
    /// The same as a histogram
    histogram TIMES = "fuzz_times_seconds" { #[label(max = 25)] path: &str } buckets [0.1, 1.0] limit 20;
}

/// Runs cases of this kind until the time is up.
fn fuzz<S: Strategy>(cases: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("MONITOR_FUZZ_SEED").unwrap_or(1);
    let time = Duration::from_secs(number("MONITOR_FUZZ_SECONDS").unwrap_or(1));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 32, failure_persistence: None, max_shrink_time: 20_000, ..Config::default() };
    let seeds = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut seeds = TestRunner::new_with_rng(config.clone(), seeds);
    let (start, run) = (Instant::now(), Cell::new(0u64));
    while start.elapsed() < time {
        // A runner stops for good after its cases.
        let mut runner = TestRunner::new_with_rng(config.clone(), seeds.new_rng());
        let found = runner.run(&cases, |case| {
            run.set(run.get() + 1);
            test(case)
        });
        found.unwrap_or_else(|error| panic!("MONITOR_FUZZ_SEED={seed}, case {}: {error}", run.get()));
    }
    println!("{} cases in {:.1?}, seed {seed}", run.get(), start.elapsed());
}

/// A line of a corpus, changed here and there; now and then none of it.
fn mutated(corpus: &'static str, words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let lines: Vec<&str> = corpus.lines().collect();
    let edit = (any::<prop::sample::Index>(), 0..12usize, select(words), select(lines.clone()), 0..7u8);
    (select(lines), prop::collection::vec(edit, 0..8)).prop_map(|(line, edits)| {
        let mut text: Vec<char> = line.chars().collect();
        for (at, length, word, other, kind) in edits {
            let from = at.index(text.len() + 1);
            let to = (from + length).min(text.len());
            let part: Vec<char> = match kind {
                0 => Vec::new(),
                1 => text[from..to].repeat(length),
                2 => other.chars().skip(length).collect(),
                3 => text[from..to].iter().rev().copied().collect(),
                _ => word.chars().collect(),
            };
            let end = if kind == 4 { from } else { to };
            text.splice(from..end, part);
            text.truncate(4_096);
        }
        text.into_iter().collect()
    })
}

const ACCEPT: &[&str] = &[
    ",",
    ";",
    "/",
    "*",
    "*/*",
    "q=",
    ";q=0",
    ";q=1",
    ";q=0.5",
    ";q=1.0000",
    ";q=2",
    "\"",
    "\\",
    "\\\"",
    " ",
    "\t",
    "=",
    "text/plain",
    "text/*",
    "application/openmetrics-text",
    "application/*",
    ";version=1.0.0",
    ";version=0.0.4",
    ";version=\"0.0.1\"",
    "\u{0}",
    "é",
    "\u{2028}",
    "-",
    ".",
    "9999999999999999999999",
];

const LABELS: &[&str] = &[
    "\"",
    "\\",
    "\n",
    "\r",
    "\0",
    "\t",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "🦀",
    "é",
    "{",
    "}",
    ",",
    "=",
    "#",
    " ",
    "le=\"1\"",
    "\n# EOF\n",
    "\"} 1\nforged_total 2\n",
    "_overflow",
    "%00",
    "…",
];

#[test]
fn no_accept_header_is_misread() {
    fuzz(mutated(include_str!("corpus/accept.txt"), ACCEPT), |header| {
        let format = Format::from_accept(Some(&header));
        let lower = header.to_ascii_lowercase();
        if format == Format::OpenMetrics {
            prop_assert!(lower.contains('*') || lower.contains("openmetrics-text"));
        }
        // Not quoted, a comma parts two ranges, and neither their order nor the space between them says anything.
        if !header.contains(['"', '\\']) {
            let backwards: Vec<&str> = header.rsplit(',').collect();
            prop_assert_eq!(Format::from_accept(Some(&backwards.join(" ,\t"))), format);
            // The closest range decides: nothing can be said against these two.
            let closest =
                format!("application/openmetrics-text;version=1.0.0;q=1,text/plain;version=0.0.4;q=1,{header}");
            prop_assert_eq!(Format::from_accept(Some(&closest)), Format::Text);
        }
        Ok(())
    });
}

#[test]
fn no_label_value_spoils_a_page() {
    let registry = Registry::new();
    let hostile = HOSTILE.in_registry(&registry).expect("a fresh registry");
    let times = TIMES.in_registry(&registry).expect("a fresh registry");
    let value = || mutated(include_str!("corpus/labels.txt"), LABELS);
    let counted = Cell::new(0u64);
    fuzz(prop::collection::vec((value(), value()), 1..20), |values| {
        for (tenant, path) in &values {
            hostile.with(HOSTILE { tenant, path }).inc();
            times.with(TIMES { path }).observe(0.5);
            counted.set(counted.get() + 1);
        }
        let families = read_both(&registry).map_err(TestCaseError::fail)?;
        let total = |name: &str| {
            let samples = families.iter().flat_map(|family| &family.samples).filter(|sample| sample.name == name);
            let values: Vec<f64> = samples.map(|sample| sample.value).collect();
            (values.iter().sum::<f64>(), values.len())
        };
        // Nothing is lost, and nothing grows beyond its bound; the one series more is that of the overflow.
        let (sum, series) = total("fuzz_hostile_total");
        prop_assert_eq!(sum, counted.get() as f64);
        prop_assert!(series <= 41, "{} series", series);
        let (sum, series) = total("fuzz_times_seconds_count");
        prop_assert_eq!(sum, counted.get() as f64);
        prop_assert!(series <= 21, "{} series", series);
        Ok(())
    });
}

#[test]
fn no_family_of_another_library_spoils_a_page() {
    fuzz(prop::collection::vec(foreign::any_family(), 0..8), |families| {
        let registry = Registry::new();
        foreign::register(&registry, "foreign", families);
        read_both(&registry).map(drop).map_err(TestCaseError::fail)
    });
}

/// Both pages by their strict readers, which must find the same on them.
fn read_both(registry: &Registry) -> Result<Vec<strict::Family>, String> {
    let text = strict::text::read(&page(registry, Format::Text))?;
    let open_metrics = strict::open_metrics::read(&page(registry, Format::OpenMetrics))?;
    if strict::samples(&text) == strict::samples(&open_metrics) {
        Ok(text)
    } else {
        Err(format!("the pages differ:\n{text:#?}\n{open_metrics:#?}"))
    }
}

fn page(registry: &Registry, format: Format) -> String {
    let mut page = Vec::new();
    encode(registry, format, &mut page).expect("a vector takes everything");
    String::from_utf8(page).expect("UTF-8")
}
