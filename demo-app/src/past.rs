//! A past that is made up: what the detection would have learned, had the simulated users been here for the last days.
//! It learns it from observations, as from requests; only these are made up.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use monitor_runtime::anomaly::{self, Detector, Limits, Observed};

use crate::simulate::{CHOSEN, REQUESTS_A_SECOND};

/// A whole week in it, and what is needed to have one.
pub(crate) const DAYS: u64 = 8;
const DAY: Duration = Duration::from_secs(86_400);

/// How an endpoint answered in that past.
struct Usual {
    /// The median latency, in seconds. Rather too long than too short: what is faster than usual alarms nobody.
    median_seconds: f64,
    /// One in so many failed.
    fails_one_in: u64,
}

fn usual(endpoint: &str) -> Usual {
    match endpoint {
        "/items" | "/items/{id}" => Usual { median_seconds: 0.01, fails_one_in: 2_000 },
        "/reports/flaky" => Usual { median_seconds: 0.15, fails_one_in: 4 },
        _ => Usual { median_seconds: 0.15, fails_one_in: 1_000 },
    }
}

/// Lets the detectors of the endpoints that simulated users ask for learn such a past, which ends now. The same seed
/// makes the same one.
pub(crate) fn make_up(seed: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    thread::scope(|scope| {
        for (number, (endpoint, share)) in CHOSEN.into_iter().enumerate() {
            scope.spawn(move || {
                let chance = Rng::with_seed(seed.wrapping_mul(CHOSEN.len() as u64).wrapping_add(number as u64));
                let calls_a_second = REQUESTS_A_SECOND * share as f64 / 100.0;
                let learned = learned(now, calls_a_second, &usual(endpoint), chance);
                anomaly::learn(endpoint, &learned.state()).expect("a state of this very version");
            });
        }
    });
}

fn learned(now: Duration, calls_a_second: f64, usual: &Usual, mut chance: Rng) -> Detector {
    let mut detector = Detector::new(Limits::NONE);
    let mut verdicts = Vec::new();
    let end = now.as_millis() as f64;
    let mut at = now.saturating_sub(DAY * DAYS as u32).as_millis() as f64;
    loop {
        // Users ask after a pause, each in its own time: together, nearly by chance alone.
        at += -fraction(&mut chance).ln() / calls_a_second * 1e3;
        if at >= end {
            return detector;
        }
        // Half as long to twice as long as the median, nearly always; one in a hundred waits for something.
        let octaves = (0..3).map(|_| fraction(&mut chance)).sum::<f64>() - 1.5;
        let octaves = if chance.u64(..100) == 0 { octaves + 4.0 * fraction(&mut chance) } else { octaves };
        let observed = if chance.u64(..usual.fails_one_in) == 0 { Observed::ServerError } else { Observed::Success };
        detector.observe(at as u64, usual.median_seconds * octaves.exp2(), observed, &mut verdicts);
        // What was found in a past that never was is no news.
        verdicts.clear();
    }
}

/// Over 0, at most 1.
fn fraction(chance: &mut Rng) -> f64 {
    1.0 - chance.f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_learns_is_what_simulated_users_do() {
        let now = Duration::from_secs(1_767_571_200);
        let usual = Usual { median_seconds: 0.02, fails_one_in: 100 };
        let detector = learned(now, 0.2, &usual, Rng::with_seed(3));
        // Far longer than the median, and learned: without a past it is a second.
        assert!((0.05..0.7).contains(&detector.threshold()), "{}", detector.threshold());
        assert_eq!(detector.episodes().count(), 0);
        assert_eq!(learned(now, 0.2, &usual, Rng::with_seed(3)).state(), detector.state());
    }
}
