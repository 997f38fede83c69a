//! The families of other libraries, from what the registry gathered to plain data; whatever no page may hold is refused
//! here. Whether a name is free is the page's matter.

use prometheus::proto::{Histogram, LabelPair, Metric, MetricFamily, MetricType, Summary};

use super::{
    escape::{Quotes, escape},
    model,
    sample::{self, Type},
};

/// A family that may be written.
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Type,
    pub(crate) series: Vec<Series>,
}

pub(crate) struct Series {
    labels: String,
    point: Point,
    timestamp: Option<i64>,
}

enum Point {
    Value(f64),
    Histogram { bounds: Vec<f64>, counts: Vec<u64>, sum: f64 },
    Summary { quantiles: Vec<(f64, f64)>, sum: f64, count: u64 },
}

impl Family {
    /// None where a scraper would refuse the family, and with it the whole page.
    pub(super) fn accept(family: &MetricFamily) -> Option<Family> {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => Type::Counter,
            MetricType::GAUGE => Type::Gauge,
            MetricType::HISTOGRAM => Type::Histogram,
            MetricType::SUMMARY => Type::Summary,
            MetricType::UNTYPED => Type::Unknown,
        };
        let series: Vec<Series> =
            family.get_metric().iter().map(|metric| Series::accept(metric, kind)).collect::<Option<_>>()?;
        (is_metric_name(family.name()) && !has_twins(&series)).then(|| Family {
            name: family.name().to_owned(),
            help: family.help().to_owned(),
            kind,
            series,
        })
    }
}

impl Series {
    fn accept(metric: &Metric, kind: Type) -> Option<Series> {
        let own_label = match kind {
            Type::Histogram => "le",
            Type::Summary => "quantile",
            Type::Counter | Type::Gauge | Type::Unknown => "",
        };
        Some(Series {
            labels: labels(metric.get_label(), own_label)?,
            point: match kind {
                Type::Counter => Point::Value(model::counter(metric)).rising()?,
                Type::Gauge => Point::Value(model::gauge(metric)),
                Type::Unknown => Point::Value(model::untyped(metric)?),
                Type::Histogram => histogram(metric.get_histogram())?,
                Type::Summary => summary(metric.get_summary())?,
            },
            // Zero stands for none in this model.
            timestamp: Some(metric.timestamp_ms()).filter(|t| *t != 0),
        })
    }

    pub(super) fn borrow(&self) -> sample::Series<'_> {
        let point = match &self.point {
            Point::Value(value) => sample::Point::Float(*value),
            Point::Histogram { bounds, counts, sum } => {
                sample::Point::Histogram { bounds, counts, sum: *sum, exemplars: None }
            }
            Point::Summary { quantiles, sum, count } => sample::Point::Summary { quantiles, sum: *sum, count: *count },
        };
        sample::Series { labels: &self.labels, point, timestamp: self.timestamp }
    }
}

impl Point {
    /// None for what no counter can be: below zero, or no number.
    fn rising(self) -> Option<Point> {
        match self {
            Point::Value(value) => (value >= 0.0).then_some(self),
            Point::Histogram { .. } | Point::Summary { .. } => Some(self),
        }
    }
}

/// None unless bounds and counts rise. The infinite bucket is made where it is missing, and says how many there were.
fn histogram(histogram: &Histogram) -> Option<Point> {
    let mut bounds: Vec<f64> = histogram.get_bucket().iter().map(|bucket| bucket.upper_bound()).collect();
    let mut counts: Vec<u64> = histogram.get_bucket().iter().map(|bucket| bucket.cumulative_count()).collect();
    if bounds.last() == Some(&f64::INFINITY) {
        bounds.pop();
    } else {
        counts.push(histogram.get_sample_count());
    }
    // What is not below infinity is a second infinite bound, or no number.
    let rise =
        bounds.is_sorted_by(|a, b| a < b) && bounds.iter().all(|bound| *bound < f64::INFINITY) && counts.is_sorted();
    rise.then(|| Point::Histogram { bounds, counts, sum: histogram.get_sample_sum() })
}

/// None where a quantile is none, or stands there twice.
fn summary(summary: &Summary) -> Option<Point> {
    let mut quantiles: Vec<(f64, f64)> = summary.get_quantile().iter().map(|q| (q.quantile(), q.value())).collect();
    quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
    let fit = quantiles.iter().all(|(quantile, _)| (0.0..=1.0).contains(quantile))
        && quantiles.is_sorted_by(|a, b| a.0 < b.0);
    fit.then(|| Point::Summary { quantiles, sum: summary.sample_sum(), count: summary.sample_count() })
}

/// The labels as they stand on the page, in the order of their names. None where one cannot stand there.
fn labels(pairs: &[LabelPair], own_label: &str) -> Option<String> {
    let mut pairs: Vec<(&str, &str)> = pairs.iter().map(|pair| (pair.name(), pair.value())).collect();
    pairs.sort_unstable();
    if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return None;
    }
    let mut text = String::new();
    for (name, value) in pairs {
        if !is_label_name(name) || name == own_label {
            return None;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        escape(value, Quotes::End, &mut |part| text.push_str(part));
        text.push('"');
    }
    Some(text)
}

/// Whether two series read the same, which they also may when their labels only differed in what cannot be written.
fn has_twins(series: &[Series]) -> bool {
    let mut labels: Vec<&str> = series.iter().map(|series| series.labels.as_str()).collect();
    labels.sort_unstable();
    labels.windows(2).any(|pair| pair[0] == pair[1])
}

fn is_metric_name(name: &str) -> bool {
    is_name(name, |b| b == b':')
}

/// Names that begin with two underscores belong to Prometheus; one of them, `__name__`, would rename the sample.
fn is_label_name(name: &str) -> bool {
    is_name(name, |_| false) && !name.starts_with("__")
}

fn is_name(name: &str, also: impl Fn(u8) -> bool) -> bool {
    name.bytes()
        .enumerate()
        .all(|(at, b)| b.is_ascii_alphabetic() || b == b'_' || also(b) || at > 0 && b.is_ascii_digit())
        && !name.is_empty()
}
