//! Whether there are far more or far fewer calls than at this time of the day and week.
//!
//! A profile of the day in five-minute buckets, a factor for each weekday and a level that follows in hours say what to
//! expect; counts vary about it as a gamma-modulated Poisson process does (negative binomial), how much is learned.
//! What is tested against is the least and the most that is expected within an hour of now, so that an hour's shift of
//! the clocks is no alarm.

use super::lane::Lane;

const BUCKETS: usize = 288;
const DAY_SECONDS: u64 = 86_400;
const BUCKET_SECONDS: u64 = 300;
pub(super) const WINDOW_SECONDS: u64 = 10;
const WINDOWS_A_BUCKET: f32 = (BUCKET_SECONDS / WINDOW_SECONDS) as f32;
/// Buckets in an hour.
const HOUR: usize = 12;
/// Whole days to be seen before it is learned how much calls vary about what is expected, and before they are judged.
const DAYS_LEARNED: u16 = 2;
const DAYS_JUDGED: u16 = 3;
/// How much of the profile a new day is, once enough days are known.
const DAY_WEIGHT: f32 = 0.2;
const WEEK_WEIGHT: f32 = 0.5;
/// The level is forgotten in three hours.
const LEVEL_KEEP: f32 = 1.0 - BUCKET_SECONDS as f32 / 10_800.0;
/// Calls that the level is thought to have seen at its usual height.
const LEVEL_PRIOR: f32 = 20.0;
/// The alternatives, in times of the expected. Evidence for them begins at about their geometric mean with 1.
const SPIKE: f32 = 2.5;
const DROP: f32 = 0.3;
const SPIKE_CALLS_MIN: f32 = 20.0;
/// Bursts last: so many windows beside one another are as good as one, at least and at most.
const ALIKE_MIN: f32 = 3.0;
const ALIKE_MAX: f32 = WINDOWS_A_BUCKET;
const LIMIT: f32 = 8.5;
const CAP: f32 = 1.25;
const END: f32 = 0.5;
const WINDOW_MAX: f32 = 0.36;

#[derive(Clone, Copy, Debug)]
pub(super) struct Traffic {
    /// Calls in each five minutes of a day of factor 1; NaN where none was seen whole.
    pub(super) profile: [f32; BUCKETS],
    /// Calls in each weekday; NaN where none was seen whole.
    pub(super) totals: [f32; 7],
    /// Whole days seen.
    pub(super) days: u16,
    /// The calls of the current day, window and bucket, and since when they are whole.
    today: f32,
    bucket: f32,
    whole_since: u64,
    /// Calls seen and expected lately.
    pub(super) level: (f32, f32),
    /// The square of the relative deviation of a window's calls beyond chance, and what it is made of.
    pub(super) variation: f32,
    pub(super) varied: (f32, f32),
    /// The same of buckets, by which it is seen how long bursts last.
    pub(super) varied_buckets: (f32, f32),
    /// How many windows are as good as one.
    alike: f32,
    /// Expected calls in a window at level 1: at most within an hour, at least, and now.
    most: f32,
    least: f32,
    usual: f32,
    spike: Lane,
    drop: Lane,
    /// Calls a second, over a day.
    pub(super) rate: f32,
    pub(super) windows: f32,
    pub(super) firing: bool,
}

impl Traffic {
    pub(super) fn new() -> Traffic {
        Traffic {
            profile: [f32::NAN; BUCKETS],
            totals: [f32::NAN; 7],
            days: 0,
            today: 0.0,
            bucket: 0.0,
            whole_since: 0,
            level: (LEVEL_PRIOR, LEVEL_PRIOR),
            variation: 0.1,
            varied: (20.0, 200.0),
            varied_buckets: (2.0, 200.0),
            alike: ALIKE_MIN,
            most: f32::NAN,
            least: f32::NAN,
            usual: f32::NAN,
            spike: Lane::default(),
            drop: Lane::default(),
            rate: 0.0,
            windows: 0.0,
            firing: false,
        }
    }

    /// Begins to see at `at` milliseconds.
    pub(super) fn start(&mut self, at: u64) {
        self.whole_since = at;
        (self.today, self.bucket) = (0.0, 0.0);
        self.expect(at);
    }

    /// Calls a second in the long run.
    pub(super) fn calls_a_second(&self) -> f64 {
        f64::from(self.rate)
    }

    /// Judges the window that ends at `end` milliseconds.
    pub(super) fn close(&mut self, end: u64, calls: u64) {
        let calls = calls as f32;
        self.windows = (self.windows + 1.0).min((DAY_SECONDS / WINDOW_SECONDS) as f32);
        self.rate += (calls / WINDOW_SECONDS as f32 - self.rate) / self.windows;
        self.bucket += calls;
        if self.usual.is_finite() && self.days >= DAYS_LEARNED {
            if self.days >= DAYS_JUDGED {
                self.judge(end - WINDOW_SECONDS * 1_000, calls);
            }
            self.vary(calls);
        }
        if end.is_multiple_of(BUCKET_SECONDS * 1_000) {
            self.close_bucket(end);
        }
    }

    fn judge(&mut self, start: u64, calls: f32) {
        let level = self.level();
        let (most, least, usual) = (level * self.most, level * self.least, level * self.usual);
        let shape = 1.0 / self.variation;
        let max = WINDOW_MAX * LIMIT;
        // Up to what is expected there is no evidence of more, and from there on none of less.
        if calls > most || self.spike.sum > 0.0 {
            let gain = evidence(calls, most, SPIKE, shape) / self.alike;
            self.spike.step(gain, max, CAP * LIMIT, start, calls, usual);
        }
        if calls < least || self.drop.sum > 0.0 {
            let gain = evidence(calls, least, DROP, shape) / self.alike;
            self.drop.step(gain, max, CAP * LIMIT, start, calls, usual);
        }
    }

    /// Learns how much the calls of a window vary about what is expected.
    fn vary(&mut self, calls: f32) {
        const KEEP: f32 = 1.0 - 1.0 / 3_000.0;
        if self.firing {
            return;
        }
        let usual = self.level() * self.usual;
        add_variation(&mut self.varied, KEEP, calls, usual);
        self.measure_variation();
    }

    fn measure_variation(&mut self) {
        self.variation = (self.varied.0 / self.varied.1).clamp(0.01, 2.0);
    }

    /// Were the windows independent, a bucket's variation would be that of a window by their number.
    fn measure_alike(&mut self) {
        let of_buckets = (self.varied_buckets.0 / self.varied_buckets.1).max(0.0);
        self.alike = (WINDOWS_A_BUCKET * of_buckets / self.variation).clamp(ALIKE_MIN, ALIKE_MAX);
    }

    fn level(&self) -> f32 {
        (self.level.0 / self.level.1).clamp(0.01, 100.0)
    }

    fn close_bucket(&mut self, end: u64) {
        let start = end - BUCKET_SECONDS * 1_000;
        let calls = std::mem::take(&mut self.bucket);
        if self.whole_since <= start && self.usual.is_finite() && self.days >= DAYS_LEARNED && !self.firing {
            self.follow(calls);
        }
        if self.whole_since <= start {
            let profile = &mut self.profile[bucket_of(start)];
            let factor = factor(&self.totals, start);
            let mut seen = calls / factor;
            if self.days >= DAYS_LEARNED {
                let chance = 3.0 * profile.sqrt() + 1.0;
                seen = seen.clamp((0.3 * *profile - chance).max(0.0), 2.5 * *profile + chance);
            }
            self.today += seen * factor;
            if profile.is_nan() {
                *profile = seen;
            } else if !self.firing {
                let weight = DAY_WEIGHT.max(1.0 / f32::from(self.days + 1));
                *profile += weight * (seen - *profile);
            }
        }
        if end.is_multiple_of(DAY_SECONDS * 1_000) {
            self.close_day(end);
        }
        self.expect(end);
    }

    /// Lets the level follow the calls of a bucket, as far as they can be believed.
    fn follow(&mut self, calls: f32) {
        let usual = self.usual * WINDOWS_A_BUCKET;
        let now = usual * self.level.0 / self.level.1;
        let chance = 3.0 * now.sqrt();
        let seen = calls.clamp((0.3 * now - chance).max(0.0), 3.0 * now + chance);
        const KEEP: f32 = 1.0 - 1.0 / 300.0;
        add_variation(&mut self.varied_buckets, KEEP, calls, now);
        self.measure_alike();
        let prior = LEVEL_PRIOR * (1.0 - LEVEL_KEEP);
        self.level.0 = self.level.0 * LEVEL_KEEP + seen + prior;
        self.level.1 = self.level.1 * LEVEL_KEEP + usual + prior;
    }

    fn close_day(&mut self, end: u64) {
        let start = end - DAY_SECONDS * 1_000;
        let today = std::mem::take(&mut self.today);
        if self.whole_since > start {
            return;
        }
        self.days = self.days.saturating_add(1);
        let known = self.totals.iter().all(|total| total.is_finite());
        let total = &mut self.totals[weekday_of(start)];
        *total = if total.is_nan() { today } else { *total + WEEK_WEIGHT * (today - *total) };
        if !known && self.totals.iter().all(|total| total.is_finite()) {
            // So far the profile was of all days alike, the last ones most.
            let mean = self.totals.iter().sum::<f32>() / 7.0;
            let sum: f32 = self.profile.iter().filter(|calls| calls.is_finite()).sum();
            if sum > 0.0 {
                self.profile.iter_mut().for_each(|calls| *calls *= mean / sum);
                self.level = (LEVEL_PRIOR, LEVEL_PRIOR);
            }
        }
    }

    /// What to expect in the five minutes from `at` on.
    fn expect(&mut self, at: u64) {
        let factor = factor(&self.totals, at) / WINDOWS_A_BUCKET;
        let now = bucket_of(at);
        let around = |bucket: usize| {
            (bucket + BUCKETS - 2..=bucket + BUCKETS + 2).map(|near| self.profile[near % BUCKETS]).sum::<f32>() / 5.0
        };
        self.usual = around(now) * factor;
        (self.least, self.most) = (self.usual, self.usual);
        for other in [now + BUCKETS - HOUR, now + HOUR] {
            let other = around(other % BUCKETS) * factor;
            (self.least, self.most) = (self.least.min(other), self.most.max(other));
        }
    }

    /// Whether there may be evidence enough for a spike or a drop.
    pub(super) fn is_alarmed(&self) -> bool {
        self.spike.sum >= LIMIT || self.drop.sum >= LIMIT
    }

    /// The spike or the drop that there is evidence enough for.
    pub(super) fn spike(&self) -> Option<Lane> {
        let enough = self.spike.sum >= LIMIT && self.spike.seen - self.spike.weight >= SPIKE_CALLS_MIN;
        enough.then_some(self.spike)
    }

    pub(super) fn dropped(&self) -> Option<Lane> {
        (self.drop.sum >= LIMIT).then_some(self.drop)
    }

    pub(super) fn spike_is_back(&self) -> bool {
        self.spike.sum < END * LIMIT
    }

    pub(super) fn drop_is_back(&self) -> bool {
        self.drop.sum < END * LIMIT
    }

    /// The calls a second that are usual now.
    pub(super) fn expected(&self) -> f64 {
        f64::from(self.usual * self.level.0 / self.level.1) / WINDOW_SECONDS as f64
    }

    pub(super) fn begin(&mut self) {
        self.firing = true;
    }

    /// Ends the alarm; `accept` is what it saw by what was expected, if it lasted for so long that it is normal now.
    pub(super) fn end(&mut self, accept: Option<f64>) {
        self.firing = false;
        (self.spike, self.drop) = Default::default();
        if let Some(ratio) = accept {
            let level = self.level.0 / self.level.1 * ratio as f32;
            let seen = LEVEL_PRIOR.max(100.0 * self.usual);
            self.level = (seen * level.clamp(0.01, 100.0), seen);
        }
    }

    /// Forgets what is under way and keeps what is learned.
    pub(super) fn pause(&mut self, at: u64) {
        self.end(None);
        self.start(at);
    }

    /// After a restore.
    pub(super) fn prepare(&mut self) {
        self.measure_variation();
        self.measure_alike();
    }
}

/// Adds what calls vary beyond chance, and what that is relative to. What is far out is not believed whole.
fn add_variation(varied: &mut (f32, f32), keep: f32, calls: f32, usual: f32) {
    let off = (calls - usual).clamp(-usual, 3.0 * usual + 5.0);
    varied.0 = varied.0 * keep + off * off - usual;
    varied.1 = varied.1 * keep + usual * usual;
}

/// Nats for `calls` being `times` what is expected, where counts are negative binomial with this shape.
fn evidence(calls: f32, expected: f32, times: f32, shape: f32) -> f32 {
    let ratio = (shape + times * expected) / (shape + expected);
    calls * (times / ratio).ln() - shape * ratio.ln()
}

fn bucket_of(at: u64) -> usize {
    (at / 1_000 % DAY_SECONDS / BUCKET_SECONDS) as usize
}

/// 0 is a Thursday, as the epoch was.
fn weekday_of(at: u64) -> usize {
    (at / 1_000 / DAY_SECONDS % 7) as usize
}

/// How much of a mean day's calls this weekday has; 1 until a whole week is known.
fn factor(totals: &[f32; 7], at: u64) -> f32 {
    let mean = totals.iter().sum::<f32>() / 7.0;
    let factor = totals[weekday_of(at)] / mean;
    // Not if a total is NaN.
    if factor > 0.05 { factor } else { 1.0 }
}
