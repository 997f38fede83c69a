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
