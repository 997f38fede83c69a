//! What the tests stand on: child processes that end with their test, a client, the page as samples, bounded patience.

mod client;
mod demo;
mod prometheus;
mod python;
mod raw;
mod samples;

use std::process::{Child, ExitStatus};
use std::thread::sleep;
use std::time::Duration;

pub(crate) use client::{Answer, Client};
pub(crate) use demo::{Demo, PASSWORD, program};
pub(crate) use prometheus::{Prometheus, promtool_check_metrics};
pub(crate) use python::parse_both;
pub(crate) use raw::Raw;
pub(crate) use samples::Samples;

/// OpenMetrics, as Prometheus asks for it.
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";
/// The text format, as Prometheus asks for it.
pub(crate) const TEXT: &str = "text/plain;version=0.0.4";

/// Another process answers when it answers: it is asked so often, with a pause between.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);
/// The pause where what is asked for takes half a minute by its nature, of a machine with nothing else to do.
const LONG_PAUSE: Duration = Duration::from_millis(300);

/// Asks another process until it says yes; its last no, when it never does.
pub(crate) fn eventually<T>(ask: impl FnMut() -> Result<T, String>) -> T {
    asked_every(PAUSE, ask)
}

/// As `eventually`, with six times the patience.
pub(crate) fn at_length<T>(ask: impl FnMut() -> Result<T, String>) -> T {
    asked_every(LONG_PAUSE, ask)
}

fn asked_every<T>(pause: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    for _ in 0..TRIES {
        match ask() {
            Ok(answer) => return answer,
            Err(no) => last = no,
        }
        sleep(pause);
    }
    panic!("asked {TRIES} times in vain, at last: {last}");
}

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
