//! A family: its declaration, and what a scrape sees of it; its place in a registry is found by `registration`, its
//! numbers stand in `cells`.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use prometheus::Registry;
use prometheus::proto;

use super::cells;
use super::label::Label;
use super::series::SeriesTable;
use crate::place::Place;

/// The series that a family may have when its declaration names no limit.
pub const DEFAULT_LIMIT: u32 = 2_000;

/// The series that a family may gain in a second when its declaration does not say.
pub const DEFAULT_GROWTH: u32 = 100;

/// What a family's numbers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Observations, by bucket, and their sum.
    Histogram,
}

impl Kind {
    /// The kind as both formats spell it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

impl Declaration {
    /// Whether two declarations of one kind may share a family.
    pub(super) fn has_shape_of(&self, other: &Declaration) -> bool {
        self.help == other.help
            && self.labels == other.labels
            && self.bounds == other.bounds
            && self.limit == other.limit
            && self.growth == other.growth
    }
}

/// What `metrics!` wrote down about a family.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The name on the page.
    pub name: &'static str,
    /// The doc comment.
    pub help: &'static str,
    /// The labels, in order.
    pub labels: &'static [Label],
    /// A histogram's upper bounds, rising, without `+Inf`.
    pub bounds: &'static [f64],
    /// How many series it may have.
    pub limit: u32,
    /// How many series it may gain in a second.
    pub growth: u32,
    /// Where it stands.
    pub place: Place,
    /// Where it is registered.
    pub registry: fn() -> &'static Registry,
}

/// A declared family; found in its registry, or put there, at the first use of any family.
#[derive(Debug)]
pub struct Family {
    pub(crate) kind: Kind,
    pub(crate) declaration: Declaration,
    pub(super) core: OnceLock<&'static Core>,
}

impl Family {
    pub(super) const fn new(kind: Kind, declaration: Declaration) -> Self {
        Family { kind, declaration, core: OnceLock::new() }
    }

    #[inline]
    pub(crate) fn bounds(&self) -> &'static [f64] {
        self.declaration.bounds
    }
}

/// A family in the list of all that this program declares.
#[derive(Debug)]
pub struct Declared(pub &'static Family);
inventory::collect!(Declared);

/// Families whose values are computed when a scrape asks for them: the function sets them.
#[derive(Debug)]
pub(crate) struct Computed {
    pub(crate) families: &'static [&'static Family],
    pub(crate) refresh: fn(),
}
inventory::collect!(Computed);

/// What a scrape sees of a family. It lives as long as the process, so a handle to one of its series is a plain copy.
pub(crate) struct Core {
    pub(crate) kind: Kind,
    declaration: Declaration,
    pub(crate) series: SeriesTable,
    /// Whether a page may take the family itself: not where the registry adds a prefix or labels of its own.
    pub(super) handed_over: bool,
    /// Of one of the [`Computed`] families.
    pub(super) refresh: OnceLock<fn()>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("declaration", &self.declaration).finish_non_exhaustive()
    }
}

impl Deref for Core {
    type Target = Declaration;

    fn deref(&self) -> &Declaration {
        &self.declaration
    }
}

impl Core {
    /// `None` when the process has no cells left.
    pub(super) fn new(kind: Kind, declaration: &Declaration, handed_over: bool) -> Option<&'static Core> {
        let cells = match kind {
            Kind::Counter => 1,
            Kind::Gauge => cells::GAUGE_CELLS,
            Kind::Histogram => declaration.bounds.len() + 2,
        };
        let series = SeriesTable::new(declaration.labels, declaration.limit, declaration.growth, cells)?;
        for_all_known(declaration, &mut |values| {
            series.cell_of_known(values);
        });
        Some(Box::leak(Box::new(Core {
            kind,
            declaration: *declaration,
            series,
            handed_over,
            refresh: OnceLock::new(),
        })))
    }

    /// The family as the registry's own types show it.
    pub(super) fn to_proto(&self) -> proto::MetricFamily {
        let mut family = proto::MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(match self.kind {
            Kind::Counter => proto::MetricType::COUNTER,
            Kind::Gauge => proto::MetricType::GAUGE,
            Kind::Histogram => proto::MetricType::HISTOGRAM,
        });
        let metrics = family.mut_metric();
        self.series.for_each(&mut |text, cell| {
            let mut metric = proto::Metric::from_label(pairs(text));
            match self.kind {
                Kind::Counter => {
                    let mut counter = proto::Counter::default();
                    counter.set_value(cells::sum(cell) as f64);
                    metric.set_counter(counter);
                }
                Kind::Gauge => {
                    let mut gauge = proto::Gauge::default();
                    gauge.set_value(cells::gauge(cell));
                    metric.set_gauge(gauge);
                }
                Kind::Histogram => metric.set_histogram(self.histogram(cell)),
            }
            metrics.push(metric);
        });
        family
    }

    fn histogram(&self, first: u32) -> proto::Histogram {
        let mut histogram = proto::Histogram::default();
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.bounds.len());
        for (cell, bound) in (first..).zip(self.bounds) {
            count += cells::sum(cell);
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(count);
            buckets.push(bucket);
        }
        let last = first + self.bounds.len() as u32;
        histogram.set_bucket(buckets);
        histogram.set_sample_count(count + cells::sum(last));
        histogram.set_sample_sum(cells::sum_f64(last + 1));
        histogram
    }
}

/// Visits every label set of a family whose labels all know their values, when there are few enough.
fn for_all_known(declaration: &Declaration, visit: &mut dyn FnMut(&[&str])) {
    let Some(values) = declaration.labels.iter().map(|label| label.values).collect::<Option<Vec<_>>>() else { return };
    let count = values.iter().try_fold(1usize, |count, values| count.checked_mul(values.len()));
    let Some(count) = count.filter(|count| *count <= declaration.limit as usize) else { return };
    let mut set: Vec<&str> = vec![""; values.len()];
    for mut number in 0..count {
        for (value, values) in set.iter_mut().zip(&values).rev() {
            *value = values[number % values.len()];
            number /= values.len();
        }
        visit(&set);
    }
}

/// `a="x",b="y"` -> pairs with their escapes undone.
fn pairs(text: &str) -> Vec<proto::LabelPair> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((name, tail)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = tail.char_indices();
        let mut end = tail.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c)) => value.push(c),
                    None => {}
                },
                c => value.push(c),
            }
        }
        let mut pair = proto::LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pairs.push(pair);
        rest = tail[end..].trim_start_matches(',');
    }
    pairs
}
