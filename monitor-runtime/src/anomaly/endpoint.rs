//! One watched name: its calls on their way, its detector, and the limits that it was given, by whom. Who is told of
//! what was found is for others.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::batch::{Batches, Put, Seen, Taken};
use super::detector::{Detector, Observed, StateError};
use super::limits::Limits;
use super::verdict::{Kind, Reason, Verdict};
use crate::clock;
use crate::place::Place;

/// Reasons that are not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Muted(u16);

impl Muted {
    pub(crate) const NONE: Muted = Muted(0);

    pub(crate) const fn with(self, reason: Reason) -> Muted {
        Muted(self.0 | 1 << reason as u16)
    }

    pub(crate) const fn has(self, reason: Reason) -> bool {
        self.0 >> reason as u16 & 1 != 0
    }

    pub(crate) fn reasons(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.into_iter().filter(move |reason| self.has(*reason))
    }
}

/// What one place, or the file, says of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Given {
    pub(crate) limits: Limits,
    pub(crate) muted: Muted,
}

impl Given {
    pub(crate) const NOTHING: Given = Given { limits: Limits::NONE, muted: Muted::NONE };
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(seconds) = self.limits.latency_threshold() {
            parts.push(format!("latency_threshold = {seconds}"));
        }
        if let Some(share) = self.limits.error_threshold() {
            parts.push(format!("error_threshold = {share}"));
        }
        parts.extend(self.muted.reasons().map(|reason| format!("muted {}", reason.as_str())));
        if parts.is_empty() {
            parts.push("no limits".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

/// A name that is watched. It lives as long as the process.
pub struct Endpoint {
    name: &'static str,
    /// The latency over which a call is judged at once, in seconds.
    threshold: AtomicU64,
    /// By whose hand the calls' time runs.
    hand: AtomicU64,
    calls: Batches,
    judge: Mutex<Judge>,
}

struct Judge {
    detector: Detector,
    by_code: Option<(Given, Place)>,
    by_file: Option<Given>,
    muted: Muted,
    held: [Held; SINGLES],
    taken: Taken,
}

/// How many reasons are of single calls; they come first.
const SINGLES: usize = 4;

/// Abnormal calls of one reason that were counted and not yet told.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    last: Option<Verdict>,
    calls: u64,
    /// When the next may be told.
    due: u64,
}

/// Of one endpoint and reason at most one event so often.
const TOLD_EVERY_MS: u64 = 1_000;

/// What came of the calls that were waiting.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// How often each reason is counted.
    pub(crate) counted: [u64; Reason::ALL.len()],
    /// What is told, and of how many calls.
    pub(crate) told: Vec<(Verdict, u64)>,
}

/// How an endpoint is now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct State {
    /// The endpoint's label, or the name that is watched.
    pub endpoint: &'static str,
    /// The share of failures of late, 0 to 1.
    pub error_rate: f64,
    /// The latency over which a call is abnormal, in seconds.
    pub latency_threshold: f64,
    /// What was fixed, in code or in the file; the rest is learned.
    pub limits: Limits,
    /// The reasons that are not asked for.
    pub muted: Vec<Reason>,
    /// The episodes that last.
    pub episodes: Vec<super::verdict::Episode>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Endpoint {
    pub(super) fn new(name: &'static str) -> Endpoint {
        let detector = Detector::new(Limits::NONE);
        Endpoint {
            name,
            threshold: AtomicU64::new(detector.threshold().to_bits()),
            hand: AtomicU64::new(0),
            calls: Batches::default(),
            judge: Mutex::new(Judge {
                detector,
                by_code: None,
                by_file: None,
                muted: Muted::NONE,
                held: [Held::default(); SINGLES],
                taken: Taken::default(),
            }),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Takes a call on its way. Unless it has to be judged at once, that is all.
    #[inline]
    pub(crate) fn put(&self, call: Seen) -> Put {
        let plain = matches!(call.observed, Observed::Success | Observed::Refused | Observed::Cancelled);
        // A NaN is over nothing.
        let slow = f64::from(call.seconds) > f64::from_bits(self.threshold.load(Ordering::Relaxed));
        match self.calls.put(call) {
            Put::Waits if slow || !plain => Put::Ripe,
            put => put,
        }
    }

    /// Judges the calls that wait.
    pub(crate) fn judge(&self) -> Findings {
        self.judged(None)
    }

    /// Judges the calls that wait, and that there are none until now; if the time of this endpoint is this thread's.
    pub(crate) fn tick(&self) -> Findings {
        if self.hand.load(Ordering::Relaxed) == clock::hand() {
            self.judged(Some(clock::unix_ms_now()))
        } else {
            Findings::default()
        }
    }

    fn judged(&self, now: Option<u64>) -> Findings {
        let mut findings = Findings::default();
        let mut judge = self.lock();
        let Judge { detector, muted, held, taken, .. } = &mut *judge;
        let mut find = |verdict: Verdict, told: bool| {
            if muted.has(verdict.reason) {
                return;
            }
            if verdict.kind.is_counted() {
                findings.counted[verdict.reason as usize] += 1;
            }
            if told {
                return;
            }
            match held.get_mut(verdict.reason as usize) {
                Some(held) if verdict.kind == Kind::Single => findings.told.extend(held.hold(verdict)),
                _ => findings.told.push((verdict, 1)),
            }
        };
        let mut any = false;
        let mut verdicts = Vec::new();
        self.calls.take(taken, |call| {
            any = true;
            detector.observe(call.at, f64::from(call.seconds), call.observed, &mut verdicts);
            for verdict in verdicts.drain(..) {
                let fails = matches!(verdict.reason, Reason::ServerError | Reason::Exception | Reason::Panic);
                find(verdict, call.told && fails);
            }
        });
        if let Some(now) = now {
            detector.tick(now, &mut verdicts);
        }
        verdicts.into_iter().for_each(|verdict| find(verdict, false));
        if let Some(now) = now {
            findings.told.extend(held.iter_mut().filter_map(|held| held.release(now)));
        }
        if any {
            self.hand.store(clock::hand(), Ordering::Relaxed);
        }
        self.note_threshold(&judge);
        findings
    }

    fn note_threshold(&self, judge: &Judge) {
        let muted = judge.muted.has(Reason::HighLatency);
        let threshold = if muted { f64::INFINITY } else { judge.detector.threshold() };
        self.threshold.store(threshold.to_bits(), Ordering::Relaxed);
    }

    /// Takes what a place in the code says of this name.
    ///
    /// # Errors
    /// What the first place said, if that is something else.
    pub(crate) fn give_by_code(&self, given: Given, place: Place) -> Result<(), (Given, Place)> {
        let mut judge = self.lock();
        match judge.by_code {
            // A place that says nothing takes what others say.
            _ if given == Given::NOTHING => {}
            Some((there, _)) if there == given => {}
            Some(there) => return Err(there),
            None => {
                judge.by_code = Some((given, place));
                self.settle_limits(&mut judge);
            }
        }
        Ok(())
    }

    /// Takes what the file says of this name; it goes before what the code says.
    pub(crate) fn give_by_file(&self, given: Option<Given>) {
        let mut judge = self.lock();
        if judge.by_file != given {
            judge.by_file = given;
            self.settle_limits(&mut judge);
        }
    }

    fn settle_limits(&self, judge: &mut Judge) {
        let code = judge.by_code.map_or(Given::NOTHING, |(given, _)| given);
        let file = judge.by_file.unwrap_or(Given::NOTHING);
        judge.muted = if file.muted == Muted::NONE { code.muted } else { file.muted };
        judge.detector.set_limits(over(file.limits, code.limits));
        self.note_threshold(judge);
    }

    /// Whether a reason is not asked for.
    pub(crate) fn mutes(&self, reason: Reason) -> bool {
        self.lock().muted.has(reason)
    }

    /// How it is now.
    pub(crate) fn state(&self) -> State {
        let judge = self.lock();
        State {
            endpoint: self.name,
            error_rate: judge.detector.error_rate(),
            latency_threshold: judge.detector.threshold(),
            limits: judge.detector.limits(),
            muted: judge.muted.reasons().collect(),
            episodes: judge.detector.episodes().filter(|episode| !judge.muted.has(episode.reason)).collect(),
        }
    }

    /// The share of failures of late, and the latency over which a call is abnormal.
    pub(crate) fn gauges(&self) -> (f64, f64) {
        let judge = self.lock();
        (judge.detector.error_rate(), judge.detector.threshold())
    }

    /// What was learned, to be kept.
    pub(crate) fn learned(&self) -> Vec<u8> {
        self.lock().detector.state()
    }

    /// Takes what was learned and kept.
    pub(crate) fn learn(&self, learned: &[u8]) -> Result<(), StateError> {
        let mut judge = self.lock();
        judge.detector = Detector::restore(judge.detector.limits(), learned)?;
        self.note_threshold(&judge);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Judge> {
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `first` fixes, and of the rest what `second` fixes.
fn over(first: Limits, second: Limits) -> Limits {
    let latency = first.latency_threshold().or(second.latency_threshold());
    let error = first.error_threshold().or(second.error_threshold());
    // Both were limits before, so they are again.
    Limits::new(latency, error).unwrap_or(first)
}

impl Held {
    /// Tells of a call now, or later.
    fn hold(&mut self, verdict: Verdict) -> Option<(Verdict, u64)> {
        self.calls += 1;
        self.last = Some(verdict);
        self.release(verdict.at)
    }

    /// Tells of the calls that were held back, if the time has come; also when the clock was turned back.
    fn release(&mut self, now: u64) -> Option<(Verdict, u64)> {
        if now < self.due && now + TOLD_EVERY_MS >= self.due {
            return None;
        }
        let verdict = self.last.take()?;
        self.due = now + TOLD_EVERY_MS;
        Some((verdict, std::mem::take(&mut self.calls)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_endpoint_with_all_that_waits_for_it_takes_at_most_8_kib() {
        assert!(size_of::<Endpoint>() <= 8_192, "{}", size_of::<Endpoint>());
    }

    /// What is told and counted of calls that are judged whenever they are ripe, or one by one.
    fn found(calls: &[(u64, f32, Observed)], one_by_one: bool) -> (Vec<(Verdict, u64)>, [u64; Reason::ALL.len()]) {
        let endpoint = Endpoint::new("batches");
        let (mut told, mut counted, mut at) = (Vec::new(), [0; Reason::ALL.len()], 1_767_571_200_000);
        let mut judge = || {
            let findings = endpoint.judge();
            told.extend(findings.told);
            counted.iter_mut().zip(findings.counted).for_each(|(sum, more)| *sum += more);
        };
        for (after, seconds, observed) in calls {
            at += after;
            let call = Seen { at, seconds: *seconds, observed: *observed, told: false };
            match endpoint.put(call) {
                Put::Waits if !one_by_one => {}
                Put::Waits | Put::Ripe => judge(),
                Put::Full => unreachable!("it is emptied when it is ripe"),
            }
        }
        judge();
        (told, counted)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_same_calls_give_the_same_findings_however_they_are_batched(
            calls in prop::collection::vec(
                (
                    0_u64..3_000,
                    0.0..2.0_f32,
                    prop_oneof![20 => Just(Observed::Success), 3 => Just(Observed::Exception), 2 => Just(Observed::Refused)],
                ),
                200..1_000,
            ),
        ) {
            prop_assert_eq!(found(&calls, false), found(&calls, true));
        }
    }
}
