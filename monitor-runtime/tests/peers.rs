//! The page of metrics, read by whom it is for: promtool, and Python's prometheus_client in both formats.
//!
//! Needs promtool in the path and a Python that has prometheus_client, named by `MONITOR_PYTHON` unless `python3` has it.

mod foreign;

use std::{ffi::OsStr, path::PathBuf, process::Command, sync::LazyLock};

use foreign::{counter, family, gauge, histogram, labelled, summary, untyped};
use monitor_runtime::{
    Format, encode,
    prometheus::{
        Registry,
        proto::{Metric, MetricFamily, MetricType},
    },
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

monitor_runtime::metrics! {
    registry REGISTRY;
    /// Texts that "we" were given
    counter TEXTS = "ours_texts_total" { #[label(max = 10000)] text: &str } limit 10_000;
    /// How long the texts were
    histogram LENGTH = "ours_length_bytes" { #[label(max = 10000)] text: &str } buckets [0.00001, 1.0, 8.5, 1000000.0] limit 10_000;
    /// Heat
    histogram HEAT = "ours_heat_celsius" { room: &'static str } buckets [-1.5, 0.0, 20.0];
    /// Nothing yet
    gauge NOTHING = "ours_nothing";
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// Writes both pages of a registry and gives their paths.
fn pages(name: &str, registry: &Registry) -> [PathBuf; 2] {
    [(Format::Text, "txt"), (Format::OpenMetrics, "openmetrics")].map(|(format, extension)| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{extension}"));
        let mut file = std::fs::File::create(&path).expect("a writable directory");
        encode(registry, format, &mut file).expect("room on the disk");
        path
    })
}

fn python_reads_both_and_they_agree(pages: &[PathBuf; 2]) {
    let python = std::env::var_os("MONITOR_PYTHON").unwrap_or_else(|| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/parse_both.py");
    run(Command::new(python).arg(script).args(pages));
}

/// The linter too, which knows the text format alone.
fn promtool_has_nothing_to_say(text: &PathBuf) {
    let page = std::fs::File::open(text).expect("just written");
    run(Command::new("promtool").args(["check", "metrics"]).stdin(page));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.get_program()));
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{command:?}: {said}");
    assert!(command.get_program() != OsStr::new("promtool") || said.is_empty(), "{said}");
}

/// One series for each text, with a value that tells which.
fn labelled_with(texts: &[String], metric: impl Fn(f64) -> Metric) -> Vec<Metric> {
    texts
        .iter()
        .enumerate()
        .map(|(n, text)| labelled(metric(n as f64), &[("number", &n.to_string()), ("text", text)]))
        .collect()
}

fn hostile_texts(count: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let mut texts: Vec<String> =
        (0..=0x2ff).chain(0x2000..0x2070).filter_map(char::from_u32).map(|c| format!("a{c}b{c}")).collect();
    texts.extend((0..count).map(|_| foreign::hostile_text().new_tree(&mut runner).expect("a text").current()));
    texts
}

#[test]
#[ignore = "needs promtool and Python's prometheus_client"]
fn they_read_every_kind_of_family_with_every_text() {
    let texts = hostile_texts(1000);
    let mut lag = labelled_with(&texts, gauge);
    for (n, metric) in lag.iter_mut().enumerate() {
        metric.set_timestamp_ms(1_520_879_607_789 + n as i64);
    }
    let mut jobs = family("jobs_total", MetricType::COUNTER, labelled_with(&texts, counter));
    jobs.set_help(texts.concat());
    let numbers =
        [0.0, -0.0, 1e-300, 1e300, 0.1 + 0.2, 1e6, 1e21, 123_456_789.125, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for text in &texts {
        TEXTS.with(TEXTS { text }).inc();
        LENGTH.with(LENGTH { text }).observe(text.len() as f64);
    }
    for heat in [-7.0, 3.5, 30.0] {
        HEAT.with(HEAT { room: "cellar" }).observe(heat);
    }
    foreign::register(
        &REGISTRY,
        "all",
        vec![
            jobs,
            family("lag_seconds", MetricType::GAUGE, lag),
            family("load", MetricType::UNTYPED, labelled_with(&texts, untyped)),
            family(
                "numbers",
                MetricType::GAUGE,
                numbers.iter().enumerate().map(|(n, v)| labelled(gauge(*v), &[("n", &n.to_string())])).collect(),
            ),
            family(
                "size_bytes",
                MetricType::HISTOGRAM,
                labelled_with(&texts, |v| histogram(&[(1e-5, 1), (0.5, 2), (1e6, 2)], 4, v)),
            ),
            family(
                "wait_seconds",
                MetricType::SUMMARY,
                labelled_with(&texts, |v| summary(&[(0.99, f64::NAN), (0.5, 0.125)], 2, v)),
            ),
            // What OpenMetrics has no type for.
            family(
                "heat_celsius",
                MetricType::HISTOGRAM,
                labelled_with(&texts, |v| histogram(&[(-1.5, 1), (0.0, 2)], 4, -v)),
            ),
            family("alloc_bytes", MetricType::GAUGE, vec![gauge(5.0)]),
            family("alloc_bytes_total", MetricType::COUNTER, vec![counter(9.0)]),
            family("left_out_total", MetricType::COUNTER, vec![counter(-1.0)]),
        ],
    );
    let pages = pages("every_kind", &REGISTRY);
    python_reads_both_and_they_agree(&pages);
    promtool_has_nothing_to_say(&pages[0]);
}

#[test]
#[ignore = "needs Python's prometheus_client"]
fn python_reads_whatever_is_registered() {
    let mut runner = TestRunner::deterministic();
    for n in 0..60 {
        let mut families: Vec<MetricFamily> =
            proptest::collection::vec(foreign::any_family(), 0..8).new_tree(&mut runner).expect("families").current();
        for metric in families.iter_mut().flat_map(MetricFamily::mut_metric) {
            // Python reads -0.5 seconds as 0.5, so only times since 1970.
            metric.set_timestamp_ms(metric.timestamp_ms() & ((1 << 42) - 1));
        }
        let registry = Registry::new();
        foreign::register(&registry, "hostile", families);
        python_reads_both_and_they_agree(&pages(&format!("hostile_{n}"), &registry));
    }
}
