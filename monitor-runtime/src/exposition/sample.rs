//! What stands on a page before it is text: series and their points. Who may stand there is decided by the page, and how
//! it is written by the encoder.

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

impl Point<'_> {
    pub(super) fn rises(&self) -> bool {
        match self {
            Point::Integer(_) | Point::Float(_) => true,
            Point::Histogram { bounds, sum, .. } => bounds.first().is_none_or(|bound| *bound >= 0.0) && *sum >= 0.0,
            // A quantile of nothing is NaN, and may be.
            Point::Summary { quantiles, sum, .. } => !quantiles.iter().any(|(_, value)| *value < 0.0) && *sum >= 0.0,
        }
    }
}
