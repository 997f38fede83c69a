//! Whether failures have become more frequent: sums of evidence against a base rate that is learned.

use super::lane::Lane;

/// What a failure share is thought to be before anything is seen: half a failure in 200 calls.
const PRIOR: Share = Share { failures: 0.5, calls: 200.0 };
/// Calls to be learned from before a rise is judged.
const CALLS_LEARNED: f64 = 250.0;
/// Calls that are learned from at once; later ones wait until it is clear that they were normal.
const CALLS_AT_ONCE: f64 = 2_000.0;
/// A share that needs no learning to be abnormal, unless it lasts: more than this is not believed to be the base.
const BASE_MAX: f64 = 0.25;
const BASE_MIN: f64 = 1e-5;
/// The base is forgotten by half in three days, as long as this many failures are remembered.
const FAILURES_KEPT: f64 = 60.0;
const LEARN_SECONDS: f64 = 600.0;
const HALF_LIFE_SECONDS: f64 = 3.0 * 86_400.0;
/// How unlikely a false alarm is made: the limit is this and the logarithm of the failures expected in a day, each of
/// which is an occasion for one.
const LIMIT: f32 = 2.2;
const LIMIT_MIN: f32 = 6.0;
const LIMIT_MAX: f32 = 18.0;
/// Less than this multiple of the base is no rise: what nearly always fails cannot do it more often.
const EFFECT_MIN: f64 = 1.5;
/// What one slice may add to each sum, in parts of the limit.
const SLICE_MAX: [f32; 3] = [0.13, 0.13, 0.7];
/// At least this many failures make an alarm.
const FAILURES_MIN: f32 = 3.3;
/// The sum is capped at this multiple of the limit.
const CAP: f32 = 1.25;
/// What takes longer to be found is no sudden rise.
const SUDDEN_MILLISECONDS: u64 = 3 * 3_600_000;
/// An alarm ends after this long without a failure.
const QUIET_MILLISECONDS: u64 = 900_000;
/// Evidence, in nats, that the failures are back to normal, which ends an alarm.
const BACK: f32 = 2.7;
/// The part of it that one slice may add: an alarm does not end by one lucky moment.
const BACK_SLICE: f32 = 0.3;
/// Failures expected in one sample of the dispersion.
const DISPERSION_FAILURES: f64 = 5.0;

/// A share in the making.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    pub(super) failures: f64,
    pub(super) calls: f64,
}

impl Share {
    fn add(&mut self, other: Share) {
        self.failures += other.failures;
        self.calls += other.calls;
    }
}

/// The evidence of one failure, and of one call that is none.
#[derive(Clone, Copy, Debug, Default)]
struct Gains {
    failure: f32,
    other: f32,
}

impl Gains {
    /// For `alternative` against `base`.
    fn new(base: f64, alternative: f64) -> Gains {
        Gains { failure: (alternative / base).ln() as f32, other: ((1.0 - alternative) / (1.0 - base)).ln() as f32 }
    }

    fn of(self, failures: f32, calls: f32) -> f32 {
        failures * self.failure + (calls - failures) * self.other
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Errors {
    pub(super) base: Share,
    /// The last ten minutes or less, and the ten before: an alarm discards both, so that what led to it is not learned.
    pending: [Share; 2],
    /// A rise to twice the base, to five times, and to far more.
    lanes: [Lane; 3],
    gains: [Gains; 3],
    limit: f32,
    /// How much more failures vary than chance alone would have them: they come in bursts.
    pub(super) dispersion: f32,
    pub(super) samples: f32,
    sample: Share,
    /// When a call last failed.
    failed: u64,
    /// Of an open alarm: evidence of the return, and its measure.
    back: f32,
    back_gains: Gains,
    /// What was believed to be the base after an alarm had lasted for long.
    pub(super) accepted: f64,
    pub(super) firing: bool,
}

impl Errors {
    pub(super) fn new() -> Errors {
        let mut errors = Errors {
            base: PRIOR,
            pending: Default::default(),
            lanes: Default::default(),
            gains: Default::default(),
            limit: LIMIT_MAX,
            dispersion: 1.0,
            samples: 10.0,
            sample: Share::default(),
            failed: 0,
            back: 0.0,
            back_gains: Gains::default(),
            accepted: BASE_MAX,
            firing: false,
        };
        errors.measure(0.0);
        errors
    }

    /// The share of failures that is normal.
    pub(super) fn expected(&self) -> f64 {
        (self.base.failures / self.base.calls).clamp(BASE_MIN, self.accepted.max(BASE_MAX))
    }

    /// Judges the calls of one slice.
    pub(super) fn close(&mut self, start: u64, calls: u64, failures: u64, calls_a_second: f64) {
        if failures > 0 {
            self.failed = start;
        }
        if calls == 0 {
            return;
        }
        let share = Share { failures: failures as f64, calls: calls as f64 };
        let (calls, failures) = (calls as f32, failures as f32);
        if self.base.calls >= CALLS_LEARNED {
            for ((lane, gains), most) in self.lanes.iter_mut().zip(self.gains).zip(SLICE_MAX) {
                let gain = gains.of(failures, calls);
                if lane.rests(gain) {
                    continue;
                }
                if lane.sum < self.limit && start.saturating_sub(lane.since) > SUDDEN_MILLISECONDS {
                    lane.sum = 0.0;
                }
                lane.step(gain / self.dispersion, most * self.limit, CAP * self.limit, start, failures, calls);
            }
        }
        if self.firing {
            if let Some(lane) = self.alarm() {
                self.aim(lane.seen, lane.weight);
            }
            let evidence = -self.back_gains.of(failures, calls);
            self.back = (self.back + evidence.min(BACK_SLICE * BACK)).max(0.0);
            return;
        }
        self.disperse(share);
        if self.base.calls < CALLS_AT_ONCE {
            self.base.add(share);
            self.measure(calls_a_second);
        } else {
            self.pending[0].add(share);
        }
    }

    fn disperse(&mut self, share: Share) {
        self.sample.add(share);
        let expected = self.expected() * self.sample.calls;
        if expected < DISPERSION_FAILURES {
            return;
        }
        let ratio = ((self.sample.failures - expected).powi(2) / expected).min(25.0) as f32;
        self.samples = (self.samples + 1.0).min(60.0);
        self.dispersion = (self.dispersion + (ratio - self.dispersion) / self.samples).max(1.0);
        self.sample = Share::default();
    }

    /// Every ten minutes: what was pending has proved to be normal.
    pub(super) fn learn(&mut self, calls_a_second: f64) {
        if self.firing {
            return;
        }
        if self.base.failures > FAILURES_KEPT {
            let keep = (-LEARN_SECONDS / HALF_LIFE_SECONDS).exp2();
            self.base.failures *= keep;
            self.base.calls *= keep;
        }
        self.base.add(self.pending[1]);
        self.pending = [Share::default(), self.pending[0]];
        self.measure(calls_a_second);
    }

    /// Makes gains and limit anew from the base.
    fn measure(&mut self, calls_a_second: f64) {
        // Some way to the upper side of what the base may be, as far as it is known.
        let base = (self.expected() + 0.5 * self.base.failures.sqrt() / self.base.calls).min(0.95);
        let failures_a_day = (base * calls_a_second * 86_400.0).max(1.0) as f32 / self.dispersion;
        self.limit = (LIMIT + failures_a_day.max(1.0).ln()).clamp(LIMIT_MIN, LIMIT_MAX);
        for (gains, alternative) in self.gains.iter_mut().zip([2.0 * base, 5.0 * base, 20.0 * base + 0.05]) {
            let alternative = alternative.min(0.97);
            *gains = if alternative >= EFFECT_MIN * base { Gains::new(base, alternative) } else { Gains::default() };
            gains.failure = gains.failure.min(self.limit / FAILURES_MIN);
        }
    }

    /// Whether there is evidence enough to start an alarm.
    pub(super) fn is_alarmed(&self) -> bool {
        self.lanes.iter().any(|lane| lane.sum >= self.limit)
    }

    /// The sum with the most evidence, if it is enough to start an alarm.
    pub(super) fn alarm(&self) -> Option<Lane> {
        let worst = self.lanes.iter().max_by(|a, b| a.sum.total_cmp(&b.sum))?;
        (worst.sum >= self.limit).then_some(*worst)
    }

    /// Whether an open alarm is over at `now`.
    pub(super) fn is_back(&self, now: u64) -> bool {
        self.back >= BACK || now.saturating_sub(self.failed) > QUIET_MILLISECONDS
    }

    /// Begins an alarm of these failures among calls.
    pub(super) fn begin(&mut self, failures: f32, calls: f32) {
        self.firing = true;
        self.back = 0.0;
        self.aim(failures, calls);
        self.pending = Default::default();
        self.sample = Share::default();
    }

    /// Says what the return is told from: the share seen so far, or as much less as it may well be by chance.
    fn aim(&mut self, failures: f32, calls: f32) {
        let base = self.expected().min(0.45);
        let share = f64::from((failures - failures.sqrt()) / calls.max(1.0));
        self.back_gains = Gains::new(base, share.max(2.0 * base).min(0.95));
    }

    /// Ends the alarm; what it saw becomes the base if it lasted for so long that it is normal now.
    pub(super) fn end(&mut self, accept: Option<f64>, calls_a_second: f64) {
        self.firing = false;
        self.lanes = Default::default();
        if let Some(share) = accept {
            self.accepted = share;
            self.base = Share { failures: FAILURES_KEPT, calls: FAILURES_KEPT / share.max(BASE_MIN) };
            self.measure(calls_a_second);
        }
    }

    /// Forgets what is under way and keeps what is learned.
    pub(super) fn pause(&mut self) {
        self.firing = false;
        self.lanes = Default::default();
        self.pending = Default::default();
        self.sample = Share::default();
    }

    /// After a restore.
    pub(super) fn prepare(&mut self, calls_a_second: f64) {
        self.measure(calls_a_second);
    }
}
