//! Collectors of another library, well-behaved and hostile.

use monitor_runtime::prometheus::{
    Registry,
    core::{Collector, Desc},
    proto::{
        Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary, Untyped,
    },
};
use proptest::{collection::vec, prelude::*};

/// Registers a collector that shows these families.
pub(crate) fn register(registry: &Registry, name: &str, families: Vec<MetricFamily>) {
    struct Fixed(Desc, Vec<MetricFamily>);
    impl Collector for Fixed {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.0]
        }
        fn collect(&self) -> Vec<MetricFamily> {
            self.1.clone()
        }
    }
    let desc = Desc::new(name.to_owned(), "Anything".to_owned(), Vec::new(), Default::default()).expect("a good name");
    registry.register(Box::new(Fixed(desc, families))).expect("a new name");
}

pub(crate) fn family(name: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(format!(" Help for \"{name}\", a\\b\nsecond\rline "));
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

pub(crate) fn counter(value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::default();
    metric.set_counter(counter);
    metric
}

pub(crate) fn gauge(value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    Metric::from_gauge(gauge)
}

#[expect(deprecated, reason = "the only way to make one")]
pub(crate) fn untyped(value: f64) -> Metric {
    let mut untyped = Untyped::default();
    untyped.set_value(value);
    let mut metric = Metric::default();
    metric.set_untyped(untyped);
    metric
}

pub(crate) fn histogram(buckets: &[(f64, u64)], count: u64, sum: f64) -> Metric {
    let bucket = |(bound, count): &(f64, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*count);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.iter().map(bucket).collect());
    histogram.set_sample_count(count);
    histogram.set_sample_sum(sum);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    metric
}

pub(crate) fn summary(quantiles: &[(f64, f64)], count: u64, sum: f64) -> Metric {
    let quantile = |(quantile, value): &(f64, f64)| {
        let mut q = Quantile::default();
        q.set_quantile(*quantile);
        q.set_value(*value);
        q
    };
    let mut summary = Summary::default();
    summary.set_quantile(quantiles.iter().map(quantile).collect());
    summary.set_sample_count(count);
    summary.set_sample_sum(sum);
    let mut metric = Metric::default();
    metric.set_summary(summary);
    metric
}

pub(crate) fn labelled(mut metric: Metric, labels: &[(&str, &str)]) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    metric.set_label(labels.iter().map(pair).collect());
    metric
}

/// A text that breaks pages: quotes, backslashes, ends of lines, controls, and what looks like a page.
pub(crate) fn hostile_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z0-9/ ]{0,6}",
        2 => Just("\"".to_owned()),
        2 => Just("\\".to_owned()),
        2 => Just("\n".to_owned()),
        1 => "[\0\r\t\u{1b}\u{7f}\u{85}\u{2028}\u{2029}\u{feff}\u{202e}\u{fffd}]",
        1 => "[{}=,#]{1,3}",
        1 => Just("\n# EOF\n".to_owned()),
        1 => Just("\"} 1\nforged_total 2".to_owned()),
        1 => "\\PC{0,8}",
        // About as long as a value may be, and far longer.
        1 => "[x\"\\\\é\0]{120,140}",
        1 => Just("é\n".repeat(200)),
        1 => proptest::char::any().prop_map(String::from),
    ];
    vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// Any family: most of them good, so that good ones stand beside bad ones, and of few names, so that they clash.
pub(crate) fn any_family() -> impl Strategy<Value = MetricFamily> {
    let name = prop_oneof![
        12 => proptest::sample::select(vec![
            "x", "x_total", "x_count", "x_sum", "x_bucket", "x_created", "x_seconds", "x_seconds_total", "y_bytes", "y_total", "y", "a:b_ratio", "_total", "total", "seconds",
        ]).prop_map(str::to_owned),
        1 => proptest::sample::select(vec!["", "0", "a-b", "é", "a b", "a\nb", "a{"]).prop_map(str::to_owned),
        1 => hostile_text(),
    ];
    let kind = proptest::sample::select(vec![
        MetricType::COUNTER,
        MetricType::GAUGE,
        MetricType::HISTOGRAM,
        MetricType::SUMMARY,
        MetricType::UNTYPED,
    ]);
    (name, hostile_text(), kind).prop_flat_map(|(name, help, kind)| {
        vec(any_metric(kind), 1..5).prop_map(move |metrics| {
            let mut family = family(&name, kind, metrics);
            family.set_help(help.clone());
            family
        })
    })
}

fn any_metric(kind: MetricType) -> impl Strategy<Value = Metric> {
    let label = prop_oneof![
        20 => proptest::sample::select(vec!["a", "b", "c", "tenant"]).prop_map(str::to_owned),
        1 => proptest::sample::select(vec!["le", "quantile", "__name__", "__x", "", "0a", "a-b", "a:b", "é"]).prop_map(str::to_owned),
    ];
    let labels = vec((label, hostile_text()), 0..3);
    let metric = match kind {
        MetricType::COUNTER => number(10).prop_map(counter).boxed(),
        MetricType::GAUGE => number(1).prop_map(gauge).boxed(),
        MetricType::UNTYPED => number(1).prop_map(untyped).boxed(),
        MetricType::HISTOGRAM => any_histogram().boxed(),
        MetricType::SUMMARY => any_summary().boxed(),
    };
    let timestamp = prop_oneof![3 => Just(0), 1 => any::<i64>(), 1 => -5000i64..5000];
    (labels, metric, timestamp).prop_map(|(labels, metric, timestamp)| {
        let labels: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut metric = labelled(metric, &labels);
        metric.set_timestamp_ms(timestamp);
        metric
    })
}

/// `good` to one, a number that a counter may have.
fn number(good: u32) -> impl Strategy<Value = f64> {
    prop_oneof![
        good => prop_oneof![(0u64..1 << 60).prop_map(|n| n as f64), 0.0..1e9],
        1 => proptest::num::f64::ANY,
        1 => proptest::sample::select(vec![0.0, -0.0, f64::INFINITY, 1e-7, 1e300]),
    ]
}

fn any_histogram() -> impl Strategy<Value = Metric> {
    let buckets =
        vec((prop_oneof![30 => -2.0..50.0, 1 => proptest::num::f64::ANY, 1 => Just(f64::INFINITY)], 0u64..9), 0..5);
    (buckets, 0u64..40, number(20), prop::bool::weighted(0.9)).prop_map(|(mut buckets, more, sum, good)| {
        let mut count = more;
        if good {
            buckets.sort_by(|a: &(f64, u64), b| a.0.total_cmp(&b.0));
            count = 0;
            for bucket in &mut buckets {
                count += bucket.1;
                bucket.1 = count;
            }
            count += more;
        }
        histogram(&buckets, count, sum)
    })
}

fn any_summary() -> impl Strategy<Value = Metric> {
    let quantile = prop_oneof![30 => 0.0..=1.0, 1 => proptest::num::f64::ANY];
    (vec((quantile, number(20)), 0..4), any::<u64>(), number(20))
        .prop_map(|(quantiles, count, sum)| summary(&quantiles, count, sum))
}
