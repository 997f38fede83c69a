//! The scrape on a real socket: who gets the page, who does not, and what it costs everybody else.
#![cfg(feature = "actix")]

mod access;
#[cfg(feature = "dashboard")]
mod dashboard;
mod health;
mod listener;
mod sharing;
mod stall;
mod support;
