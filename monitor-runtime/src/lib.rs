//! Metric families, their exposition, and what the attributes of `monitor-macros` call.
extern crate self as monitor_runtime;

pub mod activity;
pub mod anomaly;
mod attributes;
#[cfg(feature = "actix")]
mod builtin;
mod call;
pub mod clock;
pub mod credits;
#[cfg(feature = "dashboard")]
mod dashboard;
mod delta;
mod exposition;
mod health;
mod metrics;
mod outcome;
mod paid;
#[doc(hidden)]
pub mod private;
mod read;
pub mod scope;

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "rules")]
pub mod rules;

pub use attributes::{LabelValue, instrument, metrics, timer, track_latency, with_credits};
pub use prometheus;

pub use exposition::{Format, encode};
pub use metrics::{
    Conflict, Counter, CounterSeries, DEFAULT_BUCKETS, Gauge, GaugeSeries, Histogram, HistogramSeries, InFlight, Label,
    LabelBuffer, LabelSet, LabelValue, NoLabels, Place, RegisterError, RegisterErrors, Shape, Timer, TraceId,
    UserLabel, UserLabelError, register,
};
pub use outcome::{Outcome, ToOutcome};
pub use read::{sample_value, sample_value_in};
