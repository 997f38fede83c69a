//! What stands on a page before it is text: families, their series and the points of these. Who may stand there is
//! decided by the page, and how it is written by the encoder.

use super::foreign;
use crate::metrics::{
    cells, exemplar,
    family::{Core, Kind},
};

/// What a family says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Unknown,
}

impl Type {
    /// What the names of the family's samples may add to its own.
    pub(crate) const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Type::Counter | Type::Gauge | Type::Unknown => &[""],
            Type::Histogram => &["", "_bucket", "_sum", "_count"],
            Type::Summary => &["", "_sum", "_count"],
        }
    }
}

/// One series at the moment of the scrape.
pub(crate) struct Series<'a> {
    /// Rendered and escaped: `auth_method="password",plan="free"`.
    pub(crate) labels: &'a str,
    pub(crate) point: Point<'a>,
    /// In milliseconds since the epoch; most series have none.
    pub(crate) timestamp: Option<i64>,
}

/// The value of a series.
pub(crate) enum Point<'a> {
    Integer(u64),
    Float(f64),
    Histogram {
        /// Without the last, which is infinite.
        bounds: &'a [f64],
        /// Cumulative, and one more than there are bounds: the last is the count of all.
        counts: &'a [u64],
        sum: f64,
        /// The cell of the first bucket, where some bucket of this process may have an exemplar.
        exemplars: Option<u32>,
    },
    Summary {
        /// Quantile and value.
        quantiles: &'a [(f64, f64)],
        sum: f64,
        count: u64,
    },
}

/// Whoever looks at series. A trait, so that it can ask to be inlined where the kind of the point is known.
pub(crate) trait Show {
    fn show(&mut self, series: &Series<'_>);
}

impl<F: FnMut(&Series<'_>)> Show for F {
    #[inline(always)]
    fn show(&mut self, series: &Series<'_>) {
        self(series);
    }
}

/// A family on the page.
#[derive(Clone, Copy)]
pub(crate) enum Family<'a> {
    Ours(&'static Core),
    Foreign(&'a foreign::Family),
}

impl<'a> Family<'a> {
    pub(crate) fn name(self) -> &'a str {
        match self {
            Family::Ours(core) => core.name,
            Family::Foreign(family) => &family.name,
        }
    }

    pub(crate) fn help(self) -> &'a str {
        match self {
            Family::Ours(core) => core.help,
            Family::Foreign(family) => &family.help,
        }
    }

    pub(crate) fn kind(self) -> Type {
        match self {
            Family::Ours(core) => match core.kind {
                Kind::Counter => Type::Counter,
                Kind::Gauge => Type::Gauge,
                Kind::Histogram => Type::Histogram,
            },
            Family::Foreign(family) => family.kind,
        }
    }

    /// Shows each series once; `counts` is working space.
    pub(crate) fn for_each(self, counts: &mut Vec<u64>, to: &mut impl Show) {
        let core = match self {
            Family::Ours(core) => core,
            Family::Foreign(family) => return family.series.iter().for_each(|series| to.show(&series.borrow())),
        };
        let mut reader = cells::reader();
        // The kind is asked once and not for every series: this is most of what a scrape does.
        match core.kind {
            Kind::Counter => core.series.for_each(&mut |labels, cell| {
                to.show(&Series { labels, point: Point::Integer(reader.sum(cell)), timestamp: None });
            }),
            Kind::Gauge => core.series.for_each(&mut |labels, cell| {
                to.show(&Series { labels, point: Point::Float(cells::gauge(cell)), timestamp: None });
            }),
            Kind::Histogram => {
                let exemplars = exemplar::any();
                counts.clear();
                counts.resize(core.bounds.len() + 1, 0);
                core.series.for_each(&mut |labels, cell| {
                    reader.sums(cell, counts);
                    let mut count = 0u64;
                    for bucket in counts.iter_mut() {
                        count = count.wrapping_add(*bucket);
                        *bucket = count;
                    }
                    let sum = reader.sum_f64(sum_cell(core, cell));
                    to.show(&Series {
                        labels,
                        point: Point::Histogram {
                            bounds: core.bounds,
                            counts,
                            sum,
                            exemplars: exemplars.then_some(cell),
                        },
                        timestamp: None,
                    });
                });
            }
        }
    }

    /// Whether sum and count only rise, which OpenMetrics asks of a histogram and of a summary: no bound, quantile
    /// or sum is below zero.
    pub(crate) fn rises(self) -> bool {
        let mut rises = true;
        match self {
            Family::Ours(core) if core.kind == Kind::Histogram => {
                rises = core.bounds.first().is_none_or(|bound| *bound >= 0.0);
                let mut reader = cells::reader();
                core.series.for_each(&mut |_, cell| rises &= reader.sum_f64(sum_cell(core, cell)) >= 0.0);
            }
            Family::Ours(_) => {}
            Family::Foreign(family) => family.series.iter().for_each(|series| rises &= series.borrow().point.rises()),
        }
        rises
    }
}

impl Point<'_> {
    fn rises(&self) -> bool {
        match self {
            Point::Integer(_) | Point::Float(_) => true,
            Point::Histogram { bounds, sum, .. } => bounds.first().is_none_or(|bound| *bound >= 0.0) && *sum >= 0.0,
            // A quantile of nothing is NaN, and may be.
            Point::Summary { quantiles, sum, .. } => !quantiles.iter().any(|(_, value)| *value < 0.0) && *sum >= 0.0,
        }
    }
}

/// Behind the buckets, the last of which is infinite. All cells of a series are in one page of 1,024.
fn sum_cell(core: &Core, first: u32) -> u32 {
    first.wrapping_add(core.bounds.len() as u32 + 1)
}
