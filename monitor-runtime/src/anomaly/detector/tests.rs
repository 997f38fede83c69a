//! The detector in a user's words; time is an argument, so nothing here waits.

use super::*;

/// Monday, 5 January 2026, 00:00 UTC.
const MONDAY: u64 = 1_767_571_200_000;
const HOUR: u64 = 3_600_000;

#[test]
fn an_endpoint_takes_at_most_4_kib() {
    assert!(size_of::<Detector>() <= 4096, "{}", size_of::<Detector>());
}

#[test]
fn failures_and_slow_calls_are_counted_each_time() {
    let mut detector = Detector::new(Limits::NONE);
    let mut verdicts = Vec::new();
    assert_eq!(detector.threshold(), 1.0);
    detector.observe(MONDAY, 0.1, Observed::ServerError, &mut verdicts);
    detector.observe(MONDAY, 0.1, Observed::Exception, &mut verdicts);
    detector.observe(MONDAY, 0.1, Observed::Panic, &mut verdicts);
    detector.observe(MONDAY, 1.2, Observed::Success, &mut verdicts);
    detector.observe(MONDAY, 0.9, Observed::Success, &mut verdicts);
    let reasons: Vec<Reason> = verdicts.iter().map(|verdict| verdict.reason).collect();
    assert_eq!(reasons, [Reason::ServerError, Reason::Exception, Reason::Panic, Reason::HighLatency]);
    assert!(verdicts.iter().all(|verdict| verdict.kind == Kind::Single && verdict.at == MONDAY));
    assert_eq!((verdicts[3].observed, verdicts[3].expected), (1.2, 1.0));
}

#[test]
fn the_error_rate_is_of_the_last_five_minutes() {
    let mut detector = Detector::new(Limits::NONE);
    let mut verdicts = Vec::new();
    assert_eq!(detector.error_rate(), 0.0);
    for call in 0..100 {
        let observed = if call % 4 == 0 { Observed::ServerError } else { Observed::Success };
        detector.observe(MONDAY + call * 1_000, 0.1, observed, &mut verdicts);
    }
    assert_eq!(detector.error_rate(), 0.25);
    detector.tick(MONDAY + HOUR / 6 - 1, &mut verdicts);
    assert_eq!(detector.error_rate(), 0.0);
}

const DAY: u64 = 24 * HOUR;

/// Numbers that look random and are the same in every run.
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How an endpoint behaves at some time.
#[derive(Clone, Copy)]
struct Behaviour {
    calls_a_second: f64,
    median_seconds: f64,
    failing: f64,
}

const USUAL: Behaviour = Behaviour { calls_a_second: 1.0, median_seconds: 0.1, failing: 0.01 };

/// Calls of a server, told to a detector with a tick every five seconds; what it says but single calls.
struct Server {
    detector: Detector,
    chance: Chance,
    now: u64,
    singles: Vec<Verdict>,
}

impl Server {
    fn new(seed: u64) -> Server {
        Server { detector: Detector::new(Limits::NONE), chance: Chance(seed), now: MONDAY, singles: Vec::new() }
    }

    fn run(&mut self, milliseconds: u64, behaviour: impl Fn(u64) -> Behaviour) -> Vec<Verdict> {
        let end = self.now + milliseconds;
        let mut verdicts = Vec::new();
        let mut tick = self.now;
        let mut call = self.now as f64;
        loop {
            let Behaviour { calls_a_second, median_seconds, failing } = behaviour(call as u64);
            call += -self.chance.next().max(1e-9).ln() / calls_a_second * 1_000.0;
            while tick < (call as u64).min(end) {
                self.detector.tick(tick, &mut verdicts);
                tick += 5_000;
            }
            if call as u64 >= end {
                break;
            }
            // About log-normal: the sum of four uniforms.
            let normal = (0..4).map(|_| self.chance.next() - 0.5).sum::<f64>() * 1.7;
            let observed = match self.chance.next() {
                some if some < failing => Observed::ServerError,
                some if some < failing + 0.02 => Observed::Refused,
                _ => Observed::Success,
            };
            self.detector.observe(call as u64, median_seconds * (0.5 * normal).exp(), observed, &mut verdicts);
        }
        self.now = end;
        let (singles, episodes) = verdicts.into_iter().partition(|verdict| verdict.kind == Kind::Single);
        self.singles = singles;
        episodes
    }
}

/// Twice as much by day as on the mean, and less at the week's end.
fn of_the_day(at: u64) -> Behaviour {
    let hour = (at % DAY) as f64 / HOUR as f64;
    let weekend = (at / DAY + 3) % 7 >= 5;
    let calls_a_second =
        (1.0 + 0.7 * ((hour - 9.0) / 24.0 * std::f64::consts::TAU).sin()) * if weekend { 0.65 } else { 1.0 };
    Behaviour { calls_a_second, ..USUAL }
}

fn started(verdicts: &[Verdict]) -> Vec<Reason> {
    verdicts.iter().filter(|verdict| verdict.kind == Kind::Started).map(|verdict| verdict.reason).collect()
}

/// Two weeks, the second of which is judged against the first.
#[test]
fn quiet_weeks_stay_quiet() {
    for seed in 1..=3 {
        let verdicts = Server::new(seed).run(14 * DAY, of_the_day);
        assert_eq!(started(&verdicts), [], "{verdicts:?}");
    }
}

#[test]
fn a_rise_of_failures_is_an_episode_with_a_start_a_count_and_an_end() {
    let mut server = Server::new(5);
    assert_eq!(server.run(6 * HOUR, |_| USUAL), []);
    let start = server.now;
    let mut verdicts = server.run(HOUR / 3, |_| Behaviour { failing: 0.2, ..USUAL });
    let end = server.now;
    verdicts.extend(server.run(HOUR, |_| USUAL));
    assert!(verdicts.iter().all(|verdict| verdict.reason == Reason::ErrorRateSpike), "{verdicts:?}");
    let (first, last) = (verdicts[0], verdicts[verdicts.len() - 1]);
    assert_eq!((first.kind, last.kind), (Kind::Started, Kind::Ended));
    assert!((start..start + 60_000).contains(&first.at), "found {} ms after its start", first.at - start);
    assert!(first.since.abs_diff(start) < 60_000, "thought to have begun {} ms off", first.since.abs_diff(start));
    assert!((end..end + 300_000).contains(&last.at), "ended {} ms after its end", last.at as i64 - end as i64);
    assert!((0.1..0.5).contains(&first.observed) && (0.005..0.02).contains(&first.expected), "{first:?}");
    // Counted once, and once a minute.
    let minutes = (last.at - first.at) / 60_000;
    let counted = verdicts.iter().filter(|verdict| verdict.kind.is_counted()).count() as u64;
    assert!((minutes..=minutes + 1).contains(&counted), "{counted} times in {minutes} minutes");
    assert_eq!(server.detector.episodes().count(), 0);
}

#[test]
fn a_doubled_failure_share_is_found_within_the_hour() {
    let mut server = Server::new(6);
    let busy = Behaviour { calls_a_second: 5.0, ..USUAL };
    assert_eq!(server.run(12 * HOUR, |_| busy), []);
    let verdicts = server.run(HOUR, |_| Behaviour { failing: 0.02, ..busy });
    assert_eq!(started(&verdicts).first(), Some(&Reason::ErrorRateSpike));
}

#[test]
fn slower_answers_are_a_shift_with_its_severity() {
    let mut server = Server::new(7);
    assert_eq!(server.run(6 * HOUR, |_| USUAL), []);
    for (times, severity) in [(2.0, Severity::Warning), (6.0, Severity::Critical)] {
        let start = server.now;
        let verdicts = server.run(HOUR / 3, |_| Behaviour { median_seconds: 0.1 * times, ..USUAL });
        assert_eq!(started(&verdicts), [Reason::LatencyShift], "{verdicts:?}");
        let worst = verdicts.iter().map(|verdict| verdict.severity).max();
        assert_eq!(worst, Some(severity), "{verdicts:?}");
        assert!(verdicts[0].at - start < 120_000 && verdicts[0].observed > 1.4 * verdicts[0].expected);
        let open: Vec<Reason> = server.detector.episodes().map(|episode| episode.reason).collect();
        assert_eq!(open, [Reason::LatencyShift]);
        let after = server.run(HOUR, |_| USUAL);
        assert_eq!(after.last().map(|verdict| verdict.kind), Some(Kind::Ended));
    }
}

#[test]
fn a_tail_is_found_although_the_median_stays() {
    let mut server = Server::new(8);
    assert_eq!(server.run(6 * HOUR, |_| USUAL), []);
    let slow = |at: u64| Behaviour { median_seconds: if at.is_multiple_of(4) { 0.6 } else { 0.1 }, ..USUAL };
    let verdicts = server.run(HOUR / 2, slow);
    assert_eq!(started(&verdicts).first(), Some(&Reason::LatencyShift), "{verdicts:?}");
}

#[test]
fn traffic_is_judged_by_the_time_of_the_day() {
    let mut server = Server::new(9);
    assert_eq!(server.run(9 * DAY + 15 * HOUR, of_the_day), []);
    let start = server.now;
    let more = |at| Behaviour { calls_a_second: 5.0 * of_the_day(at).calls_a_second, ..USUAL };
    let verdicts = server.run(HOUR / 3, more);
    assert_eq!(started(&verdicts), [Reason::TrafficSpike]);
    assert!(verdicts[0].at - start <= 60_000 && verdicts[0].observed > 2.0 * verdicts[0].expected, "{verdicts:?}");
    assert_eq!(server.run(3 * HOUR, of_the_day).last().map(|verdict| verdict.kind), Some(Kind::Ended));
    let verdicts =
        server.run(HOUR / 3, |at| Behaviour { calls_a_second: 0.05 * more(at).calls_a_second / 5.0, ..USUAL });
    assert_eq!(started(&verdicts), [Reason::TrafficDrop]);
    assert_eq!(started(&server.run(DAY, of_the_day)), []);
}

#[test]
fn clocks_that_go_forward_by_an_hour_are_no_anomaly() {
    let mut server = Server::new(10);
    assert_eq!(server.run(10 * DAY, of_the_day), []);
    assert_eq!(started(&server.run(7 * DAY, |at| of_the_day(at + HOUR))), []);
}

#[test]
fn no_call_at_all_is_a_drop_found_by_ticks() {
    let mut server = Server::new(11);
    assert_eq!(server.run(4 * DAY, |_| USUAL), []);
    let mut verdicts = Vec::new();
    for second in (0..600).step_by(5) {
        server.detector.tick(server.now + second * 1_000, &mut verdicts);
    }
    assert_eq!(started(&verdicts), [Reason::TrafficDrop], "{verdicts:?}");
}

#[test]
fn refused_calls_are_traffic_and_no_failures() {
    let mut server = Server::new(12);
    assert_eq!(server.run(6 * HOUR, |_| USUAL), []);
    let mut verdicts = Vec::new();
    for call in 0..3_600 {
        server.detector.observe(server.now + call * 1_000, 0.001, Observed::Refused, &mut verdicts);
    }
    assert_eq!(verdicts, []);
    assert_eq!(server.detector.error_rate(), 0.0);
}

#[test]
fn an_endpoint_that_fails_from_the_start_is_told_once_and_then_normal() {
    let mut server = Server::new(13);
    let broken = |_| Behaviour { failing: 1.0, ..USUAL };
    let verdicts = server.run(HOUR, broken);
    assert_eq!(started(&verdicts), [Reason::ErrorRateSpike]);
    assert!(verdicts[0].at - MONDAY < 300_000, "{verdicts:?}");
    server.run(6 * HOUR, broken);
    assert_eq!(server.detector.episodes().count(), 0);
    assert_eq!(server.run(DAY, broken), []);
}

/// Its usual 0.9 s is no anomaly, once it is known; the first 1.0 s threshold is of those of which nothing is known.
#[test]
fn the_latency_threshold_is_learned() {
    let mut server = Server::new(14);
    let slow = Behaviour { median_seconds: 0.9, ..USUAL };
    server.run(HOUR, |_| slow);
    assert!(!server.singles.is_empty());
    assert!((1.8..4.0).contains(&server.detector.threshold()), "{}", server.detector.threshold());
    server.run(6 * HOUR, |_| slow);
    let over = server.singles.iter().filter(|verdict| verdict.reason == Reason::HighLatency).count();
    assert!(over <= 6 * 3_600 / 200, "{over} calls");
}

#[test]
fn what_is_configured_is_kept_to_whatever_is_learned() {
    let limits = Limits::new(Some(0.05), Some(0.005)).expect("legal");
    let mut server = Server::new(15);
    server.detector.set_limits(limits);
    let verdicts = server.run(HOUR, |_| USUAL);
    assert_eq!(server.detector.threshold(), 0.05);
    assert!(server.singles.iter().filter(|verdict| verdict.reason == Reason::HighLatency).count() > 3_000);
    // One in a hundred fails, as always; one in two hundred is allowed.
    assert!(started(&verdicts).contains(&Reason::ErrorRateSpike));
    assert!((verdicts[0].expected - 0.005).abs() < 1e-6);
}

#[test]
fn limits_that_cannot_be_are_refused_by_name_and_range() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let refused = Limits::new(Some(bad), None).expect_err("not a latency");
        assert_eq!(refused.key(), "latency_threshold");
    }
    for bad in [0.0, -0.1, f64::NAN, 1.01] {
        let refused = Limits::new(None, Some(bad)).expect_err("not a share");
        assert_eq!(
            refused.to_string(),
            format!("`error_threshold` cannot be {bad}: it is a share, over 0 and at most 1")
        );
    }
    assert_eq!(Limits::new(Some(0.5), Some(1.0)).map(|limits| limits.latency_threshold()), Ok(Some(0.5)));
}

#[test]
fn absurd_latencies_do_not_poison_what_is_learned() {
    let (mut clean, mut fed) = (Server::new(16), Server::new(16));
    let absurd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -0.0];
    clean.run(6 * HOUR, |_| USUAL);
    let mut verdicts = Vec::new();
    for minute in 0..360 {
        fed.run(60_000, |_| USUAL);
        for latency in absurd {
            fed.detector.observe(fed.now, latency, Observed::Success, &mut verdicts);
        }
        if minute % 60 == 0 {
            fed.detector.observe(fed.now, 1e300, Observed::Success, &mut verdicts);
        }
    }
    assert!(verdicts.iter().all(|verdict| verdict.reason == Reason::HighLatency), "{verdicts:?}");
    assert_eq!(verdicts.len(), 6, "those of 1e300 s");
    let (clean, learned) = (clean.detector.threshold(), fed.detector.threshold());
    assert!((0.8..1.3).contains(&(learned / clean)), "{learned} instead of {clean}");
    let verdicts = fed.run(HOUR / 3, |_| Behaviour { median_seconds: 0.3, ..USUAL });
    assert_eq!(started(&verdicts), [Reason::LatencyShift], "{verdicts:#?}");
}

#[test]
fn a_clock_that_goes_back_neither_stops_nor_confuses_it() {
    let mut server = Server::new(17);
    server.run(12 * HOUR, |_| USUAL);
    // Threads overtake one another by a little.
    let mut verdicts = Vec::new();
    for call in 0..2_000_u64 {
        let back = if call % 3 == 0 { 2_000 } else { 0 };
        server.detector.observe(server.now + call * 1_000 - back, 0.1, Observed::Success, &mut verdicts);
    }
    assert_eq!(verdicts, []);
    // And it may be set back by a year.
    server.now -= 365 * DAY;
    assert_eq!(server.run(2 * HOUR, |_| USUAL), []);
    let verdicts = server.run(HOUR / 3, |_| Behaviour { failing: 0.3, ..USUAL });
    assert_eq!(started(&verdicts), [Reason::ErrorRateSpike], "it still judges, by what it had learned");
}

#[test]
fn a_gap_of_days_ends_what_was_open_and_is_no_drop() {
    let mut server = Server::new(18);
    assert_eq!(server.run(5 * DAY, |_| USUAL), []);
    let open = server.run(HOUR / 6, |_| Behaviour { failing: 0.5, ..USUAL });
    assert_eq!(started(&open), [Reason::ErrorRateSpike], "{open:#?}");
    server.now += 3 * DAY;
    let verdicts = server.run(DAY, |_| USUAL);
    assert_eq!((verdicts.len(), verdicts[0].kind), (1, Kind::Ended), "{verdicts:?}");
}

#[test]
fn one_call_a_day_is_never_an_episode() {
    let mut detector = Detector::new(Limits::NONE);
    let mut verdicts = Vec::new();
    for day in 0..1_000 {
        let observed = if day % 10 == 0 { Observed::ServerError } else { Observed::Success };
        detector.observe(MONDAY + day * DAY + day % 7 * HOUR, 0.1 + (day % 5) as f64, observed, &mut verdicts);
    }
    assert!(verdicts.iter().all(|verdict| verdict.kind == Kind::Single));
}

#[test]
fn one_call_an_hour_with_ticks_is_never_an_episode() {
    let mut server = Server::new(19);
    let rare = Behaviour { calls_a_second: 1.0 / 3_600.0, ..USUAL };
    assert_eq!(started(&server.run(30 * DAY, |_| rare)), []);
}

#[test]
fn ten_thousand_calls_a_second_are_judged_as_well() {
    let mut detector = Detector::new(Limits::NONE);
    let mut chance = Chance(20);
    let mut verdicts = Vec::new();
    let mut run = |from: u64, seconds: u64, detector: &mut Detector, failing: f64| {
        for call in 0..seconds * 10_000 {
            let observed = if chance.next() < failing { Observed::ServerError } else { Observed::Success };
            detector.observe(MONDAY + from * 1_000 + call / 10, 0.01 + 0.01 * chance.next(), observed, &mut verdicts);
        }
        let episodes: Vec<Verdict> = verdicts.drain(..).filter(|verdict| verdict.reason.is_episode()).collect();
        started(&episodes)
    };
    assert_eq!(run(0, 60, &mut detector, 0.001), []);
    assert_eq!(run(60, 30, &mut detector, 0.1), [Reason::ErrorRateSpike]);
}

#[test]
fn what_was_learned_survives_a_restart() {
    let mut server = Server::new(21);
    server.run(3 * DAY, |_| USUAL);
    let bytes = server.detector.state();
    assert!(bytes.len() < 2_048, "{} bytes", bytes.len());
    let restored = Detector::restore(Limits::NONE, &bytes).expect("our own");
    assert_eq!(restored.state(), bytes);
    assert_eq!(restored.traffic.variation, server.detector.traffic.variation, "what bursts are usual is known at once");
    assert!((restored.threshold() / server.detector.threshold() - 1.0).abs() < 0.1);
    server.detector = restored;
    let verdicts = server.run(HOUR / 3, |_| Behaviour { median_seconds: 0.3, ..USUAL });
    assert_eq!(started(&verdicts), [Reason::LatencyShift], "without learning anew");
}

#[test]
fn a_damaged_state_is_refused_with_its_fault() {
    let bytes = Detector::new(Limits::NONE).state();
    let refused = |bytes: &[u8]| Detector::restore(Limits::NONE, bytes).expect_err("damaged");
    assert_eq!(refused(&[]), StateError::Version { found: None });
    assert_eq!(refused(&[99, 1]), StateError::Version { found: Some(99) });
    let expected = bytes.len();
    assert_eq!(refused(&bytes[..40]), StateError::Length { expected, found: 40 });
    let mut damaged = bytes;
    damaged[5..9].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(refused(&damaged), StateError::Number { index: 1 });
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn observed() -> impl Strategy<Value = Observed> {
        prop_oneof![
            6 => Just(Observed::Success),
            1 => Just(Observed::Refused),
            2 => Just(Observed::ServerError),
            1 => Just(Observed::Exception),
            1 => Just(Observed::Panic),
            1 => Just(Observed::Cancelled),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Ticks are only a way to hear of it sooner.
        #[test]
        fn the_same_observations_give_the_same_verdicts_however_ticks_fall(
            calls in prop::collection::vec((0_u64..30_000, 0.0..2.0_f64, observed()), 200..1_500),
            ticks in prop::collection::vec(0_u64..30_000, 0..4_000),
        ) {
            let (mut plain, mut ticked) = (Detector::new(Limits::NONE), Detector::new(Limits::NONE));
            let (mut of_plain, mut of_ticked) = (Vec::new(), Vec::new());
            let mut now = MONDAY;
            // It begins with the first that it hears.
            plain.tick(now, &mut of_plain);
            ticked.tick(now, &mut of_ticked);
            let mut ticks = ticks.into_iter();
            for (after, latency, observed) in calls {
                for tick in ticks.by_ref().take(3).filter(|&tick| tick < after) {
                    ticked.tick(now + tick, &mut of_ticked);
                }
                now += after;
                plain.observe(now, latency, observed, &mut of_plain);
                ticked.observe(now, latency, observed, &mut of_ticked);
            }
            prop_assert_eq!(of_plain, of_ticked);
            prop_assert_eq!(plain.state(), ticked.state());
            prop_assert_eq!(plain.threshold(), ticked.threshold());
        }

        /// Whatever it is told, it answers with numbers that can be, and can be saved and restored.
        #[test]
        fn nothing_breaks_it(
            calls in prop::collection::vec((any::<u64>(), any::<f64>(), observed()), 1..300),
            near in prop::collection::vec((0_u64..90_000, any::<f64>(), observed()), 1..800),
        ) {
            let mut detector = Detector::new(Limits::NONE);
            let mut verdicts = Vec::new();
            for (at, latency, observed) in calls {
                detector.observe(at, latency, observed, &mut verdicts);
            }
            let mut now = MONDAY;
            for (after, latency, observed) in near {
                now += after;
                detector.observe(now, latency, observed, &mut verdicts);
            }
            prop_assert!((0.0..=1.0).contains(&detector.error_rate()));
            prop_assert!(detector.threshold() > 0.0 && detector.threshold().is_finite());
            prop_assert!(verdicts.iter().all(|verdict| verdict.observed.is_finite() && verdict.expected.is_finite()));
            let restored = Detector::restore(Limits::NONE, &detector.state());
            prop_assert!(restored.is_ok(), "{restored:?}");
        }

        #[test]
        fn bytes_of_anything_are_restored_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            if let Ok(mut detector) = Detector::restore(Limits::NONE, &bytes) {
                detector.observe(MONDAY, 0.1, Observed::Success, &mut Vec::new());
            }
        }
    }
}
