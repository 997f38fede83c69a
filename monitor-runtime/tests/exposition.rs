//! The page of metrics, read by a strict reader of each format: it stays valid whatever is registered.

mod foreign;
mod strict;

use foreign::{counter, family, gauge, histogram, labelled, summary, untyped};
use std::sync::LazyLock;

use monitor_runtime::{
    Format, TraceId, encode,
    prometheus::{
        Registry,
        proto::{Metric, MetricFamily, MetricType},
    },
    sample_value, sample_value_in,
};
use proptest::prelude::*;
use strict::Family;

monitor_runtime::metrics! {
    registry DECLARED;
    /// Jobs by "tenant"
    /// and more
    counter JOBS = "ours_jobs_total" { #[label(max = 1000)] tenant: &str, ok: bool };
    /// Jobs at work
    gauge WORKING = "ours_working";
    /// Temperature
    histogram HEAT = "ours_heat_celsius" { room: &'static str } buckets [-1.5, 0.0, 20.0];
    /// Latency
    histogram LATENCY = "ours_latency_seconds" { #[label(max = 1000)] tenant: &str } buckets [0.00001, 0.5, 1.0, 1000000.0];
}

/// Where the families above are declared; a test takes its own copy of them.
static DECLARED: LazyLock<Registry> = LazyLock::new(Registry::new);

/// The page in both formats, each read strictly, with the same samples in both.
fn read(registry: &Registry) -> Result<(Vec<Family>, Vec<Family>), String> {
    let [text, open_metrics] = [Format::Text, Format::OpenMetrics].map(|format| page(registry, format));
    let families = strict::text::read(&text).map_err(|error| format!("{error}\n{text}"))?;
    let same = strict::open_metrics::read(&open_metrics).map_err(|error| format!("{error}\n{open_metrics}"))?;
    if strict::samples(&families) != strict::samples(&same) {
        return Err(format!("the formats differ:\n{text}\n{open_metrics}"));
    }
    Ok((families, same))
}

fn page(registry: &Registry, format: Format) -> String {
    let mut page = Vec::new();
    encode(registry, format, &mut page).expect("a Vec takes everything");
    String::from_utf8(page).expect("UTF-8")
}

/// The page of one foreign family and a harmless one.
fn beside_ok(families: Vec<MetricFamily>) -> (Vec<Family>, Vec<Family>) {
    let registry = Registry::new();
    foreign::register(&registry, "harmless", vec![family("harmless_total", MetricType::COUNTER, vec![counter(7.0)])]);
    foreign::register(&registry, "other", families);
    let (text, open_metrics) = read(&registry).expect("a valid page");
    assert_eq!(strict::value(&text, "harmless_total", &[]), Some(7.0), "the rest of the page is not touched");
    (text, open_metrics)
}

fn names(families: &[Family]) -> Vec<&str> {
    families.iter().map(|f| f.name.as_str()).filter(|name| !name.starts_with("harmless")).collect()
}

#[test]
fn a_family_that_cannot_be_written_is_left_out_whole() {
    let good = || labelled(counter(1.0), &[("a", "good")]);
    let bad: Vec<(&str, MetricFamily)> = vec![
        ("a name with a dash", family("bad-name", MetricType::COUNTER, vec![good()])),
        ("a name that begins with a digit", family("0x", MetricType::GAUGE, vec![gauge(1.0)])),
        (
            "a label that renames the sample",
            family("x_total", MetricType::COUNTER, vec![good(), labelled(counter(1.0), &[("__name__", "y")])]),
        ),
        (
            "a label name with a colon",
            family("x_total", MetricType::COUNTER, vec![labelled(counter(1.0), &[("a:b", "c")])]),
        ),
        ("no label name", family("x_total", MetricType::COUNTER, vec![labelled(counter(1.0), &[("", "c")])])),
        (
            "a label twice",
            family("x_total", MetricType::COUNTER, vec![labelled(counter(1.0), &[("a", "1"), ("a", "2")])]),
        ),
        ("a series twice", family("x_total", MetricType::COUNTER, vec![good(), good()])),
        (
            "a series twice, its labels in another order",
            family(
                "x",
                MetricType::GAUGE,
                vec![labelled(gauge(1.0), &[("a", "1"), ("b", "2")]), labelled(gauge(1.0), &[("b", "2"), ("a", "1")])],
            ),
        ),
        (
            "two series that read the same",
            family(
                "x",
                MetricType::GAUGE,
                vec![labelled(gauge(1.0), &[("a", "\r")]), labelled(gauge(1.0), &[("a", "\0")])],
            ),
        ),
        ("a counter below zero", family("x_total", MetricType::COUNTER, vec![good(), counter(-1.0)])),
        ("a counter that is no number", family("x_total", MetricType::COUNTER, vec![counter(f64::NAN)])),
        (
            "a histogram with a label le",
            family("x", MetricType::HISTOGRAM, vec![labelled(histogram(&[(1.0, 1)], 1, 1.0), &[("le", "1")])]),
        ),
        ("a bound that is no number", family("x", MetricType::HISTOGRAM, vec![histogram(&[(f64::NAN, 1)], 1, 1.0)])),
        ("bounds that fall", family("x", MetricType::HISTOGRAM, vec![histogram(&[(2.0, 1), (1.0, 1)], 1, 1.0)])),
        (
            "two infinite bounds",
            family("x", MetricType::HISTOGRAM, vec![histogram(&[(f64::INFINITY, 1), (f64::INFINITY, 1)], 1, 1.0)]),
        ),
        ("counts that fall", family("x", MetricType::HISTOGRAM, vec![histogram(&[(1.0, 3), (2.0, 1)], 3, 1.0)])),
        ("fewer in all than in a bucket", family("x", MetricType::HISTOGRAM, vec![histogram(&[(1.0, 3)], 2, 1.0)])),
        (
            "a summary with a label quantile",
            family("x", MetricType::SUMMARY, vec![labelled(summary(&[(0.5, 1.0)], 1, 1.0), &[("quantile", "a")])]),
        ),
        ("a quantile above one", family("x", MetricType::SUMMARY, vec![summary(&[(1.5, 1.0)], 1, 1.0)])),
        ("a quantile twice", family("x", MetricType::SUMMARY, vec![summary(&[(0.5, 1.0), (0.5, 2.0)], 1, 1.0)])),
    ];
    for (what, family) in bad {
        let (text, open_metrics) = beside_ok(vec![family]);
        assert!(names(&text).is_empty() && names(&open_metrics).is_empty(), "{what}");
    }
}

#[test]
fn two_families_that_write_one_name_do_not_both_stand_on_the_page() {
    let histogram = || family("x", MetricType::HISTOGRAM, vec![histogram(&[(1.0, 1)], 2, 3.0)]);
    for name in ["x_count", "x_sum", "x_bucket", "x_created"] {
        let (text, open_metrics) = beside_ok(vec![family(name, MetricType::GAUGE, vec![gauge(1.0)]), histogram()]);
        assert_eq!(names(&text), ["x"], "{name}");
        assert_eq!(names(&open_metrics), ["x"], "{name}");
        assert_eq!(strict::value(&text, "x_count", &[]), Some(2.0));
    }
}

#[test]
fn a_counter_beside_the_gauge_of_its_stem_keeps_its_sample() {
    let (text, open_metrics) = beside_ok(vec![
        family("alloc_bytes", MetricType::GAUGE, vec![gauge(5.0)]),
        family("alloc_bytes_total", MetricType::COUNTER, vec![counter(9.0)]),
    ]);
    assert_eq!(names(&text), ["alloc_bytes", "alloc_bytes_total"]);
    assert_eq!(strict::value(&open_metrics, "alloc_bytes_total", &[]), Some(9.0));
    let kinds: Vec<_> = open_metrics.iter().map(|f| (f.name.as_str(), f.kind.as_deref().unwrap_or_default())).collect();
    assert_eq!(kinds, [("alloc_bytes", "gauge"), ("alloc_bytes_total", "unknown"), ("harmless", "counter")]);
}

#[test]
fn a_counter_without_total_keeps_its_name() {
    let (text, open_metrics) = beside_ok(vec![family("visits", MetricType::COUNTER, vec![counter(9.0)])]);
    assert_eq!(strict::value(&open_metrics, "visits", &[]), Some(9.0));
    assert_eq!(text[1].kind.as_deref(), Some("counter"));
    assert_eq!(open_metrics[1].kind.as_deref(), Some("unknown"));
}

#[test]
fn a_histogram_that_openmetrics_does_not_know_loses_nothing() {
    for (what, metric) in [
        ("a bound below zero", histogram(&[(-1.0, 2), (0.0, 3)], 4, 1.5)),
        ("a sum below zero", histogram(&[(1.0, 4)], 4, -3.0)),
        ("a sum that is no number", histogram(&[(1.0, 4)], 4, f64::NAN)),
    ] {
        let other = labelled(histogram(&[(1.0, 1), (f64::INFINITY, 2)], 2, 1.0), &[("a", "b")]);
        let (text, open_metrics) = beside_ok(vec![family("heat_celsius", MetricType::HISTOGRAM, vec![metric, other])]);
        assert_eq!(names(&text), ["heat_celsius"], "{what}");
        assert_eq!(names(&open_metrics), ["heat_celsius_bucket", "heat_celsius_sum", "heat_celsius_count"], "{what}");
        assert_eq!(strict::value(&open_metrics, "heat_celsius_count", &[]), Some(4.0), "{what}");
        assert_eq!(
            strict::value(&open_metrics, "heat_celsius_bucket", &[("a", "b"), ("le", "+Inf")]),
            Some(2.0),
            "{what}"
        );
    }
    let (_, open_metrics) = beside_ok(vec![family("x", MetricType::SUMMARY, vec![summary(&[(0.5, -1.0)], 3, -9.0)])]);
    assert_eq!(names(&open_metrics), ["x", "x_sum", "x_count"]);
}

#[test]
fn every_kind_of_family_is_written() {
    let mut timed = labelled(gauge(0.25), &[("path", "C:\\dir"), ("quote", "say \"hi\"\nbye"), ("a", "{}=,# EOF")]);
    timed.set_timestamp_ms(1_520_879_607_789);
    let registry = Registry::new();
    let families = vec![
        family("busy_seconds_total", MetricType::COUNTER, vec![counter(0.5)]),
        family("jobs_total", MetricType::COUNTER, vec![counter(3.0)]),
        family("lag_seconds", MetricType::GAUGE, vec![timed]),
        family("load", MetricType::UNTYPED, vec![untyped(f64::NEG_INFINITY)]),
        family("size_bytes", MetricType::HISTOGRAM, vec![histogram(&[(0.5, 1), (1e6, 2)], 4, 12.5)]),
        family("wait_seconds", MetricType::SUMMARY, vec![summary(&[(0.99, f64::NAN), (0.5, 0.125)], 2, 3.0)]),
    ];
    foreign::register(&registry, "all", families);
    read(&registry).expect("valid");
    assert_eq!(
        page(&registry, Format::Text),
        r##"# HELP busy_seconds_total Help for "busy_seconds_total", a\\b\nsecond�line
# TYPE busy_seconds_total counter
busy_seconds_total 0.5
# HELP jobs_total Help for "jobs_total", a\\b\nsecond�line
# TYPE jobs_total counter
jobs_total 3
# HELP lag_seconds Help for "lag_seconds", a\\b\nsecond�line
# TYPE lag_seconds gauge
lag_seconds{a="{}=,# EOF",path="C:\\dir",quote="say \"hi\"\nbye"} 0.25 1520879607789
# HELP load Help for "load", a\\b\nsecond�line
# TYPE load untyped
load -Inf
# HELP size_bytes Help for "size_bytes", a\\b\nsecond�line
# TYPE size_bytes histogram
size_bytes_bucket{le="0.5"} 1
size_bytes_bucket{le="1e+06"} 2
size_bytes_bucket{le="+Inf"} 4
size_bytes_sum 12.5
size_bytes_count 4
# HELP wait_seconds Help for "wait_seconds", a\\b\nsecond�line
# TYPE wait_seconds summary
wait_seconds{quantile="0.5"} 0.125
wait_seconds{quantile="0.99"} NaN
wait_seconds_sum 3
wait_seconds_count 2
"##
    );
    assert_eq!(
        page(&registry, Format::OpenMetrics),
        r##"# HELP busy_seconds Help for \"busy_seconds_total\", a\\b\nsecond�line
# TYPE busy_seconds counter
# UNIT busy_seconds seconds
busy_seconds_total 0.5
# HELP jobs Help for \"jobs_total\", a\\b\nsecond�line
# TYPE jobs counter
jobs_total 3
# HELP lag_seconds Help for \"lag_seconds\", a\\b\nsecond�line
# TYPE lag_seconds gauge
# UNIT lag_seconds seconds
lag_seconds{a="{}=,# EOF",path="C:\\dir",quote="say \"hi\"\nbye"} 0.25 1520879607.789
# HELP load Help for \"load\", a\\b\nsecond�line
# TYPE load unknown
load -Inf
# HELP size_bytes Help for \"size_bytes\", a\\b\nsecond�line
# TYPE size_bytes histogram
# UNIT size_bytes bytes
size_bytes_bucket{le="0.5"} 1
size_bytes_bucket{le="1e+06"} 2
size_bytes_bucket{le="+Inf"} 4
size_bytes_sum 12.5
size_bytes_count 4
# HELP wait_seconds Help for \"wait_seconds\", a\\b\nsecond�line
# TYPE wait_seconds summary
# UNIT wait_seconds seconds
wait_seconds{quantile="0.5"} 0.125
wait_seconds{quantile="0.99"} NaN
wait_seconds_sum 3
wait_seconds_count 2
# EOF
"##
    );
}

#[test]
fn ours_and_others_stand_on_one_page_by_name() {
    let registry = Registry::new();
    let jobs = JOBS.in_registry(&registry).expect("a new registry");
    let working = WORKING.in_registry(&registry).expect("a new registry");
    let heat = HEAT.in_registry(&registry).expect("a new registry");
    let latency = LATENCY.in_registry(&registry).expect("a new registry");
    foreign::register(&registry, "other", vec![family("ours_middle", MetricType::GAUGE, vec![gauge(1.0)])]);
    jobs.with(JOBS { tenant: "a\"b\\c", ok: true }).add(2);
    working.set(1.5);
    heat.with(HEAT { room: "cellar" }).observe(-3.0);
    latency.with(LATENCY { tenant: "x" }).observe(0.5);
    latency.with(LATENCY { tenant: "x" }).observe(0.75);
    read(&registry).expect("valid");
    assert_eq!(
        page(&registry, Format::OpenMetrics),
        r##"# HELP ours_heat_celsius_bucket Temperature
# TYPE ours_heat_celsius_bucket unknown
ours_heat_celsius_bucket{room="cellar",le="-1.5"} 1
ours_heat_celsius_bucket{room="cellar",le="0.0"} 1
ours_heat_celsius_bucket{room="cellar",le="20.0"} 1
ours_heat_celsius_bucket{room="cellar",le="+Inf"} 1
# HELP ours_heat_celsius_sum Temperature
# TYPE ours_heat_celsius_sum unknown
ours_heat_celsius_sum{room="cellar"} -3
# HELP ours_heat_celsius_count Temperature
# TYPE ours_heat_celsius_count unknown
ours_heat_celsius_count{room="cellar"} 1
# HELP ours_jobs Jobs by \"tenant\" and more
# TYPE ours_jobs counter
ours_jobs_total{tenant="a\"b\\c",ok="true"} 2
# HELP ours_latency_seconds Latency
# TYPE ours_latency_seconds histogram
# UNIT ours_latency_seconds seconds
ours_latency_seconds_bucket{tenant="x",le="1e-05"} 0
ours_latency_seconds_bucket{tenant="x",le="0.5"} 1
ours_latency_seconds_bucket{tenant="x",le="1.0"} 2
ours_latency_seconds_bucket{tenant="x",le="1e+06"} 2
ours_latency_seconds_bucket{tenant="x",le="+Inf"} 2
ours_latency_seconds_sum{tenant="x"} 1.25
ours_latency_seconds_count{tenant="x"} 2
# HELP ours_middle Help for \"ours_middle\", a\\b\nsecond�line
# TYPE ours_middle gauge
ours_middle 1
# HELP ours_working Jobs at work
# TYPE ours_working gauge
ours_working 1.5
# EOF
"##
    );
    let value = |name: &str, labels: &[(&str, &str)]| sample_value_in(&registry, name, labels);
    assert_eq!(value("ours_jobs_total", &[("ok", "true"), ("tenant", "a\"b\\c")]), Some(2.0));
    assert_eq!(value("ours_working", &[]), Some(1.5));
    assert_eq!(value("ours_heat_celsius_bucket", &[("le", "-1.5"), ("room", "cellar")]), Some(1.0));
    assert_eq!(value("ours_latency_seconds_bucket", &[("tenant", "x"), ("le", "0.50")]), Some(1.0));
    assert_eq!(value("ours_latency_seconds_sum", &[("tenant", "x")]), Some(1.25));
    assert_eq!(value("ours_latency_seconds_count", &[("tenant", "x")]), Some(2.0));
    assert_eq!(value("ours_latency_seconds_count", &[("tenant", "y")]), None);
}

#[test]
fn exemplars_stand_on_buckets_alone_and_in_openmetrics_alone() {
    let registry = Registry::new();
    let latency = LATENCY.in_registry(&registry).expect("a new registry");
    let heat = HEAT.in_registry(&registry).expect("a new registry");
    let traces = [1, 0xff].map(|byte| TraceId::new([byte; 16]).expect("not zero"));
    latency.with(LATENCY { tenant: "x" }).observe_traced(0.25, traces[0]);
    latency.with(LATENCY { tenant: "x" }).observe_traced(0.75, traces[1]);
    // OpenMetrics calls it no histogram, because of its bound below zero.
    heat.with(HEAT { room: "cellar" }).observe_traced(1.0, traces[1]);

    let text = page(&registry, Format::Text);
    strict::text::read(&text).expect("valid");
    assert!(!text.contains("trace_id"), "{text}");

    let with = page(&registry, Format::OpenMetrics);
    let (mut without, mut exemplars) = (String::new(), Vec::new());
    for line in with.lines() {
        let sample = match line.split_once(" # ") {
            Some((sample, exemplar)) if !line.starts_with('#') => {
                exemplars.push((sample, exemplar));
                sample
            }
            _ => line,
        };
        without += &format!("{sample}\n");
    }
    // But for its exemplars it is the same page.
    let same = strict::open_metrics::read(&without).expect("valid");
    assert_eq!(strict::samples(&same), strict::samples(&strict::text::read(&text).expect("valid")));

    let expected = [("0.5", "1", traces[0], "0.25"), ("1.0", "2", traces[1], "0.75")];
    assert_eq!(exemplars.len(), expected.len(), "{with}");
    for ((sample, exemplar), (le, count, trace, value)) in exemplars.into_iter().zip(expected) {
        assert_eq!(sample, format!("ours_latency_seconds_bucket{{tenant=\"x\",le=\"{le}\"}} {count}"));
        let (labels, rest) = exemplar.split_once(' ').expect("labels, then a value and a time");
        assert_eq!(labels, format!("{{trace_id=\"{trace}\"}}"));
        // The names and values together.
        assert!("trace_id".chars().count() + trace.to_string().chars().count() <= 128);
        let (observed, time) = rest.split_once(' ').expect("a value and a time");
        assert_eq!(observed, value);
        assert!(time.parse().is_ok_and(|time: f64| time > 1.7e9), "{time} should be in seconds of our age");
    }
}

#[test]
fn nothing_says_when_it_was_created() {
    let registry = Registry::new();
    JOBS.in_registry(&registry).expect("a new registry").with(JOBS { tenant: "x", ok: true }).inc();
    LATENCY.in_registry(&registry).expect("a new registry").with(LATENCY { tenant: "x" }).observe(0.5);
    let summary = family("wait_seconds", MetricType::SUMMARY, vec![summary(&[(0.5, 0.125)], 2, 3.0)]);
    foreign::register(&registry, "other", vec![summary]);
    for format in [Format::Text, Format::OpenMetrics] {
        let page = page(&registry, format);
        assert!(page.contains("ours_jobs_total{") && !page.contains("_created"), "{page}");
    }
}

#[test]
fn ours_stay_where_another_library_writes_their_names() {
    let registry = Registry::new();
    let latency = LATENCY.in_registry(&registry).expect("a new registry");
    latency.with(LATENCY { tenant: "x" }).observe(0.5);
    let clashing = ["ours_latency_seconds", "ours_latency_seconds_count"];
    let families = clashing.map(|name| family(name, MetricType::GAUGE, vec![gauge(9.0)])).to_vec();
    foreign::register(&registry, "other", families);
    let errors = || sample_value("monitor_instrumentation_errors_total", &[("kind", "family_left_out")]);
    let before = errors().expect("known from the start");
    let (text, _) = read(&registry).expect("valid");
    assert_eq!(names(&text), ["ours_latency_seconds"]);
    assert_eq!(strict::value(&text, "ours_latency_seconds_count", &[("tenant", "x")]), Some(1.0));
    // Twice two pages of this test, and whatever others do meanwhile.
    assert!(errors().expect("known from the start") >= before + 4.0);
}

#[test]
fn a_number_reads_back_as_it_stands_on_the_page() {
    let registry = Registry::new();
    let families = vec![
        family(
            "jobs_total",
            MetricType::COUNTER,
            vec![labelled(counter(3.0), &[("tenant", "a\"\\\n\rb"), ("ok", "yes")])],
        ),
        family(
            "size_bytes",
            MetricType::HISTOGRAM,
            vec![labelled(histogram(&[(0.5, 1), (1e6, 2)], 4, 12.5), &[("kind", "pdf")])],
        ),
        family("wait_seconds", MetricType::SUMMARY, vec![summary(&[(0.5, 0.125)], 2, 3.0)]),
    ];
    foreign::register(&registry, "all", families);
    let value = |name: &str, labels: &[(&str, &str)]| sample_value_in(&registry, name, labels);

    assert_eq!(value("jobs_total", &[("tenant", "a\"\\\n\rb"), ("ok", "yes")]), Some(3.0));
    assert_eq!(value("jobs_total", &[("ok", "yes"), ("tenant", "a\"\\\n\rb")]), Some(3.0));
    assert_eq!(value("jobs_total", &[("ok", "yes")]), None);
    assert_eq!(value("jobs_total", &[("ok", "yes"), ("ok", "yes")]), None);
    assert_eq!(value("jobs_total", &[("ok", "yes"), ("tenant", "a")]), None);
    assert_eq!(value("jobs_total", &[("ok", "yes"), ("tenant", "a\"\\\n\rb"), ("more", "")]), None);
    assert_eq!(value("jobs", &[("ok", "yes"), ("tenant", "a\"\\\n\rb")]), None);

    assert_eq!(value("size_bytes_bucket", &[("kind", "pdf"), ("le", "0.5")]), Some(1.0));
    assert_eq!(value("size_bytes_bucket", &[("le", "1000000"), ("kind", "pdf")]), Some(2.0));
    assert_eq!(value("size_bytes_bucket", &[("le", "+Inf"), ("kind", "pdf")]), Some(4.0));
    assert_eq!(value("size_bytes_bucket", &[("le", "2"), ("kind", "pdf")]), None);
    assert_eq!(value("size_bytes_bucket", &[("kind", "pdf")]), None);
    assert_eq!(value("size_bytes_sum", &[("kind", "pdf")]), Some(12.5));
    assert_eq!(value("size_bytes_count", &[("kind", "pdf")]), Some(4.0));
    assert_eq!(value("size_bytes", &[("kind", "pdf")]), None);

    assert_eq!(value("wait_seconds", &[("quantile", "0.5")]), Some(0.125));
    assert_eq!(value("wait_seconds_sum", &[]), Some(3.0));
    assert_eq!(value("wait_seconds_count", &[]), Some(2.0));
}

#[test]
fn a_writer_that_fails_is_the_caller_s_error_and_spoils_no_later_page() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let registry = Registry::new();
    let series = (0..2000).map(|n| labelled(histogram(&[(-1.0, 1)], 2, 3.0), &[("n", &n.to_string())])).collect();
    foreign::register(&registry, "big", vec![family("x", MetricType::HISTOGRAM, series)]);
    for format in [Format::Text, Format::OpenMetrics] {
        let error = encode(&registry, format, &mut Full).expect_err("nothing can be written");
        assert_eq!(error.to_string(), "the disk is full");
        read(&registry).expect("valid");
    }
}

#[test]
fn a_long_page_comes_in_chunks() {
    #[derive(Default)]
    struct Chunks(Vec<usize>);
    impl std::io::Write for Chunks {
        fn write(&mut self, chunk: &[u8]) -> std::io::Result<usize> {
            self.0.push(chunk.len());
            Ok(chunk.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let registry = Registry::new();
    let series = (0..10_000).map(|n| labelled(counter(1.0), &[("n", &n.to_string())])).collect();
    foreign::register(&registry, "big", vec![family("x_total", MetricType::COUNTER, series)]);
    let mut chunks = Chunks::default();
    encode(&registry, Format::Text, &mut chunks).expect("taken");
    assert!(chunks.0.len() > 4 && chunks.0.iter().all(|len| *len < 34 * 1024), "{:?}", chunks.0);
    assert_eq!(chunks.0.iter().sum::<usize>(), page(&registry, Format::Text).len());
}

/// Whether U+FFFD stands for it on the page.
fn is_replaced(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

proptest! {
    #[test]
    fn ours_are_valid_whatever_their_labels_say(values in proptest::collection::vec(foreign::hostile_text(), 1..20)) {
        let registry = Registry::new();
        let jobs = JOBS.in_registry(&registry).expect("a new registry");
        let latency = LATENCY.in_registry(&registry).expect("a new registry");
        for (n, tenant) in values.iter().enumerate() {
            jobs.with(JOBS { tenant, ok: n % 2 == 0 }).inc();
            latency.with(LATENCY { tenant }).observe(n as f64 - 1.0);
        }
        let (text, _) = read(&registry).map_err(TestCaseError::fail)?;
        for name in ["ours_jobs_total", "ours_latency_seconds_count"] {
            let total: f64 = text.iter().flat_map(|f| &f.samples).filter(|s| s.name == name).map(|s| s.value).sum();
            prop_assert_eq!(total, values.len() as f64);
        }
        // What is longer on the page is cut there.
        let written = |value: &str| value.chars().map(|c| if is_replaced(c) { 3 } else { c.len_utf8() }).sum::<usize>();
        for (n, tenant) in values.iter().enumerate().filter(|(_, value)| written(value) <= 128) {
            let labels = [("tenant", tenant.as_str()), ("ok", if n % 2 == 0 { "true" } else { "false" })];
            prop_assert!(sample_value_in(&registry, "ours_jobs_total", &labels) >= Some(1.0), "{:?}", tenant);
        }
    }

    #[test]
    fn whatever_is_registered_both_pages_are_valid_and_say_the_same(families in proptest::collection::vec(foreign::any_family(), 0..8)) {
        let registry = Registry::new();
        let metrics: Vec<Metric> = vec![labelled(counter(7.0), &[("a", "b")])];
        foreign::register(&registry, "harmless", vec![family("harmless_total", MetricType::COUNTER, metrics)]);
        foreign::register(&registry, "hostile", families);
        let (text, _) = read(&registry).map_err(TestCaseError::fail)?;
        prop_assert_eq!(strict::value(&text, "harmless_total", &[("a", "b")]), Some(7.0));
        for sample in text.iter().flat_map(|f| &f.samples) {
            let labels: Vec<(&str, &str)> = sample.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let value = sample_value_in(&registry, &sample.name, &labels);
            prop_assert!(value.is_some_and(|v| v == sample.value || v.is_nan() && sample.value.is_nan()), "{:?} is {:?}", sample, value);
        }
    }
}
