//! Pages that belong to no one item: when to set thresholds, what it costs, several instances, where one comes from Python.
//!
//! The manual of each attribute stands at the attribute: [`metrics!`](crate::metrics!), [`instrument`](crate::instrument),
//! [`track_latency`](crate::track_latency), [`timer!`](crate::timer!), [`detect_anomalies`](macro@crate::detect_anomalies),
//! [`with_credits`](crate::with_credits).

#[doc = include_str!("../docs/thresholds.md")]
pub mod thresholds {}

#[doc = include_str!("../docs/cost-and-cardinality.md")]
pub mod cost_and_cardinality {}

#[doc = include_str!("../docs/several-instances.md")]
pub mod several_instances {}

#[doc = include_str!("../docs/from-python.md")]
pub mod from_python {}
