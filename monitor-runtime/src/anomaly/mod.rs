//! What is abnormal about an endpoint or a block of code: the pure detector. Who asks it, and who is told, is for others.
//!
//! [`Detector`] judges one endpoint: observations and time go in, [`Verdict`]s come out. [`Series`] scores one series of
//! a value a minute. Neither reads a clock, takes a lock or knows of any other.

mod batch;
mod detector;
mod endpoint;
mod limits;
mod names;
mod news;
mod series;
mod verdict;

pub use detector::{Detector, Observed, StateError};
pub use endpoint::State;
pub use limits::{LimitError, Limits};
pub use names::{ENDPOINTS_MAX, WatchError, WatchErrors};
pub use news::{Anomaly, Event, Subscription};
pub use series::Series;
pub use verdict::{Episode, Kind, Reason, Severity, Verdict};

pub(crate) use batch::{Put, Seen};
pub(crate) use endpoint::{Endpoint, Findings, Given, Muted};
pub(crate) use names::{Names, OVERFLOW, wrong_with};
pub(crate) use news::News;

pub use crate::watch::{
    CallbackGuard, LimitsOf, WatchedPlace, check, endpoints, limits, on_event, recent, subscribe, tick, watched,
};
