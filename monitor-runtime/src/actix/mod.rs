//! What the toolkit is in an actix-web service; nothing outside this folder names actix.

mod monitor;
mod outcome;
mod scrape;

pub use monitor::{Monitor, MonitorBody, MonitorBuilder, MonitorFuture, MonitorService, SettingError};
pub use scrape::{Scrape, scrape};
