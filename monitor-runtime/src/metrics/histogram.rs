//! Histograms: how observations are spread over buckets.

use std::time::Duration;

use super::cells::{self, Home};
use super::exemplar::{self, Exemplar, TraceId};
use super::first_cell;
use super::label::{LabelSet, NoLabels};
use super::trouble::{Trouble, trouble};
use crate::clock;

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

    /// [`with`](Self::with) for values whose number has an end.
    #[cfg(feature = "actix")]
    pub(crate) fn with_chosen(&self, labels: L, by: super::ChosenBy) -> HistogramSeries {
        let cell = match by {
            super::ChosenBy::Program => super::first_cell_of_known(&self.family, &labels),
            super::ChosenBy::Client => super::first_cell_of_chosen(&self.family, &labels),
        };
        HistogramSeries { bounds: self.family.bounds(), first: cell }
    }
}

// The bound stands on each method, so that rustc explains it in the words of `NoLabels`.
impl<L: LabelSet> Histogram<L> {
    /// Records one value, in the family's unit.
    #[inline]
    pub fn observe(&self, value: f64)
    where
        L: NoLabels,
    {
        self.with(L::NONE).observe(value);
    }

    /// Records a duration, in seconds.
    #[inline]
    pub fn observe_duration(&self, duration: Duration)
    where
        L: NoLabels,
    {
        self.with(L::NONE).observe_duration(duration);
    }

    /// Records, in seconds, how long the answer lives.
    #[inline]
    pub fn start_timer(&self) -> Timer
    where
        L: NoLabels,
    {
        self.with(L::NONE).start_timer()
    }

    /// How many values have been recorded, by all threads.
    pub fn count(&self) -> u64
    where
        L: NoLabels,
    {
        self.with(L::NONE).count()
    }

    /// The sum of all values recorded.
    pub fn sum(&self) -> f64
    where
        L: NoLabels,
    {
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
        if value.is_finite() {
            self.observe_finite(value);
        } else {
            trouble(Trouble::ObservationNotFinite);
        }
    }

    /// Records one value and makes it the exemplar of its bucket: in OpenMetrics the trace's id stands beside the count.
    pub fn observe_traced(self, value: f64, trace_id: TraceId) {
        self.observe(value);
        if value.is_finite() {
            let cell = self.first.wrapping_add(bucket(self.bounds, value) as u32);
            exemplar::keep(cell, Exemplar { trace_id, value, time: clock::unix_seconds() });
        }
    }

    /// What the clock gives is finite.
    #[inline]
    fn observe_finite(self, value: f64) {
        cells::observe(self.first, bucket(self.bounds, value), self.bounds.len() + 1, value);
    }

    /// Records the seconds since `start`, and says them.
    #[inline]
    pub(crate) fn observe_since(self, start: u64) -> f64 {
        let seconds = clock::seconds_since(start);
        self.observe_finite(seconds);
        seconds
    }

    /// [`observe_since`](Self::observe_since) where that needs no call; otherwise `None`, and nothing is recorded.
    #[inline(always)]
    pub(crate) fn observe_since_at_home(self, home: Home, start: u64) -> Option<()> {
        let seconds = clock::seconds_since_by_time_stamp(start)?;
        home.observe(self.first, bucket(self.bounds, seconds), self.bounds.len() + 1, seconds)
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

/// The first bucket whose bound is not below `value`.
///
/// As many as the bounds below it. The usual 8 to 16 bounds are compared all at once, the first eight and the last eight,
/// which takes no more instructions than a search by halves and a third of the time: there each step waits for the one
/// before it.
#[inline(always)]
fn bucket(bounds: &[f64], value: f64) -> usize {
    let below = |eight: &[f64; 8]| eight.iter().map(|bound| u64::from(*bound < value)).sum::<u64>() as usize;
    if bounds.len() <= 16
        && let (Some(first), Some(last)) = (bounds.first_chunk(), bounds.last_chunk())
    {
        match below(first) {
            8 => bounds.len() - 8 + below(last),
            below => below,
        }
    } else {
        bounds.partition_point(|bound| *bound < value)
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
        let seconds = self.series.observe_since(self.start);
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
        self.series.observe_since(self.start);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_value_goes_to_the_first_bucket_that_is_not_below_it() {
        for count in 0..40 {
            let bounds: Vec<f64> = (1..=count).map(f64::from).collect();
            for value in 0..=2 * count + 2 {
                let value = f64::from(value) / 2.0;
                let below = bounds.iter().filter(|bound| **bound < value).count();
                assert_eq!(super::bucket(&bounds, value), below, "{value} among {count} bounds");
            }
        }
    }
}
