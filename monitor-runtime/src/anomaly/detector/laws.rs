//! Laws of latency that do not change: whatever the law and the rate are, a detector that knows it stays quiet.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};

use super::*;

const MONDAY: u64 = 1_767_571_200_000;

/// How latencies are distributed, relative to their median or so.
#[derive(Clone, Copy, Debug)]
enum Law {
    LogNormal {
        sigma: f64,
    },
    Gamma {
        shape: f64,
    },
    Weibull {
        shape: f64,
    },
    /// One in so many calls has a Pareto tail.
    Pareto {
        sigma: f64,
        one_in: u32,
        index: f64,
    },
    /// One part of the calls takes so many times as long.
    Mixture {
        sigma: f64,
        part: f64,
        times: f64,
    },
}

struct Chance(u64);

impl Chance {
    /// Over 0, and at most 1: splitmix64.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((bits ^ (bits >> 31)) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// By Marsaglia and Tsang (2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * self.uniform().powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let normal = self.normal();
            let v = (1.0 + normal / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * normal * normal + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn latency(&mut self, law: Law) -> f64 {
        match law {
            Law::LogNormal { sigma } => (sigma * self.normal()).exp(),
            Law::Gamma { shape } => self.gamma(shape) / shape,
            Law::Weibull { shape } => (-self.uniform().ln()).powf(1.0 / shape),
            Law::Pareto { sigma, one_in, index } => {
                let tail =
                    if self.uniform() * f64::from(one_in) < 1.0 { self.uniform().powf(-1.0 / index) } else { 1.0 };
                tail * (sigma * self.normal()).exp()
            }
            Law::Mixture { sigma, part, times } => {
                let slow = if self.uniform() < part { times } else { 1.0 };
                slow * (sigma * self.normal()).exp()
            }
        }
    }
}

fn law() -> impl Strategy<Value = Law> {
    prop_oneof![
        3 => (0.2..2.0).prop_map(|sigma| Law::LogNormal { sigma }),
        1 => (0.3..8.0).prop_map(|shape| Law::Gamma { shape }),
        1 => (0.4..3.0).prop_map(|shape| Law::Weibull { shape }),
        2 => (0.2..1.6, 4_u32..200, 0.8..3.0).prop_map(|(sigma, one_in, index)| Law::Pareto { sigma, one_in, index }),
        2 => (0.2..1.2, 0.02..0.6, 2.0..60.0).prop_map(|(sigma, part, times)| Law::Mixture { sigma, part, times }),
    ]
}

/// The share of its slices in which a detector fires for the latency, and how long it was asked, in slices.
fn firing(law: Law, median_seconds: f64, calls_a_second: f64, seed: u64) -> (u64, u64) {
    /// As many as tell, and no more than a debug build can do.
    const CALLS: f64 = 120_000.0;
    const HOURS_MIN: f64 = 4.0;
    let mut detector = Detector::new(Limits::NONE);
    let (mut chance, mut verdicts) = (Chance(seed), Vec::new());
    // Hot endpoints are asked for shorter; what happens in an hour or two is enough for them.
    let seconds = (CALLS / calls_a_second).max(if calls_a_second > 20.0 { 3_600.0 } else { HOURS_MIN * 3_600.0 });
    let learned = seconds / 4.0;
    let (mut now, mut slice, mut asked, mut fired) = (0.0, 0, 0, 0);
    while now < seconds {
        now -= chance.uniform().ln() / calls_a_second;
        let at = MONDAY + (now * 1_000.0) as u64;
        if at / SLICE != slice {
            slice = at / SLICE;
            detector.tick(at, &mut verdicts);
            if now > learned {
                asked += 1;
                fired += u64::from(detector.episodes().any(|episode| episode.reason == Reason::LatencyShift));
            }
        }
        detector.observe(at, median_seconds * chance.latency(law), Observed::Success, &mut verdicts);
        verdicts.clear();
    }
    (fired, asked)
}

/// Every case is drawn, and drawn alike in each run; together they must fire for less than one in a thousand slices,
/// and none of them often.
#[test]
fn a_law_that_does_not_change_is_no_anomaly() {
    const CASES: u32 = 64;
    let config =
        Config { cases: 1, rng_seed: RngSeed::Fixed(16), rng_algorithm: RngAlgorithm::ChaCha, ..Config::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let cases = (law(), 0.002..3.0_f64, (0.05_f64.ln()..200.0_f64.ln()).prop_map(f64::exp), any::<u64>());
    let (mut fired, mut asked, mut worst) = (0.0, 0.0, Vec::new());
    for _ in 0..CASES {
        let (law, median, rate, seed) = cases.new_tree(&mut runner).expect("a case").current();
        let (of_case, all) = firing(law, median, rate, seed);
        let share = of_case as f64 / all.max(1) as f64;
        (fired, asked) = (fired + share, asked + 1.0);
        if share > 0.001 {
            worst.push(format!("{law:?}, {rate:.2} calls a second: fires for {:.2} %", 100.0 * share));
        }
    }
    assert!(fired / asked < 0.001, "{:.3} % of the time: {worst:#?}", 100.0 * fired / asked);
    assert!(worst.len() <= 1, "{worst:#?}");
}

/// The heavy tails by themselves, at the rates at which they were loud.
#[test]
fn heavy_tails_are_no_anomaly() {
    for (number, sigma) in [1.2, 1.4, 1.6, 1.8, 2.0].into_iter().enumerate() {
        let law = Law::Pareto { sigma, one_in: 80, index: 1.8 };
        for rate in [2.0, 15.0] {
            let (fired, asked) = firing(law, 0.08, rate, number as u64 + 1);
            assert!(fired * 1_000 < asked, "{law:?} at {rate} a second: {fired} of {asked} slices");
        }
    }
}
