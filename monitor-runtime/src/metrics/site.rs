//! A place in the code that writes to one series: it finds the series once and keeps its cell.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::cells::{self, Home, Slot, UNRESOLVED};
use super::counter::Counter;
use super::family::Family;
use super::first_cell_of_known;
use super::gauge::{Gauge, GaugeSeries};
use super::histogram::{Histogram, HistogramSeries};
use super::label::LabelSet;
use super::trouble::{Trouble, caught};

/// One series of a call site whose label values never change.
pub struct Site {
    family: &'static Family,
    labels: &'static (dyn LabelSet + Sync),
    cell: AtomicU32,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("family", self.family).finish_non_exhaustive()
    }
}

impl Site {
    const fn new(family: &'static Family, labels: &'static (dyn LabelSet + Sync)) -> Self {
        Site { family, labels, cell: AtomicU32::new(UNRESOLVED) }
    }

    /// A counter's site.
    pub const fn counter<L: LabelSet + Sync>(counter: &'static Counter<L>, labels: &'static L) -> Self {
        Site::new(&counter.family, labels)
    }

    /// A gauge's site.
    pub const fn gauge<L: LabelSet + Sync>(gauge: &'static Gauge<L>, labels: &'static L) -> Self {
        Site::new(&gauge.family, labels)
    }

    /// A histogram's site.
    pub const fn histogram<L: LabelSet + Sync>(histogram: &'static Histogram<L>, labels: &'static L) -> Self {
        Site::new(&histogram.family, labels)
    }

    /// Adds to a counter.
    #[inline]
    pub fn add(&self, n: u64) {
        if !cells::add_home(self.cell.load(Relaxed), n) {
            self.add_away(n);
        }
    }

    #[cold]
    #[inline(never)]
    fn add_away(&self, n: u64) {
        cells::add(self.cell(), n);
    }

    /// The counter's cell, if it is known and stands in this thread's first page.
    #[inline(always)]
    pub(crate) fn slot_at_home(&self, home: Home) -> Option<Slot> {
        home.slot(self.cell.load(Relaxed))
    }

    /// Observes the seconds since `start` where that needs no call; otherwise `None`, and nothing is recorded.
    #[inline(always)]
    pub(crate) fn observe_since_at_home(&self, home: Home, start: u64) -> Option<()> {
        HistogramSeries::at(self.family.bounds(), self.cell.load(Relaxed)).observe_since_at_home(home, start)
    }

    #[inline]
    pub(crate) fn gauge_series(&self) -> GaugeSeries {
        GaugeSeries::at(self.cell())
    }

    /// The histogram's series, to observe or to time.
    #[inline]
    pub fn histogram_series(&self) -> HistogramSeries {
        HistogramSeries::at(self.family.bounds(), self.cell())
    }

    #[inline]
    fn cell(&self) -> u32 {
        match self.cell.load(Relaxed) {
            UNRESOLVED => self.find(),
            cell => cell,
        }
    }

    #[cold]
    fn find(&self) -> u32 {
        // Where a type writes its own labels.
        let find = || first_cell_of_known(self.family, self.labels);
        let cell = caught(Trouble::LabelPanicked, find).unwrap_or(UNRESOLVED);
        self.cell.store(cell, Relaxed);
        cell
    }
}
