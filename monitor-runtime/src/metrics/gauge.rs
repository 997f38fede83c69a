//! Gauges: what is the case now.

use super::label::{LabelSet, NoLabels};
use super::{cells, first_cell};

typed_family! {
    /// A family of gauges; [`metrics!`](crate::metrics) declares it.
    Gauge
}

impl<L: LabelSet> Gauge<L> {
    /// The series with these label values. Keep it where the values do not change: it saves the look-up.
    #[inline]
    pub fn with(&self, labels: L) -> GaugeSeries {
        GaugeSeries { cell: first_cell(&self.family, &labels) }
    }
}

// The bound stands on each method, so that rustc explains it in the words of `NoLabels`.
impl<L: LabelSet> Gauge<L> {
    /// Adds one.
    #[inline]
    pub fn inc(&self)
    where
        L: NoLabels,
    {
        self.add(1.0);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self)
    where
        L: NoLabels,
    {
        self.add(-1.0);
    }

    /// Adds `value`, which may be negative.
    #[inline]
    pub fn add(&self, value: f64)
    where
        L: NoLabels,
    {
        self.with(L::NONE).add(value);
    }

    /// Makes it `value`.
    pub fn set(&self, value: f64)
    where
        L: NoLabels,
    {
        self.with(L::NONE).set(value);
    }

    /// Adds one until the answer is dropped.
    #[inline]
    pub fn in_flight(&self) -> InFlight
    where
        L: NoLabels,
    {
        self.with(L::NONE).in_flight()
    }

    /// The value now.
    pub fn value(&self) -> f64
    where
        L: NoLabels,
    {
        self.with(L::NONE).value()
    }
}

/// One gauge.
#[derive(Clone, Copy, Debug)]
pub struct GaugeSeries {
    cell: u32,
}

impl GaugeSeries {
    pub(super) const fn at(cell: u32) -> Self {
        GaugeSeries { cell }
    }

    /// Adds one.
    #[inline]
    pub fn inc(self) {
        cells::add(self.cell, 1);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(self) {
        // What wraps around to a step down, as in `cells::add_gauge`.
        cells::add(self.cell, u64::MAX);
    }

    /// Adds `value`, which may be negative.
    #[inline]
    pub fn add(self, value: f64) {
        cells::add_gauge(self.cell, value);
    }

    /// Makes it `value`.
    pub fn set(self, value: f64) {
        cells::set_gauge(self.cell, value);
    }

    /// Adds one until the answer is dropped.
    #[inline]
    pub fn in_flight(self) -> InFlight {
        self.inc();
        InFlight(self)
    }

    /// The value now.
    pub fn value(self) -> f64 {
        cells::gauge(self.cell)
    }

    #[doc(hidden)]
    pub fn here(self) -> f64 {
        // Steps down are counted as what wraps around to them.
        cells::here(self.cell) as i64 as f64
    }
}

/// One that a gauge counts until this is dropped.
#[derive(Debug)]
#[must_use = "the gauge falls again as soon as this is dropped"]
pub struct InFlight(GaugeSeries);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
