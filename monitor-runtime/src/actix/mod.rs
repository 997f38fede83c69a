//! What the toolkit is in an actix-web service; nothing outside this folder names actix.

mod access;
mod anomalies;
#[cfg(feature = "dashboard")]
mod dashboard;
mod headers;
mod listener;
mod monitor;
mod outcome;
mod pages;
mod paid;
mod scrape;
#[cfg(feature = "actix-session")]
mod track_sessions;

pub use access::{BearerToken, InvalidToken};
pub use anomalies::{Anomalies, anomalies};
#[cfg(feature = "dashboard")]
pub use dashboard::{ApiMetrics, Dashboard, api_metrics, dashboard};
pub use listener::{MetricsListener, MetricsServer, serve_metrics};
pub use monitor::{Monitor, MonitorBuilder, MonitorFuture, MonitorService, SettingError};
pub(crate) use outcome::of_response_error;
pub use paid::{OnBehalf, OnBehalfFuture, OnBehalfService, PaidRoute, PaidRouteService};
pub use scrape::{Scrape, scrape};
#[cfg(feature = "actix-session")]
pub use track_sessions::{SignInMethod, TrackSessions, TrackSessionsFuture, TrackSessionsService};
