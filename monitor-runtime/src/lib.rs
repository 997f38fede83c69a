//! Annotate a function of a web service to count it, time it, watch it for anomalies, or charge for it. The results appear
//! on `/metrics`, in Grafana and on a built-in live page.
//!
//! # Quick start
//!
//! ```
//! use monitor_runtime::{instrument, metrics, sample_value};
//!
//! metrics! {
//!     /// Sessions opened
//!     pub counter SIGN_INS = "sign_ins_total" { auth_method: &'static str };
//! }
//!
//! #[instrument(counter = SIGN_INS, auth_method = "password")]
//! fn login(password: &str) -> Result<(), String> {
//!     if password == "lovelace" { Ok(()) } else { Err("wrong password".to_owned()) }
//! }
//!
//! login("guess").unwrap_err();
//! login("lovelace")?;
//! assert_eq!(sample_value("sign_ins_total", &[("auth_method", "password")]), Some(1.0));
//! # Ok::<(), String>(())
//! ```
//!
//! In an actix-web service, two lines record every request and serve the page; [the quick start](guide::quick_start)
//! goes on from there:
//!
//! ```ignore
//! App::new().service(scrape("/metrics")).wrap(Monitor::default())
//! ```
//!
//! # Attributes and macros
//!
//! | to | write |
//! |---|---|
//! | declare metrics | [`metrics!`]` { /// Orders` `pub counter ORDERS = "orders_total" { plan: &'static str }; }` |
//! | count, time, gauge a function | [`#[instrument(counter = ORDERS, plan = "free")]`](instrument) |
//! | time a function | [`#[track_latency(ORDER_LATENCY)]`](track_latency) |
//! | time a block | `let _timer = `[`timer!`]`(ORDER_LATENCY);` |
//! | watch a function | [`#[detect_anomalies("order", latency_threshold = 0.5)]`](macro@detect_anomalies) |
//! | watch a block | [`detect_anomalies("order").run(|| ..)`](fn@detect_anomalies) |
//! | charge for a function | [`#[with_credits(cost = 5)]`](with_credits) |
//! | count what users do | [`track_event!`]`("purchase", user)` |
//! | use an enum as a label | [`#[derive(LabelValue)]`](macro@LabelValue) |
//! | check a count in a test | [`assert_delta!`]`(ORDERS { plan: "free" }, 1, order())`, [`sample_value`] |
//!
//! # What counts as a success
//!
//! A call ends as a success, a refusal (the caller's fault: a 4xx, no credits) or a failure (ours: a 5xx, an `Err`), or it
//! panics or is cancelled: [`Outcome`]. A counter counts successes unless `on = ".."` says otherwise. Credits are captured for
//! a success and given back in every other case. A type tells its outcome by [`ToOutcome`].
//!
//! # Modules
//!
//! | module | what is in it |
//! |---|---|
//! | [`credits`] | the ledger: accounts, holds, captures, a journal; in memory, SQLite or PostgreSQL |
//! | [`anomaly`] | the detection: reasons, events, thresholds, saved state |
//! | [`activity`] | sessions, active users, events of users |
//! | [`scope`] | on whose behalf work is done, carried into spawned tasks |
//! | `actix` (feature `actix`) | the middleware, the paid route, the page |
//! | `rules` (feature `rules`) | Prometheus rules and a Grafana dashboard for your own program |
//! | [`clock`] | time that a test moves by hand (feature `test-util`) |
//! | [`guide`] | guides |
//!
//! # Features
//!
//! Only `http` is on by default.
//!
//! | feature | what it adds |
//! |---|---|
//! | `http` | outcomes of `http::Response` and `http::StatusCode` |
//! | `actix` | `Monitor`, `OnBehalf`, `PaidRoute`, `scrape`, `serve_metrics`, outcomes of responses and errors |
//! | `dashboard` | the live page, and its numbers as JSON |
//! | `actix-session` | sign-ins and sessions from actix-session and actix-identity |
//! | `sqlite`, `postgres` | the ledger in a file, the ledger of several instances |
//! | `redis` | active users of several instances as one number |
//! | `toml` | thresholds from a file |
//! | `rules` | alert rules, their tests and a dashboard, written from the code |
//! | `process` | CPU, memory and file descriptors of the process (Linux) |
//! | `test-util` | clocks and the conformance suite for tests |
//!
//! # Guides
//!
//! [Quick start](guide::quick_start), [troubleshooting](guide::troubleshooting),
//! [coming from another library](guide::coming_from), [from Python](guide::from_python),
//! [thresholds](guide::thresholds), [cost and cardinality](guide::cost_and_cardinality),
//! [several instances](guide::several_instances).
#![cfg_attr(docsrs, feature(doc_cfg))]

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
pub mod guide;
#[cfg(feature = "rules")]
pub mod rules;

pub use attributes::{LabelValue, detect_anomalies, instrument, metrics, timer, track_latency, with_credits};
pub use prometheus;

pub use exposition::{Format, encode};
pub use metrics::{
    Conflict, Counter, CounterSeries, DEFAULT_BUCKETS, Gauge, GaugeSeries, Guarded, Histogram, HistogramSeries,
    InFlight, Label, LabelBuffer, LabelSet, LabelValue, NoLabels, RegisterError, RegisterErrors, Shape, Timer, TraceId,
    UserLabel, UserLabelError, register,
};
pub use outcome::{Outcome, ToOutcome};
pub use place::Place;
pub use read::{sample_value, sample_value_in};
pub use watch::{Judged, Watch, Watched, detect_anomalies};
