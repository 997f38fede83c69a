//! What is abnormal about an endpoint or a block of code: the pure detector. Who asks it, and who is told, is for others.
//!
//! [`Detector`] judges one endpoint: observations and time go in, [`Verdict`]s come out. It reads no clock, takes no lock
//! and knows of no other.

mod detector;
mod limits;
mod verdict;

pub use detector::{Detector, Observed, StateError};
pub use limits::{LimitError, Limits};
pub use verdict::{Episode, Kind, Reason, Severity, Verdict};
