//! Judges one endpoint or block: what goes in is observations and time, what comes out is verdicts. The sums of
//! evidence are the files beside; here is what makes episodes of them.

mod errors;
mod lane;
mod latency;
#[cfg(test)]
mod laws;
mod state;
#[cfg(test)]
mod tests;
mod traffic;

use errors::Errors;
use latency::Latency;
use traffic::{Traffic, WINDOW_SECONDS};

pub use state::StateError;

use super::{Episode, Kind, Limits, Reason, Severity, Verdict};

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Observed {
    /// It did what was asked.
    Success,
    /// The caller's fault: traffic, and no failure. Its latency is not compared with that of others.
    Refused,
    /// A 5xx.
    ServerError,
    /// An error of a watched block or function.
    Exception,
    /// It panicked.
    Panic,
    /// It was dropped before it had finished: traffic, and `high_latency` if it had taken too long by then.
    Cancelled,
}

/// The detector of one endpoint.
///
/// It reads no clock, takes no lock and never allocates but where it pushes a verdict; an observation takes the same
/// few steps whatever came before, and the state is at most 4 KiB. The same observations give the same verdicts
/// however calls of [`tick`](Self::tick) fall between them, as long as there is one every
/// [`PAUSE_MILLISECONDS`](Self::PAUSE_MILLISECONDS).
#[derive(Clone, Debug)]
pub struct Detector {
    limits: Limits,
    /// Of the current slice; [`NEVER`] before anything was seen.
    start: u64,
    /// The latency over which a call is counted.
    threshold: f64,
    calls: u64,
    failures: u64,
    window_calls: u64,
    recent: Recent,
    errors: Errors,
    latency: Latency,
    traffic: Traffic,
    open: [Option<Open>; EPISODES],
}

const SLICE: u64 = 5_000;
const WINDOW: u64 = WINDOW_SECONDS * 1_000;
const MINUTE: u64 = 60_000;
const LEARN: u64 = 600_000;
const NEVER: u64 = u64::MAX;
/// A clock that goes back further than this was set; less is threads that overtake one another.
const BACK: u64 = 60_000;
/// An alarm that lasts for longer is the new normal.
const EXPIRY: [u64; EPISODES] = [6 * 3_600_000, 12 * 3_600_000, 6 * 3_600_000, 6 * 3_600_000];
const EPISODES: usize = 4;
const EPISODE_REASONS: [Reason; EPISODES] =
    [Reason::ErrorRateSpike, Reason::LatencyShift, Reason::TrafficSpike, Reason::TrafficDrop];
/// What a configured error threshold needs at least.
const THRESHOLD_CALLS: u64 = 20;
const THRESHOLD_FAILURES: u64 = 3;

/// An open episode.
#[derive(Clone, Copy, Debug)]
struct Open {
    since: u64,
    found: u64,
    observed: f32,
    expected: f32,
    severity: Severity,
}

impl Detector {
    /// Without observation or tick for longer, the detector was not running, and takes the time as not seen.
    pub const PAUSE_MILLISECONDS: u64 = 600_000;

    /// A detector that has learned nothing yet.
    pub fn new(limits: Limits) -> Detector {
        Detector {
            limits,
            start: NEVER,
            threshold: limits.latency_threshold().unwrap_or(Latency::new().threshold()),
            calls: 0,
            failures: 0,
            window_calls: 0,
            recent: Recent::default(),
            errors: Errors::new(),
            latency: Latency::new(),
            traffic: Traffic::new(),
            open: [None; EPISODES],
        }
    }

    /// Takes one call: when it ended, in milliseconds since the epoch; how long it took, in seconds; what became of it.
    /// What there is to say is pushed to `verdicts`.
    ///
    /// A latency that is not a number, infinite or negative is not taken, the call is. A time before that of an earlier
    /// call counts as the same time; a minute or more before, as a clock that was set back.
    #[inline]
    pub fn observe(&mut self, at: u64, latency_seconds: f64, observed: Observed, verdicts: &mut Vec<Verdict>) {
        if at.wrapping_sub(self.start) >= SLICE {
            self.advance(at, verdicts);
        }
        self.calls += 1;
        let measured = (0.0..f64::INFINITY).contains(&latency_seconds);
        if measured && latency_seconds > self.threshold {
            verdicts.push(self.single(at, Reason::HighLatency, latency_seconds));
        }
        let reason = match observed {
            Observed::Success => {
                if measured {
                    self.latency.add(latency_seconds);
                }
                return;
            }
            Observed::Refused | Observed::Cancelled => return,
            Observed::ServerError => Reason::ServerError,
            Observed::Exception => Reason::Exception,
            Observed::Panic => Reason::Panic,
        };
        self.failures += 1;
        verdicts.push(self.single(at, reason, 1.0));
    }

    /// Lets time pass, in milliseconds since the epoch: what ends or begins without a call is said. Every few seconds
    /// is enough.
    #[inline]
    pub fn tick(&mut self, at: u64, verdicts: &mut Vec<Verdict>) {
        if at.wrapping_sub(self.start) >= SLICE {
            self.advance(at, verdicts);
        }
    }

    /// Changes what is fixed; what is learned stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.threshold = limits.latency_threshold().unwrap_or(self.latency.threshold());
    }

    /// What is fixed.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The latency in seconds over which a call is `high_latency`: as configured; or learned, as what one in a thousand
    /// calls exceeds, at least twice and at most 16 times the usual; 1.0 until 300 calls were seen in ten minutes or more.
    #[inline]
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The share of calls that failed in the last five minutes, 0 to 1; 0 without calls.
    pub fn error_rate(&self) -> f64 {
        let (calls, failures) = self.recent.sums();
        let (calls, failures) = (calls + self.calls, failures + self.failures);
        if calls == 0 { 0.0 } else { failures as f64 / calls as f64 }
    }

    /// The episodes that are open.
    pub fn episodes(&self) -> impl Iterator<Item = Episode> + '_ {
        EPISODE_REASONS.iter().zip(&self.open).filter_map(|(&reason, open)| {
            open.map(|open| Episode {
                reason,
                since: open.since,
                found: open.found,
                severity: open.severity,
                observed: open.observed.into(),
                expected: open.expected.into(),
            })
        })
    }

    #[cold]
    fn single(&self, at: u64, reason: Reason, observed: f64) -> Verdict {
        let expected = if reason == Reason::HighLatency { self.threshold } else { 0.0 };
        let severity = if reason == Reason::Panic { Severity::Critical } else { Severity::Warning };
        Verdict { reason, kind: Kind::Single, at, observed, expected, since: at, severity }
    }

    #[cold]
    #[inline(never)]
    fn advance(&mut self, at: u64, verdicts: &mut Vec<Verdict>) {
        if self.start == NEVER {
            self.start = at - at % SLICE;
            return self.traffic.start(self.start);
        }
        if at < self.start {
            if self.start - at >= BACK {
                self.pause(at, verdicts);
            }
            return;
        }
        if at - self.start >= Self::PAUSE_MILLISECONDS {
            return self.pause(at, verdicts);
        }
        while at - self.start >= SLICE {
            self.close(verdicts);
        }
    }

    /// Closes a slice, and what ends with it.
    fn close(&mut self, verdicts: &mut Vec<Verdict>) {
        let end = self.start + SLICE;
        let (calls, failures) = (std::mem::take(&mut self.calls), std::mem::take(&mut self.failures));
        if calls > 0 {
            self.errors.close(self.start, calls, failures, self.traffic.calls_a_second());
            self.latency.close(self.start);
            self.recent.add(calls, failures);
            self.window_calls += calls;
        }
        let whole = end.is_multiple_of(WINDOW);
        if whole {
            if end.is_multiple_of(Recent::WINDOW) {
                self.recent.turn();
            }
            self.traffic.close(end, std::mem::take(&mut self.window_calls));
            if end.is_multiple_of(MINUTE) {
                self.latency.close_minute();
            }
        }
        self.start = end;
        if !self.is_calm() {
            self.judge(end, verdicts);
        }
        if whole && end.is_multiple_of(LEARN) {
            self.errors.learn(self.traffic.calls_a_second());
            self.latency.learn(self.traffic.calls_a_second());
            self.threshold = self.limits.latency_threshold().unwrap_or(self.latency.threshold());
        }
    }

    /// Whether there is nothing to judge, as nearly always: no episode is open, and none begins.
    fn is_calm(&self) -> bool {
        self.open.iter().all(Option::is_none)
            && self.limits.error_threshold().is_none()
            && !(self.errors.is_alarmed() || self.latency.is_alarmed() || self.traffic.is_alarmed())
    }

    /// Begins, repeats and ends episodes.
    fn judge(&mut self, now: u64, verdicts: &mut Vec<Verdict>) {
        self.judge_errors(now, verdicts);
        let (since, observed) = match self.latency.alarm() {
            Some(lane) => (Some(lane.since), self.latency.observed(&lane)),
            None => (None, self.latency.expected()),
        };
        let expected = self.latency.expected();
        let severity = if observed >= 4.0 * expected { Severity::Critical } else { Severity::Warning };
        let is_back = self.latency.is_back();
        match self.turn(1, now, since, is_back, (observed, expected), severity, verdicts) {
            Some(Turn::Began) => self.latency.begin(),
            Some(Turn::Ended { accept }) => self.latency.end(accept.then_some(observed)),
            None => {}
        }
        if !now.is_multiple_of(WINDOW) {
            return;
        }
        for (number, lane, is_back) in [
            (2, self.traffic.spike(), self.traffic.spike_is_back()),
            (3, self.traffic.dropped(), self.traffic.drop_is_back()),
        ] {
            let ratio = lane.map_or(1.0, |lane| f64::from(lane.ratio()));
            let expected = self.traffic.expected();
            let severity = if (0.1..5.0).contains(&ratio) { Severity::Warning } else { Severity::Critical };
            let since = lane.map(|lane| lane.since);
            match self.turn(number, now, since, is_back, (ratio * expected, expected), severity, verdicts) {
                Some(Turn::Began) => self.traffic.begin(),
                Some(Turn::Ended { accept }) => self.traffic.end(accept.then_some(ratio)),
                None => {}
            }
        }
    }

    fn judge_errors(&mut self, now: u64, verdicts: &mut Vec<Verdict>) {
        let (calls, failures) = self.recent.sums();
        let recent = failures as f64 / calls.max(1) as f64;
        let over = self
            .limits
            .error_threshold()
            .filter(|&threshold| calls >= THRESHOLD_CALLS && failures >= THRESHOLD_FAILURES && recent > threshold);
        let alarm = self.errors.alarm();
        let (since, observed, expected) = match (alarm, over) {
            (Some(lane), _) => (Some(lane.since), f64::from(lane.ratio()), self.errors.expected()),
            (None, Some(threshold)) => (Some(now - Recent::MILLISECONDS.min(now)), recent, threshold),
            (None, None) => (None, recent, self.errors.expected()),
        };
        let severity =
            if observed >= 0.5 || observed >= 10.0 * expected { Severity::Critical } else { Severity::Warning };
        let is_back = self.errors.is_back(now) && over.is_none();
        match self.turn(0, now, since, is_back, (observed, expected), severity, verdicts) {
            Some(Turn::Began) => {
                let (failures, calls) = alarm.map_or((failures as f32, calls as f32), |lane| (lane.seen, lane.weight));
                self.errors.begin(failures, calls);
            }
            Some(Turn::Ended { accept }) => {
                self.errors.end(accept.then_some(recent), self.traffic.calls_a_second());
            }
            None => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what one slice says of one reason")]
    fn turn(
        &mut self,
        number: usize,
        now: u64,
        since: Option<u64>,
        is_back: bool,
        (observed, expected): (f64, f64),
        severity: Severity,
        verdicts: &mut Vec<Verdict>,
    ) -> Option<Turn> {
        let reason = EPISODE_REASONS[number];
        let verdict = |kind, open: &Open| Verdict {
            reason,
            kind,
            at: now,
            observed: open.observed.into(),
            expected: open.expected.into(),
            since: open.since,
            severity: open.severity,
        };
        match (&mut self.open[number], since) {
            (None, None) => None,
            (open @ None, Some(since)) => {
                let opened = Open { since, found: now, observed: observed as f32, expected: expected as f32, severity };
                *open = Some(opened);
                verdicts.push(verdict(Kind::Started, &opened));
                Some(Turn::Began)
            }
            (Some(open), since) => {
                if since.is_some() {
                    (open.observed, open.severity) = (observed as f32, open.severity.max(severity));
                }
                let expired = now - open.found >= EXPIRY[number];
                if is_back || expired {
                    verdicts.push(verdict(Kind::Ended, open));
                    self.open[number] = None;
                    return Some(Turn::Ended { accept: !is_back });
                }
                if (now - open.found).is_multiple_of(Episode::REPEAT_MILLISECONDS) {
                    verdicts.push(verdict(Kind::Repeated, open));
                }
                None
            }
        }
    }

    /// Time passed that was not seen, or was set back: ends what is open, keeps what is learned.
    fn pause(&mut self, at: u64, verdicts: &mut Vec<Verdict>) {
        let last = self.start;
        for (reason, open) in EPISODE_REASONS.into_iter().zip(&mut self.open) {
            if let Some(open) = open.take() {
                verdicts.push(Verdict {
                    reason,
                    kind: Kind::Ended,
                    at: last,
                    observed: open.observed.into(),
                    expected: open.expected.into(),
                    since: open.since,
                    severity: open.severity,
                });
            }
        }
        self.start = at - at % SLICE;
        (self.calls, self.failures, self.window_calls) = (0, 0, 0);
        self.recent = Recent::default();
        self.errors.pause();
        self.latency.pause();
        self.traffic.pause(self.start);
    }
}

/// What became of an episode.
enum Turn {
    Began,
    Ended { accept: bool },
}

/// The calls and failures of the last five minutes.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    windows: [(u32, u32); 10],
    current: u8,
}

impl Recent {
    const WINDOW: u64 = 30_000;
    const MILLISECONDS: u64 = 10 * Self::WINDOW;

    fn add(&mut self, calls: u64, failures: u64) {
        let (all, failed) = &mut self.windows[usize::from(self.current)];
        *all = all.saturating_add(u32::try_from(calls).unwrap_or(u32::MAX));
        *failed = failed.saturating_add(u32::try_from(failures).unwrap_or(u32::MAX));
    }

    fn turn(&mut self) {
        self.current = (self.current + 1) % 10;
        self.windows[usize::from(self.current)] = (0, 0);
    }

    fn sums(&self) -> (u64, u64) {
        self.windows
            .iter()
            .fold((0, 0), |(calls, failures), &(more, failed)| (calls + u64::from(more), failures + u64::from(failed)))
    }
}
