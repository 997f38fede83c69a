//! Whether calls have become slower: likelihood ratios over a histogram of this endpoint's own latencies, so that no law
//! of their distribution is assumed.
//!
//! Latencies are taken by their logarithm relative to a centre that follows slow changes, in eighths of an octave. From
//! how often each was seen come four scores for it: how much likelier it is if all latencies are longer by a half, if
//! they are longer by much, if one in six is, if a few are far longer.

use super::lane::Lane;

const BUCKETS: usize = 64;
const BUCKETS_AN_OCTAVE: f32 = 8.0;
/// The centre's bucket: there are four octaves to either side, and what is beyond counts as the last.
const MIDDLE: f32 = 32.0;
const LANES: usize = 4;
/// The threshold until enough is learned.
const THRESHOLD_SECONDS: f64 = 1.0;
/// The share of normal calls that may be over the threshold.
const THRESHOLD_SHARE: f32 = 0.001;
/// Latencies that find the centre, before any is counted.
const CENTRE_CALLS: f32 = 100.0;
/// Calls to be counted before anything is judged.
const CALLS_LEARNED: f32 = 200.0;
/// The histogram is forgotten in this many calls or in two days, whichever is more.
const CALLS_KEPT: f32 = 20_000.0;
const LEARNS_KEPT: f32 = 288.0;
/// Minutes over which the centre follows.
const CENTRE_MINUTES: f32 = 120.0;
/// As for failures: the limit is this and the logarithm of the calls in a day.
const LIMIT: f32 = 2.0;
const LIMIT_MIN: f32 = 8.0;
const LIMIT_MAX: f32 = 20.0;
/// The sum is capped at this multiple of the limit.
const CAP: f32 = 1.25;
/// Latencies may be this many buckets longer, by a fifth, without being evidence of anything: load does that.
const MOVED: usize = 2;
/// Evidence, in nats, that the latencies are back to normal, which ends an alarm.
const BACK: f32 = 3.0;
/// The part of it that one slice may add: an alarm does not end by one lucky moment.
const BACK_SLICE: f32 = 0.3;
/// What one call may add, by sum, and what one slice may: a part of the limit.
const SCORE_MAX: [f32; LANES] = [2.0, 3.0, 2.0, 2.5];
const SCORE_MIN: f32 = -2.0;
const SLICE_MAX: [f32; LANES] = [0.2, 0.45, 0.25, 0.25];

/// Sums over some calls.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    calls: f32,
    /// Octaves from the centre.
    octaves: f32,
    scores: [f32; LANES],
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.calls += other.calls;
        self.octaves += other.octaves;
        for (sum, score) in self.scores.iter_mut().zip(other.scores) {
            *sum += score;
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    /// The scores of each bucket.
    scores: [[f32; LANES]; BUCKETS],
    /// How often each was seen.
    pub(super) seen: [f32; BUCKETS],
    /// What waits to be learned.
    pending: [f32; BUCKETS],
    /// Octaves over a second.
    pub(super) centre: f32,
    /// Calls that the centre was found from.
    pub(super) centred: f32,
    slice: Sums,
    minute: Sums,
    lanes: [Lane; LANES],
    limit: f32,
    /// The usual mean and variance of a call's score, and how much more the sums over minutes vary than that.
    mean: [f32; LANES],
    variance: [f32; LANES],
    pub(super) dispersion: [f32; LANES],
    pub(super) minutes: f32,
    learned: bool,
    /// Seconds.
    threshold: f64,
    /// Of an open alarm: which sum began it, and the evidence of the return by its score.
    began: usize,
    back: f32,
    pub(super) firing: bool,
}

impl Latency {
    pub(super) fn new() -> Latency {
        Latency {
            scores: [[0.0; LANES]; BUCKETS],
            seen: [0.0; BUCKETS],
            pending: [0.0; BUCKETS],
            centre: 0.0,
            centred: 0.0,
            slice: Sums::default(),
            minute: Sums::default(),
            lanes: Default::default(),
            limit: LIMIT_MAX,
            mean: [0.0; LANES],
            variance: [1.0; LANES],
            dispersion: [2.0; LANES],
            minutes: 10.0,
            learned: false,
            threshold: THRESHOLD_SECONDS,
            began: 0,
            back: 0.0,
            firing: false,
        }
    }

    /// The learned threshold in seconds, or 1 until it is.
    #[inline]
    pub(super) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Takes the latency of one call, in seconds, finite and not negative.
    #[inline]
    pub(super) fn add(&mut self, seconds: f64) {
        // A microsecond to a day: beyond are clocks that jump.
        let octaves = (seconds as f32).clamp(1e-6, 86_400.0).log2();
        if self.centred < CENTRE_CALLS {
            return self.find_centre(octaves);
        }
        let octaves = octaves - self.centre;
        let place = (octaves * BUCKETS_AN_OCTAVE + MIDDLE).clamp(0.0, (BUCKETS - 1) as f32);
        let bucket = place as usize & (BUCKETS - 1);
        self.pending[bucket] += 1.0;
        self.slice.calls += 1.0;
        // So that one call of a minute does not hide a thousand of a millisecond.
        self.slice.octaves += octaves.clamp(-4.0, 4.0);
        for (sum, score) in self.slice.scores.iter_mut().zip(self.scores[bucket]) {
            *sum += score;
        }
    }

    #[cold]
    fn find_centre(&mut self, octaves: f32) {
        self.centred += 1.0;
        self.centre += (octaves - self.centre) / self.centred;
    }

    /// Judges the calls of one slice.
    pub(super) fn close(&mut self, start: u64) {
        let slice = std::mem::take(&mut self.slice);
        if slice.calls == 0.0 {
            return;
        }
        self.minute.add(&slice);
        if !self.learned {
            return;
        }
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            if lane.rests(slice.scores[number]) {
                continue;
            }
            let gain = slice.scores[number] / self.dispersion[number];
            let (most, cap) = (SLICE_MAX[number] * self.limit, CAP * self.limit);
            lane.step(gain, most, cap, start, slice.octaves, slice.calls);
        }
        if self.firing {
            let evidence = -slice.scores[self.began] / self.dispersion[self.began];
            self.back = (self.back + evidence.min(BACK_SLICE * BACK)).max(0.0);
        }
    }

    /// Every minute: follows the centre, and learns how much minutes vary.
    pub(super) fn close_minute(&mut self) {
        let minute = std::mem::take(&mut self.minute);
        if minute.calls == 0.0 || self.firing {
            return;
        }
        let moved = (minute.octaves / minute.calls).clamp(-0.5, 0.5);
        self.minutes = (self.minutes + 1.0).min(500.0);
        self.centre += moved / self.minutes.min(CENTRE_MINUTES) * (minute.calls / (minute.calls + 2.0));
        if !self.learned {
            return;
        }
        for number in 0..LANES {
            let off = minute.scores[number] - minute.calls * self.mean[number];
            let ratio = (off * off / (minute.calls * self.variance[number])).min(30.0);
            let dispersion = &mut self.dispersion[number];
            *dispersion = (*dispersion + (ratio - *dispersion) / self.minutes).max(1.0);
        }
    }

    /// Every ten minutes: what was pending is learned.
    pub(super) fn learn(&mut self, calls_a_second: f64) {
        let pending = std::mem::replace(&mut self.pending, [0.0; BUCKETS]);
        if self.firing {
            return;
        }
        let added: f32 = pending.iter().sum();
        let keep = 1.0 - (added / CALLS_KEPT).min(1.0 / LEARNS_KEPT);
        for (seen, pending) in self.seen.iter_mut().zip(pending) {
            *seen = *seen * keep + pending;
        }
        self.measure(calls_a_second);
    }

    /// Makes scores, threshold and limit anew from the histogram.
    fn measure(&mut self, calls_a_second: f64) {
        let total: f32 = self.seen.iter().sum();
        if total < CALLS_LEARNED {
            return;
        }
        let normal = smooth(&self.seen);
        let shifted = |shifts: std::ops::RangeInclusive<usize>| {
            let mut to = [0.0; BUCKETS];
            let weight = 1.0 / shifts.clone().count() as f32;
            let parts = normal.map(|share| share * weight);
            for shift in shifts {
                let (within, beyond) = parts.split_at(BUCKETS - shift);
                to[shift..].iter_mut().zip(within).for_each(|(to, part)| *to += part);
                beyond.iter().for_each(|part| to[BUCKETS - 1] += part);
            }
            to
        };
        let some = |part: f32, of: [f32; BUCKETS]| {
            let mut to = normal;
            to.iter_mut().zip(of).for_each(|(to, of)| *to += part * (of - *to));
            to
        };
        let alternatives = [shifted(5..=7), shifted(8..=18), some(0.15, shifted(6..=16)), some(0.05, shifted(10..=24))];
        for (number, alternative) in alternatives.iter().enumerate() {
            let mut scores = [0.0; BUCKETS];
            for ((score, alternative), share) in scores.iter_mut().zip(alternative).zip(&normal) {
                *score = alternative / share;
            }
            scores.iter_mut().for_each(|score| *score = score.ln());
            scores.iter_mut().for_each(|score| *score = score.clamp(SCORE_MIN, SCORE_MAX[number]));
            let mean = sum_of_products(&normal, &scores);
            // What moves beyond the last bucket counts as the last: without it heavy tails would be evidence.
            let moved: f32 = (normal.iter().enumerate())
                .map(|(bucket, share)| share * scores[(bucket + MOVED).min(BUCKETS - 1)])
                .sum();
            // Were all latencies a little longer, the sum would still fall half as fast as it usually does.
            let allowance = (moved - 0.5 * mean).max(0.0);
            scores.iter_mut().for_each(|score| *score -= allowance);
            self.mean[number] = sum_of_products(&normal, &scores);
            let squares = sum_of_products(&normal, &scores.map(|score| score * score));
            self.variance[number] = (squares - self.mean[number].powi(2)).max(1e-3);
            self.scores.iter_mut().zip(scores).for_each(|(of_bucket, score)| of_bucket[number] = score);
        }
        let mut over = 0.0;
        let bucket = (0..BUCKETS).rev().find(|&bucket| {
            over += self.seen[bucket] / total;
            over > THRESHOLD_SHARE
        });
        let octaves = (bucket.unwrap_or(0) as f32 + 1.0 - MIDDLE) / BUCKETS_AN_OCTAVE;
        self.threshold = f64::from(octaves.max(1.0) + self.centre).exp2();
        let calls_a_day = (calls_a_second * 86_400.0) as f32 / self.dispersion[0];
        self.limit = (LIMIT + calls_a_day.max(1.0).ln()).clamp(LIMIT_MIN, LIMIT_MAX);
        self.learned = true;
    }

    /// Whether there is evidence enough to start an alarm.
    pub(super) fn is_alarmed(&self) -> bool {
        self.lanes.iter().any(|lane| lane.sum >= self.limit)
    }

    /// The sum with the most evidence, if it is enough to start an alarm.
    pub(super) fn alarm(&self) -> Option<Lane> {
        let worst = self.lanes[self.worst()];
        (worst.sum >= self.limit).then_some(worst)
    }

    fn worst(&self) -> usize {
        (0..LANES).max_by(|&a, &b| self.lanes[a].sum.total_cmp(&self.lanes[b].sum)).unwrap_or(0)
    }

    /// Whether an open alarm is over.
    pub(super) fn is_back(&self) -> bool {
        self.back >= BACK
    }

    /// The usual latency in seconds: the geometric mean.
    pub(super) fn expected(&self) -> f64 {
        f64::from(self.centre).exp2()
    }

    /// The latency that a sum of evidence saw.
    pub(super) fn observed(&self, lane: &Lane) -> f64 {
        f64::from(self.centre + lane.ratio()).exp2()
    }

    pub(super) fn begin(&mut self) {
        self.firing = true;
        self.began = self.worst();
        self.back = 0.0;
        self.pending = [0.0; BUCKETS];
    }

    /// Ends the alarm; what it saw becomes the centre if it lasted for so long that it is normal now.
    pub(super) fn end(&mut self, accept: Option<f64>) {
        self.firing = false;
        self.lanes = Default::default();
        self.pending = [0.0; BUCKETS];
        if let Some(seconds) = accept {
            self.centre = seconds.log2() as f32;
        }
    }

    /// Forgets what is under way and keeps what is learned.
    pub(super) fn pause(&mut self) {
        self.end(None);
        self.slice = Sums::default();
        self.minute = Sums::default();
    }

    /// After a restore.
    pub(super) fn prepare(&mut self, calls_a_second: f64) {
        self.measure(calls_a_second);
    }
}

fn sum_of_products(shares: &[f32], scores: &[f32]) -> f32 {
    shares.iter().zip(scores).fold(0.0, |sum, (share, score)| sum + share * score)
}

/// Shares from counts: where few were seen, over as many neighbours as make eight; and none is impossible.
fn smooth(seen: &[f32; BUCKETS]) -> [f32; BUCKETS] {
    const FEW: f32 = 8.0;
    const WIDEST: usize = 6;
    const ANYWHERE: f32 = 0.1;
    let mut shares = [0.0; BUCKETS];
    for (bucket, share) in shares.iter_mut().enumerate() {
        let near = |width: usize| &seen[bucket.saturating_sub(width)..(bucket + width + 1).min(BUCKETS)];
        let sum_of = |near: &[f32]| near.iter().sum::<f32>();
        let widest = near(WIDEST);
        let narrowest = near(1);
        let (all, few) = (sum_of(widest), sum_of(narrowest));
        *share = if few >= FEW {
            // The narrowest window weighs its own bucket double.
            (few + seen[bucket]) / (narrowest.len() + 1) as f32
        } else if all < FEW {
            all / widest.len() as f32
        } else {
            let enough = (2..=WIDEST).map(near).find(|near| sum_of(near) >= FEW).unwrap_or(widest);
            sum_of(enough) / enough.len() as f32
        };
        *share += ANYWHERE;
    }
    let total: f32 = shares.iter().sum();
    shares.map(|share| share / total)
}
