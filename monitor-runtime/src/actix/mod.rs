//! What the toolkit is in an actix-web service; nothing outside this folder names actix.

mod access;
mod listener;
mod outcome;
mod pages;
mod scrape;

pub use access::{BearerToken, InvalidToken};
pub use listener::{MetricsListener, MetricsServer, serve_metrics};
pub use scrape::{Scrape, scrape};
