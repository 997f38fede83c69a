//! The demo as its users meet it: a program, a socket, a page, a Prometheus that scrapes it.

mod alerts;
mod anomalies;
mod credits;
mod database;
mod front;
#[cfg(target_os = "linux")]
mod guarded;
#[cfg(target_os = "linux")]
mod hostile;
mod instances;
mod metrics;
mod page;
mod panels;
mod playground;
mod program;
mod prometheus;
mod service;
mod stack;
mod support;
mod users;
