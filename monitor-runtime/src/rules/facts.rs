//! What a program has: its declared families, and the limits that it names. Both are known before `main`.

use std::collections::BTreeMap;

use crate::metrics::family::{Declared, Kind};

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
    /// The families that the program itself declares, by name.
    pub(super) own: Vec<Own>,
}

/// A family of the program, not of the toolkit.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) labels: Vec<&'static str>,
}

impl Facts {
    pub(super) fn of_this_program() -> Facts {
        let declared = || inventory::iter::<Declared>.into_iter().map(|declared| declared.0);
        let mut families: BTreeMap<&str, &[f64]> =
            declared().map(|family| (family.declaration.name, family.declaration.bounds)).collect();
        // These three stand on the page alone, beside the family that they are about.
        for name in ["monitor_series", "monitor_series_limit", "monitor_overflowed_total"] {
            families.insert(name, &[]);
        }
        let own = declared().filter(|family| !is_the_toolkits(family.declaration.place.file));
        let mut own: Vec<Own> = own
            .map(|family| Own {
                kind: family.kind,
                name: family.declaration.name,
                help: family.declaration.help,
                labels: family.declaration.labels.iter().map(|label| label.name).collect(),
            })
            // Those that the toolkit has rules for, whoever declares them, have theirs.
            .filter(|own| !FIXED.contains(&own.name))
            .collect();
        own.sort_by_key(|own| own.name);
        own.dedup_by_key(|own| own.name);
        let mut operations: Vec<String> =
            crate::credits::operations().iter().map(|operation| operation.name().to_owned()).collect();
        operations.dedup();
        let mut watched: Vec<Watched> = crate::anomaly::watched()
            .iter()
            .map(|place| Watched {
                name: place.name.to_owned(),
                latency_threshold: place.latency_threshold,
                error_threshold: place.error_threshold,
            })
            .collect();
        // One name may be watched at several places; limits that differ are told at their first call.
        watched.sort_by(|a, b| a.name.cmp(&b.name));
        watched.dedup_by(|later, first| {
            let same = later.name == first.name;
            if same {
                first.latency_threshold = first.latency_threshold.or(later.latency_threshold);
                first.error_threshold = first.error_threshold.or(later.error_threshold);
            }
            same
        });
        Facts { families, watched, operations, own }
    }

    /// A family that no `metrics!` of the program declares.
    pub(super) fn add(&mut self, name: &'static str) {
        self.families.entry(name).or_insert(&[]);
    }

    pub(super) fn has(&self, family: &str) -> bool {
        self.families.contains_key(family)
    }

    /// The bounds of a histogram, without the infinite one.
    pub(super) fn bounds(&self, family: &str) -> &'static [f64] {
        self.families.get(family).copied().unwrap_or(&[])
    }
}

/// Families of fixed names that a program may declare in the toolkit's place.
const FIXED: [&str; 2] = ["user_sessions_total", "active_users"];

/// Whether a source file is one of this crate, wherever that was built from.
fn is_the_toolkits(file: &str) -> bool {
    let here = file!();
    let root = here.strip_suffix("rules/facts.rs").unwrap_or(here);
    file.starts_with(root)
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
