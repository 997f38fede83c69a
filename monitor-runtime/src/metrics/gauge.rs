//! Gauges: what is the case now.

use std::marker::PhantomData;

use prometheus::Registry;

use super::family::{Declaration, Family, Kind, RegisterError};
use super::label::{LabelSet, NoLabels};
use super::{cells, first_cell};

/// A family of gauges; [`metrics!`](crate::metrics) declares it.
#[derive(Debug)]
pub struct Gauge<L> {
    pub(super) family: Family,
    labels: PhantomData<fn() -> L>,
}

impl<L> Gauge<L> {
    #[doc(hidden)]
    pub const fn declare(declaration: Declaration) -> Self {
        Gauge { family: Family::new(Kind::Gauge, declaration), labels: PhantomData }
    }

    #[doc(hidden)]
    pub const fn family(&self) -> &Family {
        &self.family
    }

    /// The same family, separate, in another registry: for a test that wants numbers of its own.
    ///
    /// # Errors
    /// When the registry holds another family of that name.
    pub fn in_registry(&self, registry: &Registry) -> Result<Self, RegisterError> {
        Ok(Gauge { family: self.family.in_registry(registry)?, labels: PhantomData })
    }
}

impl<L: LabelSet> Gauge<L> {
    /// The series with these label values. Keep it where the values do not change: it saves the look-up.
    #[inline]
    pub fn with(&self, labels: L) -> GaugeSeries {
        GaugeSeries { cell: first_cell(&self.family, &labels) }
    }
}

impl<L: NoLabels> Gauge<L> {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// Adds `value`, which may be negative.
    #[inline]
    pub fn add(&self, value: f64) {
        self.with(L::NONE).add(value);
    }

    /// Makes it `value`.
    pub fn set(&self, value: f64) {
        self.with(L::NONE).set(value);
    }

    /// Adds one until the answer is dropped.
    #[inline]
    pub fn in_flight(&self) -> InFlight {
        self.with(L::NONE).in_flight()
    }

    /// The value now.
    pub fn value(&self) -> f64 {
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
        self.add(1.0);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(self) {
        self.add(-1.0);
    }

    /// Adds `value`, which may be negative.
    #[inline]
    pub fn add(self, value: f64) {
        cells::add_f64(self.cell, value);
    }

    /// Makes it `value`.
    pub fn set(self, value: f64) {
        cells::set_f64(self.cell, value);
    }

    /// Adds one until the answer is dropped.
    #[inline]
    pub fn in_flight(self) -> InFlight {
        self.inc();
        InFlight(self)
    }

    /// The value now.
    pub fn value(self) -> f64 {
        cells::sum_f64(self.cell)
    }

    #[doc(hidden)]
    pub fn here(self) -> f64 {
        cells::here_f64(self.cell)
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
