//! Guides: pages of the manual that belong to no single item.
//!
//! The manual of each attribute is at the attribute: [`metrics!`](crate::metrics!), [`instrument`](crate::instrument),
//! [`track_latency`](crate::track_latency), [`timer!`](crate::timer!), [`detect_anomalies`](macro@crate::detect_anomalies),
//! [`with_credits`](crate::with_credits).

#[doc = include_str!("../docs/quick-start.md")]
pub mod quick_start {}

#[doc = include_str!("../docs/troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("../docs/coming-from.md")]
pub mod coming_from {}

#[doc = include_str!("../docs/thresholds.md")]
pub mod thresholds {}

#[doc = include_str!("../docs/cost-and-cardinality.md")]
pub mod cost_and_cardinality {}

#[doc = include_str!("../docs/several-instances.md")]
pub mod several_instances {}

#[doc = include_str!("../docs/from-python.md")]
pub mod from_python {}
