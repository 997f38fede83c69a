//! A histogram as totals, what was added between two of them, and the quantiles of that.

/// The buckets of one histogram, added up over its series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Buckets {
    /// Without the last, which is infinite.
    bounds: Vec<f64>,
    /// Cumulative, one more than there are bounds.
    counts: Vec<u64>,
}

/// The quantiles that are shown, in the family's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
}

impl Buckets {
    /// Adds a series. One with other bounds than those before is left out: they cannot be added.
    pub(super) fn add(&mut self, bounds: &[f64], counts: &[u64]) {
        if self.counts.is_empty() {
            self.bounds = bounds.to_vec();
            self.counts = counts.to_vec();
        } else if self.bounds == bounds && self.counts.len() == counts.len() {
            self.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }

    pub(super) fn add_all(&mut self, other: &Buckets) {
        self.add(&other.bounds, &other.counts);
    }

    /// What was observed since `before`, which may be before the first observation.
    pub(super) fn since(&self, before: Option<&Buckets>) -> Buckets {
        let mut since = self.clone();
        if let Some(before) = before.filter(|before| before.bounds == self.bounds) {
            since.counts.iter_mut().zip(&before.counts).for_each(|(now, then)| *now = now.saturating_sub(*then));
        }
        since
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        Quantiles { p50: self.quantile(0.5), p95: self.quantile(0.95), p99: self.quantile(0.99) }
    }

    /// As Prometheus' `histogram_quantile` estimates it: observations lie evenly in their bucket, the first of which
    /// begins at zero; above the highest bound there is no telling, so that bound stands for it. None of nothing.
    fn quantile(&self, q: f64) -> Option<f64> {
        let total = *self.counts.last()?;
        if total == 0 {
            return None;
        }
        let rank = q * total as f64;
        let bucket = self.counts.iter().position(|count| *count as f64 >= rank)?;
        let Some(upper) = self.bounds.get(bucket) else { return self.bounds.last().copied() };
        let below = if bucket == 0 { 0 } else { self.counts[bucket - 1] };
        let lower = if bucket == 0 { 0f64.min(*upper) } else { self.bounds[bucket - 1] };
        let within = self.counts[bucket] - below;
        let part = if within == 0 { 1.0 } else { (rank - below as f64) / within as f64 };
        Some(lower + (upper - lower) * part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[u64]) -> Buckets {
        let mut buckets = Buckets::default();
        buckets.add(&[0.1, 0.5, 1.0], counts);
        buckets
    }

    #[test]
    fn quantiles_are_those_of_histogram_quantile() {
        // Worked out by `promtool test rules` for the same buckets.
        let quantiles = of(&[50, 90, 98, 100]).quantiles();
        assert_eq!(quantiles.p50, Some(0.1));
        assert_eq!(quantiles.p95, Some(0.5 + 0.5 * 5.0 / 8.0));
        assert_eq!(quantiles.p99, Some(1.0), "beyond the highest bound there is no telling");
        assert_eq!(of(&[10, 10, 10, 10]).quantiles().p50, Some(0.05));
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Buckets::default().quantiles(), Quantiles::default());
        assert_eq!(of(&[0; 4]).quantiles(), Quantiles::default());
        let now = of(&[1, 2, 3, 4]);
        assert_eq!(now.since(Some(&now)).quantiles(), Quantiles::default());
    }

    #[test]
    fn what_was_added_since_is_told_apart_from_what_was_there() {
        let (before, now) = (of(&[100, 100, 100, 100]), of(&[100, 100, 110, 110]));
        assert_eq!(now.since(Some(&before)), of(&[0, 0, 10, 10]));
        assert_eq!(now.since(None), now);
    }

    #[test]
    fn series_of_other_bounds_are_left_out() {
        let mut buckets = of(&[1, 1, 1, 1]);
        buckets.add(&[7.0], &[5, 5]);
        buckets.add(&[0.1, 0.5, 1.0], &[0, 1, 1, 1]);
        assert_eq!(buckets, of(&[1, 2, 2, 2]));
    }
}
