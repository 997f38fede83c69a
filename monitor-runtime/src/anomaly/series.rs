//! Scores one series of a value a minute (or five, or an hour): how unlikely this value is here, at this time of day.
//!
//! Two features, each turned into the probability of its tail; the score is that of the less likely one.
//! - How much a value adds to the fluctuation of the last few, beyond what it added at this time of other days:
//!   FluxEV (Li, Di, Yu, Chen, Wang, WSDM 2021), its second smoothing replaced by a fading maximum for each time of day,
//!   so that a day of values need not be kept.
//! - How far the value is from a level and a profile of the day, by their usual deviation.
//!
//! Tails are generalised Pareto, as Siffer, Fouque, Termier and Largouet have it (KDD 2017), fitted by moments (Hosking
//! and Wallis 1987), which are forgotten slowly.

/// So that a value and its square have room in every sum.
const VALUE_MAX: f64 = 1e30;
const NEAR: usize = 10;
/// Weight of a value in the forecast, by that of the one after it.
const FADE: f64 = 0.5;
const BUCKETS: usize = 288;
const LEVEL_BUCKETS: usize = 144;
const DAY_SECONDS: u64 = 86_400;

/// The score of one series, value by value. It depends on nothing but the values so far and their times.
#[derive(Clone, Debug)]
pub struct Series {
    values: u64,
    /// The last values, and how far each was from its forecast; by the number of the value.
    last: [f64; NEAR],
    off: [f64; NEAR],
    /// The shortest time between two values, in seconds, and the time of the last.
    step: u64,
    at: u64,
    /// The most fluctuation that was added at each time of day, fading; the current bucket and its most so far.
    most: [f32; BUCKETS],
    bucket: usize,
    most_now: f32,
    fluctuations: Tail,
    day: Day,
    deviations: Tail,
}

impl Default for Series {
    fn default() -> Series {
        Series::new()
    }
}

impl Series {
    /// From this score on a value is abnormal: of a well-behaved series, one value in 400 reaches it. Chosen on the
    /// first halves of the labelled web series that tests/bench/DETECTION.md tells of.
    pub const ABNORMAL: f64 = 2.6;

    /// A series of which nothing was seen.
    pub fn new() -> Series {
        Series {
            values: 0,
            last: [0.0; NEAR],
            off: [0.0; NEAR],
            step: DAY_SECONDS,
            at: 0,
            most: [0.0; BUCKETS],
            bucket: usize::MAX,
            most_now: 0.0,
            fluctuations: Tail::default(),
            day: Day::new(),
            deviations: Tail::default(),
        }
    }

    /// Takes the next value and its time, in seconds since the epoch. Gives how unlikely it is: the negative decimal
    /// logarithm of the share of values that are as extreme, from 0 to 30. A value that is not a number, or beyond
    /// 1e30 either way, scores 0 and is not taken.
    pub fn score(&mut self, at_seconds: u64, value: f64) -> f64 {
        if !(-VALUE_MAX..=VALUE_MAX).contains(&value) {
            return 0.0;
        }
        if self.values > 0 && at_seconds > self.at {
            self.step = self.step.min(at_seconds - self.at);
        }
        self.at = at_seconds;
        let fluctuation = self.fluctuation(at_seconds, value);
        let by_fluctuation = self.fluctuations.score(fluctuation);
        let deviation = self.day.deviation(at_seconds, value);
        let by_deviation = self.deviations.score((deviation - 3.0).max(0.0));
        self.values += 1;
        by_fluctuation.max(by_deviation)
    }

    fn fluctuation(&mut self, at: u64, value: f64) -> f64 {
        let place = (self.values % NEAR as u64) as usize;
        let count = self.values;
        let last = self.last;
        self.last[place] = value;
        if count < NEAR as u64 {
            return 0.0;
        }
        let (mut sum, mut weights, mut weight) = (0.0, 0.0, 1.0);
        for back in 1..=NEAR {
            sum += weight * last[(place + NEAR - back) % NEAR];
            weights += weight;
            weight *= FADE;
        }
        let off = value - sum / weights;
        let added = (deviation(&self.off, Some(off)) - deviation(&self.off, None)).max(0.0) as f32;
        self.off[place] = off;
        if count < 2 * NEAR as u64 {
            return 0.0;
        }
        let width = (DAY_SECONDS / BUCKETS as u64).max(self.step);
        let buckets = (DAY_SECONDS / width).max(1) as usize;
        let bucket = (at % DAY_SECONDS / width) as usize % buckets;
        if bucket != self.bucket {
            if let Some(most) = self.most.get_mut(self.bucket) {
                *most = (0.75 * *most).max(self.most_now);
            }
            (self.bucket, self.most_now) = (bucket, 0.0);
        }
        let usual = [bucket + buckets - 1, bucket, bucket + 1].map(|near| self.most[near % buckets]);
        self.most_now = self.most_now.max(added);
        f64::from((added - usual.into_iter().fold(0.0, f32::max)).max(0.0))
    }
}

/// The standard deviation of some numbers, with one more if there is one.
fn deviation(numbers: &[f64; NEAR], more: Option<f64>) -> f64 {
    let all = || numbers.iter().copied().chain(more);
    let count = (NEAR + usize::from(more.is_some())) as f64;
    let mean = all().sum::<f64>() / count;
    (all().map(|number| number * number).sum::<f64>() / count - mean * mean).max(0.0).sqrt()
}

/// A level and a profile of the day.
#[derive(Clone, Debug)]
struct Day {
    values: u64,
    level: f64,
    deviation: f64,
    profile: [f32; LEVEL_BUCKETS],
    deviations: [f32; LEVEL_BUCKETS],
    seen: [u8; LEVEL_BUCKETS],
}

impl Day {
    fn new() -> Day {
        Day {
            values: 0,
            level: 0.0,
            deviation: 0.0,
            profile: [0.0; LEVEL_BUCKETS],
            deviations: [0.0; LEVEL_BUCKETS],
            seen: [0; LEVEL_BUCKETS],
        }
    }

    /// How far a value is from what is usual, in mean deviations.
    fn deviation(&mut self, at: u64, value: f64) -> f64 {
        if self.values == 0 {
            self.level = value;
        }
        self.values += 1;
        let values = self.values as f64;
        let phase = (at % DAY_SECONDS) as f64 * LEVEL_BUCKETS as f64 / DAY_SECONDS as f64;
        let (bucket, part) = (phase as usize % LEVEL_BUCKETS, phase.fract());
        let next = (bucket + 1) % LEVEL_BUCKETS;
        let now = f64::from(self.profile[bucket]);
        let profile = match (self.seen[bucket], self.seen[next]) {
            (0, _) => 0.0,
            (_, 0) => now,
            _ => now + part * (f64::from(self.profile[next]) - now),
        };
        let off = value - self.level - profile;
        let here = if self.seen[bucket] > 2 { f64::from(self.deviations[bucket]) } else { self.deviation };
        let scale = (0.5 * self.deviation).max(here) * 1.2533 + 1e-9 * self.level.abs() + 1e-12;
        let believed = if values > 60.0 { off.clamp(-3.0 * scale, 3.0 * scale) } else { off };
        self.level += 0.02_f64.max(1.0 / values) * believed;
        self.seen[bucket] = self.seen[bucket].saturating_add(1);
        let weight = 0.1_f64.max(1.0 / f64::from(self.seen[bucket]));
        self.profile[bucket] += (weight * believed * 0.5) as f32;
        self.deviations[bucket] += (weight * (believed.abs() - f64::from(self.deviations[bucket]))) as f32;
        self.deviation += 0.002_f64.max(1.0 / values) * (believed.abs() - self.deviation);
        if values > 31.0 { off.abs() / scale } else { 0.0 }
    }
}

/// How unlikely a number is, by those over 0 that were seen, slowly forgotten.
#[derive(Clone, Copy, Debug, Default)]
struct Tail {
    /// All numbers, those over 0, their sum and the sum of their squares.
    numbers: f64,
    over: f64,
    sum: f64,
    squares: f64,
}

impl Tail {
    const KEEP: f64 = 1.0 - 1e-5;
    const OVER_MIN: f64 = 10.0;
    /// More unlikely than this is not learned.
    const NORMAL: f64 = 6.0;
    const MAX: f64 = 30.0;

    fn score(&mut self, number: f64) -> f64 {
        self.numbers = self.numbers * Self::KEEP + 1.0;
        for sum in [&mut self.over, &mut self.sum, &mut self.squares] {
            *sum *= Self::KEEP;
        }
        if number <= 0.0 {
            return 0.0;
        }
        let score = if self.over > Self::OVER_MIN { self.unlikely(number) } else { 0.0 };
        if score < Self::NORMAL {
            self.over += 1.0;
            self.sum += number;
            self.squares += number * number;
        }
        score
    }

    fn unlikely(&self, number: f64) -> f64 {
        let mean = self.sum / self.over;
        let variance = self.squares / self.over - mean * mean;
        let rare = (self.numbers / self.over).log10();
        let nats = if mean <= 0.0 || variance <= 1e-18 * mean * mean {
            number / (mean + f64::MIN_POSITIVE) / 2.0
        } else {
            let shape = 0.5 * (1.0 - mean * mean / variance);
            let scale = 0.5 * mean * (1.0 + mean * mean / variance);
            let base = 1.0 + shape * number / scale;
            match () {
                () if shape.abs() < 1e-6 => number / scale,
                () if base <= 0.0 => 69.0,
                () => base.ln() / shape,
            }
        };
        (rare + nats * std::f64::consts::LOG10_E).min(Self::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value a minute: a day's shape and some noise, the same in every run.
    fn value(minute: u64) -> f64 {
        let day = (minute % 1_440) as f64 / 1_440.0 * std::f64::consts::TAU;
        let noise = (minute.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1_u64 << 24) as f64;
        100.0 + 30.0 * day.sin() + 4.0 * noise
    }

    fn learned(minutes: u64) -> Series {
        let mut series = Series::new();
        for minute in 0..minutes {
            let _ = series.score(minute * 60, value(minute));
        }
        series
    }

    #[test]
    fn a_series_takes_at_most_4_kib() {
        assert!(size_of::<Series>() <= 4_096, "{}", size_of::<Series>());
    }

    #[test]
    fn a_spike_and_a_dip_are_abnormal_and_usual_values_are_not() {
        let week = 7 * 1_440;
        for sudden in [1.5, 0.5] {
            let mut series = learned(week);
            let usual =
                (week..week + 1_440).filter(|&minute| series.score(minute * 60, value(minute)) >= Series::ABNORMAL);
            assert!(usual.count() <= 4);
            let minute = week + 1_440;
            assert!(series.score(minute * 60, sudden * value(minute)) >= Series::ABNORMAL);
        }
    }

    #[test]
    fn what_is_no_number_scores_nothing_and_is_not_taken() {
        let (mut plain, mut fed) = (learned(3_000), learned(3_000));
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(fed.score(3_000 * 60, number), 0.0);
        }
        for minute in 3_000..3_100 {
            assert_eq!(plain.score(minute * 60, value(minute)), fed.score(minute * 60, value(minute)));
        }
    }

    #[test]
    fn a_series_that_stands_still_is_normal() {
        for constant in [0.0, 1e12] {
            let mut series = Series::new();
            assert!((0..5_000).all(|minute| series.score(minute * 60, constant) < Series::ABNORMAL));
        }
    }

    #[test]
    fn every_score_is_a_number_whatever_the_values_and_the_times() {
        let mut series = Series::new();
        let values = [f64::MAX, 1e30, f64::MIN, 0.0, 1e-300, -1.0, -1e30, 1e100];
        for (number, value) in values.iter().cycle().take(500).enumerate() {
            let at = if number % 7 == 0 { u64::MAX } else { number as u64 * 60 };
            let score = series.score(at, *value);
            assert!((0.0..=30.0).contains(&score), "{score} of {value}");
        }
    }
}
