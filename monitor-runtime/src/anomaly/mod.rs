//! What is abnormal about an endpoint or a block of code: found by itself, counted, logged and told.
//!
//! Every request that `actix::Monitor` sees is judged under its endpoint, every function with
//! [`#[detect_anomalies]`](macro@crate::detect_anomalies) and every block in
//! [`detect_anomalies`](fn@crate::detect_anomalies) under its name. A name has one detector, and there are at most
//! [`ENDPOINTS_MAX`] of them; calls under more are judged together, as `_overflow`.
//!
//! # Reasons
//! | reason | when | unit of `observed` and `expected` |
//! |---|---|---|
//! | `server_error` | a request is answered with a 5xx, or what `error_when` says | 1 and 0 |
//! | `exception` | a watched function or block gives an error that is not the caller's fault | 1 and 0 |
//! | `panic` | it panics, or a handler does | 1 and 0 |
//! | `high_latency` | a call takes longer than its threshold | seconds |
//! | `error_rate_spike` | many more failures than it is used to, or than `error_threshold` allows | share of calls |
//! | `latency_shift` | the latencies as a whole, or their tail, have moved up | seconds |
//! | `traffic_spike`, `traffic_drop` | many more or fewer calls than at this time of the day and week | calls a second |
//!
//! The first four are of single calls, the others are episodes, with a start, an end and a severity. A refused call (4xx,
//! no credits) is traffic and no failure; one whose client left too, unless it had taken too long already. A websocket has
//! no latency; a stream has that of its headers.
//!
//! # Thresholds
//! None has to be given. The latency over which a call is abnormal is learned from the endpoint's own calls, and is 1.0 s
//! until enough were seen; how many failures are too many is learned too. Give a threshold where a promise was made:
//!
//! | where | how | goes before |
//! |---|---|---|
//! | the file | `load_limits`, with feature `toml`; read it again when it changes | the code |
//! | the code | the attribute, `detect_anomalies(..)`, or [`limits`] for a route | what is learned |
//!
//! `latency_threshold` is more than 0 and at most a day; `error_threshold` more than 0 and at most 1. What is out of its
//! range is an error that names the key and the range, and is not taken: while compiling, in [`check`], or of the file
//! with its line. A muted reason is neither counted nor told.
//!
//! # Where it goes
//! - `anomaly_detection_triggered_total{endpoint, reason}`: one for each abnormal call; one when an episode starts and
//!   one a minute while it lasts, so that `increase(..[5m]) > 0` holds while it does.
//! - `api_error_rate{endpoint}` and `api_response_time_threshold{endpoint}`, right whenever they are scraped.
//! - `tracing` events of the target `monitor_runtime::anomaly` with the fields endpoint, reason, observed, expected, since
//!   (seconds since the epoch), severity and calls: WARN where something begins or a call is abnormal, INFO where it ends.
//! - [`subscribe`] and [`on_event`]: each event, as many as have room. [`recent`]: the last of it as data;
//!   `actix::anomalies`: as JSON. [`endpoints`]: how each is now.
//!
//! Time passes for endpoints without calls when a scrape comes, or [`tick`] is called. [`save`] and [`restore`] keep what
//! was learned across restarts; [`learn`] takes what a [`Detector`] learned elsewhere.
//!
//! [`Detector`] is what judges, and can be used alone: observations and time go in, [`Verdict`]s come out. [`Series`] scores
//! one series of a value a minute. Neither reads a clock, takes a lock or knows of any other.

mod batch;
mod detector;
mod endpoint;
#[cfg(feature = "toml")]
pub(crate) mod file;
mod limits;
mod names;
mod news;
pub(crate) mod saved;
mod series;
mod singles;
mod verdict;

pub use detector::{Detector, Observed, StateError};
pub use endpoint::State;
#[cfg(feature = "toml")]
pub use file::{LimitsFileError, LimitsFileMistake};
pub use limits::{LimitError, Limits};
pub use names::{ENDPOINTS_MAX, WatchError, WatchErrors};
pub use news::{Anomaly, Event, Subscription};
pub use saved::RestoreError;
pub use series::Series;
pub use verdict::{Episode, Kind, Reason, Severity, Verdict};

pub(crate) use batch::{Put, Seen};
pub(crate) use endpoint::{Endpoint, Findings, Given, Muted};
pub(crate) use names::{Names, OVERFLOW, wrong_with};
pub(crate) use news::News;
pub(crate) use singles::Singles;

pub use crate::watch::{
    CallbackGuard, LimitsOf, WatchedPlace, check, endpoints, learn, limits, on_event, recent, restore, save, subscribe,
    tick, watched,
};
#[cfg(feature = "toml")]
pub use crate::watch::{load_limits, unused_limits};
