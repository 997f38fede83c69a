//! What the detector says: reasons, episodes, verdicts.

/// Why something is abnormal.
///
/// The first four are of single calls and counted each time. The others are episodes, with a start and an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// A request was answered with a 5xx.
    ServerError,
    /// An error inside a watched block or function.
    Exception,
    /// A panic.
    Panic,
    /// A call took longer than the threshold, [`Detector::threshold`](super::Detector::threshold).
    HighLatency,
    /// Many more failures than this endpoint is used to, or more than its `error_threshold` allows.
    ErrorRateSpike,
    /// The distribution of latencies moved up, or its tail grew.
    LatencyShift,
    /// Far more calls than at this time of the day and week.
    TrafficSpike,
    /// Far fewer calls than at this time of the day and week.
    TrafficDrop,
}

impl Reason {
    /// All there are, single calls first.
    pub const ALL: [Reason; 8] = [
        Reason::ServerError,
        Reason::Exception,
        Reason::Panic,
        Reason::HighLatency,
        Reason::ErrorRateSpike,
        Reason::LatencyShift,
        Reason::TrafficSpike,
        Reason::TrafficDrop,
    ];

    /// The reason as it stands in labels, logs and files: `server_error`, `exception`, `panic`, `high_latency`,
    /// `error_rate_spike`, `latency_shift`, `traffic_spike`, `traffic_drop`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::ServerError => "server_error",
            Reason::Exception => "exception",
            Reason::Panic => "panic",
            Reason::HighLatency => "high_latency",
            Reason::ErrorRateSpike => "error_rate_spike",
            Reason::LatencyShift => "latency_shift",
            Reason::TrafficSpike => "traffic_spike",
            Reason::TrafficDrop => "traffic_drop",
        }
    }

    /// What [`Verdict::observed`] and [`Verdict::expected`] are of this reason, and in which unit.
    pub const fn measure(self) -> &'static str {
        match self {
            Reason::ServerError | Reason::Exception | Reason::Panic => "failed calls",
            Reason::HighLatency => "latency of the call and its threshold, in seconds",
            Reason::ErrorRateSpike => "share of calls that failed, and usually fail",
            Reason::LatencyShift => "geometric mean of latencies, now and usually, in seconds",
            Reason::TrafficSpike | Reason::TrafficDrop => "calls a second, now and usually",
        }
    }

    /// The reason with this text.
    pub fn of_str(text: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// Whether it has a start and an end; otherwise it is of a single call.
    pub const fn is_episode(self) -> bool {
        matches!(self, Reason::ErrorRateSpike | Reason::LatencyShift | Reason::TrafficSpike | Reason::TrafficDrop)
    }
}

/// How far from normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Clearly abnormal.
    Warning,
    /// Most users notice: half of the calls fail or ten times as many as usual, answers take four times as long,
    /// traffic is five times or a tenth of what is expected.
    Critical,
}

impl Severity {
    /// `warning` or `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// What a verdict says of its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A single call: count it.
    Single,
    /// An episode began: count it.
    Started,
    /// An episode goes on; said every [`Episode::REPEAT_MILLISECONDS`] while it does: count it.
    Repeated,
    /// An episode ended: do not count it.
    Ended,
}

impl Kind {
    /// `single`, `started`, `repeated` or `ended`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Single => "single",
            Kind::Started => "started",
            Kind::Repeated => "repeated",
            Kind::Ended => "ended",
        }
    }

    /// Whether `anomaly_detection_triggered_total` rises by one.
    ///
    /// So it rises by one for each abnormal call; and in an episode by one when it starts and by one a minute while it
    /// lasts: `increase(..[5m]) > 0` holds from its start until five minutes after its end, and the rise over an hour
    /// is, in minutes, how much of it was abnormal.
    pub const fn is_counted(self) -> bool {
        !matches!(self, Kind::Ended)
    }
}

/// One thing that the detector found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Why.
    pub reason: Reason,
    /// A single call, or which part of an episode.
    pub kind: Kind,
    /// When it was found, in milliseconds since the epoch, by the time that the caller gave.
    pub at: u64,
    /// What was seen, in the unit of the reason: seconds for `high_latency` (this call) and `latency_shift` (the
    /// geometric mean), a share of calls for `error_rate_spike`, calls a second
    /// for `traffic_spike` and `traffic_drop`, 1 for a failure.
    pub observed: f64,
    /// What would have been normal, in the same unit: the threshold, the usual mean, rate or share; 0 for a failure.
    pub expected: f64,
    /// When it began, as far as can be told; for a single call, [`at`](Self::at).
    pub since: u64,
    /// How far from normal.
    pub severity: Severity,
}

/// A time in which a reason held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// Why.
    pub reason: Reason,
    /// When it began, as far as can be told, in milliseconds since the epoch.
    pub since: u64,
    /// When it was found.
    pub found: u64,
    /// The worst so far.
    pub severity: Severity,
    /// What was seen when it was found, in the unit of [`Verdict::observed`].
    pub observed: f64,
    /// What would have been normal.
    pub expected: f64,
}

impl Episode {
    /// How often an episode that lasts is said again, and counted.
    pub const REPEAT_MILLISECONDS: u64 = 60_000;
}
