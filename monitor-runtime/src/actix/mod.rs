//! What the toolkit is in an actix-web service; nothing outside this folder names actix.

mod outcome;
mod scrape;

pub use scrape::{Scrape, scrape};
