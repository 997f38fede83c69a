//! The middleware that records every request exactly once: [`settings`] say which and how, [`service`] sees them come
//! and go, [`watched`] is one request on its way, [`body`] its response's body, [`upload`] the request's body, [`route`] what a worker keeps of a route,
//! [`found`] how it finds that again, [`matches`](mod@matches) how it tells one without a name.

mod body;
mod found;
mod matches;
mod route;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod upload;
mod watched;

pub use service::{MonitorFuture, MonitorService};
pub use settings::{Monitor, MonitorBuilder, SettingError};
