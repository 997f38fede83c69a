//! Histograms: how observations are spread over buckets.

use std::time::Duration;

use super::exemplar::{self, Exemplar, TraceId};
use super::label::{LabelSet, NoLabels};
use super::{cells, first_cell};
use crate::clock;
use crate::health::{self, Trouble};

/// The buckets of a histogram that names none, in seconds: from a cached answer to a patient client's limit.
pub const DEFAULT_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

typed_family! {
    /// A family of histograms; [`metrics!`](crate::metrics) declares it.
    Histogram
}

impl<L: LabelSet> Histogram<L> {
    /// The series with these label values. Keep it where the values do not change: it saves the look-up.
    #[inline]
    pub fn with(&self, labels: L) -> HistogramSeries {
        HistogramSeries { bounds: self.family.bounds(), first: first_cell(&self.family, &labels) }
    }
}

impl<L: NoLabels> Histogram<L> {
    /// Records one value, in the family's unit.
    #[inline]
    pub fn observe(&self, value: f64) {
        self.with(L::NONE).observe(value);
    }

    /// Records a duration, in seconds.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.with(L::NONE).observe_duration(duration);
    }

    /// Records, in seconds, how long the answer lives.
    #[inline]
    pub fn start_timer(&self) -> Timer {
        self.with(L::NONE).start_timer()
    }

    /// How many values have been recorded, by all threads.
    pub fn count(&self) -> u64 {
        self.with(L::NONE).count()
    }

    /// The sum of all values recorded.
    pub fn sum(&self) -> f64 {
        self.with(L::NONE).sum()
    }
}

/// One histogram.
#[derive(Clone, Copy, Debug)]
pub struct HistogramSeries {
    bounds: &'static [f64],
    first: u32,
}

impl HistogramSeries {
    #[inline]
    pub(crate) const fn at(bounds: &'static [f64], first: u32) -> Self {
        HistogramSeries { bounds, first }
    }

    /// Records one value, in the family's unit.
    ///
    /// A value that is not finite is left out, since one of them would spoil the sum for good, and is counted in
    /// `monitor_instrumentation_errors_total`.
    #[inline]
    pub fn observe(self, value: f64) {
        self.observe_in_bucket(value);
    }

    /// Records one value and makes it the exemplar of its bucket: in OpenMetrics the trace's id stands beside the count.
    pub fn observe_traced(self, value: f64, trace_id: TraceId) {
        if let Some(cell) = self.observe_in_bucket(value) {
            exemplar::keep(cell, Exemplar { trace_id, value, time: clock::unix_seconds() });
        }
    }

    /// The cell of the bucket in which the value was counted.
    #[inline]
    fn observe_in_bucket(self, value: f64) -> Option<u32> {
        if !value.is_finite() {
            health::trouble(Trouble::ObservationNotFinite);
            return None;
        }
        let bucket: usize = self.bounds.iter().map(|bound| usize::from(value > *bound)).sum();
        cells::observe(self.first, bucket, self.bounds.len() + 1, value);
        Some(self.first.wrapping_add(bucket as u32))
    }

    /// Records a duration, in seconds.
    #[inline]
    pub fn observe_duration(self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Records, in seconds, how long the answer lives.
    #[inline]
    pub fn start_timer(self) -> Timer {
        Timer { series: self, start: clock::ticks() }
    }

    /// How many values have been recorded, by all threads.
    pub fn count(self) -> u64 {
        self.buckets().map(cells::sum).fold(0, u64::wrapping_add)
    }

    /// The sum of all values recorded.
    pub fn sum(self) -> f64 {
        cells::sum_f64(self.first.wrapping_add(self.bounds.len() as u32 + 1))
    }

    #[doc(hidden)]
    pub fn here(self) -> f64 {
        self.buckets().map(cells::here).fold(0, u64::wrapping_add) as f64
    }

    fn buckets(self) -> impl Iterator<Item = u32> {
        (0..=self.bounds.len() as u32).map(move |bucket| self.first.wrapping_add(bucket))
    }
}

/// Records how long it lives, in seconds.
#[derive(Debug)]
#[must_use = "the time is recorded as soon as this is dropped"]
pub struct Timer {
    series: HistogramSeries,
    start: u64,
}

impl Timer {
    /// Records now, and says the seconds.
    pub fn stop(self) -> f64 {
        let seconds = clock::seconds_since(self.start);
        self.series.observe(seconds);
        std::mem::forget(self);
        seconds
    }

    /// Records nothing.
    pub fn discard(self) {
        std::mem::forget(self);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.series.observe(clock::seconds_since(self.start));
    }
}
