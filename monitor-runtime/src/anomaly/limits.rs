//! What a user may fix of the detector's judgement, checked; what is not fixed is learned.

use std::fmt;

/// The limits of one endpoint or block. The default fixes none: each is learned from the endpoint's own behaviour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    latency_threshold: Option<f64>,
    error_threshold: Option<f64>,
}

impl Limits {
    /// Nothing fixed.
    pub const NONE: Limits = Limits { latency_threshold: None, error_threshold: None };

    /// The longest latency that may be fixed: a day.
    pub const LATENCY_SECONDS_MAX: f64 = 86_400.0;

    /// Fixes what is `Some`.
    ///
    /// # Errors
    /// A latency threshold that is not over 0 and at most a day; an error threshold that is not over 0 and at most 1.
    pub fn new(latency_threshold: Option<f64>, error_threshold: Option<f64>) -> Result<Limits, LimitError> {
        let within = |key, value: Option<f64>, max, legal| match value {
            // Written so that a NaN is outside.
            Some(value) if !(value > 0.0 && value <= max) => Err(LimitError { key, value, legal }),
            _ => Ok(value),
        };
        Ok(Limits {
            latency_threshold: within(
                "latency_threshold",
                latency_threshold,
                Self::LATENCY_SECONDS_MAX,
                "seconds, over 0 and at most 86400",
            )?,
            error_threshold: within("error_threshold", error_threshold, 1.0, "a share, over 0 and at most 1")?,
        })
    }

    /// The latency, in seconds, over which a request is [`HighLatency`](super::Reason::HighLatency), if it is fixed.
    pub const fn latency_threshold(&self) -> Option<f64> {
        self.latency_threshold
    }

    /// The share of failures over which there is an [`ErrorRateSpike`](super::Reason::ErrorRateSpike) whatever was
    /// learned, if it is fixed.
    pub const fn error_threshold(&self) -> Option<f64> {
        self.error_threshold
    }
}

/// A limit that cannot be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitError {
    key: &'static str,
    value: f64,
    legal: &'static str,
}

impl LimitError {
    /// `latency_threshold` or `error_threshold`.
    pub const fn key(&self) -> &'static str {
        self.key
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` cannot be {}: it is {}", self.key, self.value, self.legal)
    }
}

impl std::error::Error for LimitError {}
