//! The middleware that records every request exactly once: [`settings`] say which and how, [`service`] sees them come
//! and go, [`watched`] is one request on its way, [`body`] its response's body, [`found`] what a worker need not look up
//! again, [`matches`](mod@matches) how it tells a route without a name.

mod body;
mod found;
mod matches;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod watched;

pub use service::{MonitorFuture, MonitorService};
pub use settings::{Monitor, MonitorBuilder, SettingError};
