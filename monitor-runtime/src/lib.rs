//! Metric families, their exposition, and what the attributes of `monitor-macros` call.
extern crate self as monitor_runtime;

pub mod activity;
pub mod anomaly;
mod attributes;
mod builtin;
mod call;
mod charge;
pub mod clock;
pub mod credits;
#[cfg(feature = "dashboard")]
mod dashboard;
mod delta;
mod exposition;
mod health;
mod metrics;
#[cfg_attr(not(feature = "actix"), expect(dead_code, reason = "the middleware of a framework answers requests"))]
mod open_calls;
mod outcome;
mod paid;
mod place;
#[doc(hidden)]
pub mod private;
mod read;
pub mod scope;
mod watch;

#[cfg(feature = "actix")]
pub mod actix;
pub mod manual;
#[cfg(feature = "rules")]
pub mod rules;

pub use attributes::{LabelValue, detect_anomalies, instrument, metrics, timer, track_latency, with_credits};
pub use prometheus;

pub use exposition::{Format, encode};
pub use metrics::{
    Conflict, Counter, CounterSeries, DEFAULT_BUCKETS, Gauge, GaugeSeries, Histogram, HistogramSeries, InFlight, Label,
    LabelBuffer, LabelSet, LabelValue, NoLabels, RegisterError, RegisterErrors, Shape, Timer, TraceId, UserLabel,
    UserLabelError, register,
};
pub use outcome::{Outcome, ToOutcome};
pub use place::Place;
pub use read::{sample_value, sample_value_in};
pub use watch::{Judged, Watch, Watched, detect_anomalies};
