//! What the tests stand on: child processes that end with their test, a client, the page as samples.

mod client;
mod demo;
mod prometheus;
mod python;
mod raw;
mod samples;

use std::process::{Child, ExitStatus};

pub(crate) use client::{Answer, Client};
pub(crate) use demo::{Demo, PASSWORD, program};
pub(crate) use prometheus::{Prometheus, promtool_check_metrics};
pub(crate) use python::parse_both;
pub(crate) use raw::Raw;
pub(crate) use samples::Samples;
pub(crate) use servers::{at_length, eventually};

/// OpenMetrics, as Prometheus asks for it.
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";
/// The text format, as Prometheus asks for it.
pub(crate) const TEXT: &str = "text/plain;version=0.0.4";

/// A child process that does not outlive its test, however the test ends.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// The exit status, once the process has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        eventually(|| match self.0.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("the process is still running".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail for a process that has ended, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
