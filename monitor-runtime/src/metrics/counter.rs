//! Counters: what happened, how often.

use super::label::{LabelSet, NoLabels};
use super::{cells, first_cell};

typed_family! {
    /// A family of counters; [`metrics!`](crate::metrics) declares it.
    Counter
}

impl<L: LabelSet> Counter<L> {
    /// The series with these label values. Keep it where the values do not change: it saves the look-up.
    #[inline]
    pub fn with(&self, labels: L) -> CounterSeries {
        CounterSeries { cell: first_cell(&self.family, &labels) }
    }

    /// [`with`](Self::with) for values whose number has an end.
    #[cfg(feature = "actix")]
    pub(crate) fn with_chosen(&self, labels: L, by: super::ChosenBy) -> CounterSeries {
        let cell = match by {
            super::ChosenBy::Program => super::first_cell_of_known(&self.family, &labels),
            super::ChosenBy::Client => super::first_cell_of_chosen(&self.family, &labels),
        };
        CounterSeries { cell }
    }
}

impl<L> Counter<L> {
    /// What this thread has counted in all series, to be subtracted from what it has later.
    #[cfg(feature = "actix-session")]
    pub(crate) fn here_in_all(&self) -> u64 {
        let mut here = 0_u64;
        if let Some(core) = self.family.core() {
            core.series.for_each(&mut |_, cell| here = here.wrapping_add(cells::here(cell)));
        }
        here
    }

    /// The registry's family of this name and these labels, if the application declares it in its own words; else one of
    /// its own.
    pub(crate) fn joining(&self, registry: &prometheus::Registry) -> Result<Self, super::RegisterError> {
        Ok(Counter { family: self.family.joining(registry)?, labels: std::marker::PhantomData })
    }
}

// The bound stands on each method, so that rustc explains it in the words of `NoLabels`.
impl<L: LabelSet> Counter<L> {
    /// Adds one.
    #[inline]
    pub fn inc(&self)
    where
        L: NoLabels,
    {
        self.with(L::NONE).inc();
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64)
    where
        L: NoLabels,
    {
        self.with(L::NONE).add(n);
    }

    /// The count so far, of all threads.
    pub fn value(&self) -> u64
    where
        L: NoLabels,
    {
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
