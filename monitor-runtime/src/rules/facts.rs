//! What a program has: its declared families, and the limits that it names. Both are known before `main`.

use std::collections::BTreeMap;

use crate::metrics::family::Declared;

/// A name that is watched for anomalies, with the limits that the program gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// What it is called in the label `endpoint`.
    pub name: String,
    /// The latency, in seconds, above which a call is abnormal; None where it is learned.
    pub latency_threshold: Option<f64>,
    /// The share of errors, from 0 to 1, above which the name is abnormal; None where it is learned.
    pub error_threshold: Option<f64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// By name, with their bounds; the toolkit's own included.
    families: BTreeMap<&'static str, &'static [f64]>,
    /// By name.
    pub(super) watched: Vec<Watched>,
    /// The names of paid operations.
    pub(super) operations: Vec<String>,
}

impl Facts {
    pub(super) fn of_this_program() -> Facts {
        let declared = inventory::iter::<Declared>.into_iter().map(|declared| &declared.0.declaration);
        let mut families: BTreeMap<&str, &[f64]> =
            declared.map(|declaration| (declaration.name, declaration.bounds)).collect();
        // These three stand on the page alone, beside the family that they are about.
        for name in ["monitor_series", "monitor_series_limit", "monitor_overflowed_total"] {
            families.insert(name, &[]);
        }
        Facts { families, watched: Vec::new(), operations: Vec::new() }
    }

    pub(super) fn has(&self, family: &str) -> bool {
        self.families.contains_key(family)
    }

    /// The bounds of a histogram, without the infinite one.
    pub(super) fn bounds(&self, family: &str) -> &'static [f64] {
        self.families.get(family).copied().unwrap_or(&[])
    }
}

/// The bound by which "slower than `threshold`" can be counted: the highest that is not above it, so that an alert comes
/// early rather than never; below all bounds, the lowest.
pub(super) fn bound_for(threshold: f64, bounds: &[f64]) -> Option<f64> {
    bounds.iter().rev().find(|bound| **bound <= threshold).or(bounds.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_between_two_bounds_is_counted_by_the_lower() {
        let bounds = [0.1, 0.5, 1.0];
        for (threshold, bound) in [(0.5, 0.5), (0.7, 0.5), (0.05, 0.1), (30.0, 1.0), (0.1, 0.1)] {
            assert_eq!(bound_for(threshold, &bounds), Some(bound), "{threshold}");
        }
        assert_eq!(bound_for(0.5, &[]), None);
    }
}
