//! Counters: what happened, how often.

use std::marker::PhantomData;

use prometheus::Registry;

use super::family::{Declaration, Family, Kind, RegisterError};
use super::label::{LabelSet, NoLabels};
use super::{cells, first_cell};

/// A family of counters; [`metrics!`](crate::metrics) declares it.
#[derive(Debug)]
pub struct Counter<L> {
    pub(super) family: Family,
    labels: PhantomData<fn() -> L>,
}

impl<L> Counter<L> {
    #[doc(hidden)]
    pub const fn declare(declaration: Declaration) -> Self {
        Counter { family: Family::new(Kind::Counter, declaration), labels: PhantomData }
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
        Ok(Counter { family: self.family.in_registry(registry)?, labels: PhantomData })
    }
}

impl<L: LabelSet> Counter<L> {
    /// The series with these label values. Keep it where the values do not change: it saves the look-up.
    #[inline]
    pub fn with(&self, labels: L) -> CounterSeries {
        CounterSeries { cell: first_cell(&self.family, &labels) }
    }
}

impl<L: NoLabels> Counter<L> {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.with(L::NONE).inc();
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.with(L::NONE).add(n);
    }

    /// The count so far, of all threads.
    pub fn value(&self) -> u64 {
        self.with(L::NONE).value()
    }
}

/// One counter.
#[derive(Clone, Copy, Debug)]
pub struct CounterSeries {
    cell: u32,
}

impl CounterSeries {
    pub(crate) const fn at(cell: u32) -> Self {
        CounterSeries { cell }
    }

    /// Adds one.
    #[inline]
    pub fn inc(self) {
        self.add(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add(self, n: u64) {
        if !cells::add_home(self.cell, n) {
            cells::add(self.cell, n);
        }
    }

    /// The count so far, of all threads.
    pub fn value(self) -> u64 {
        cells::sum(self.cell)
    }

    #[doc(hidden)]
    pub fn here(self) -> f64 {
        cells::here(self.cell) as f64
    }
}
