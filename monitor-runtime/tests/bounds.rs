//! What keeps a family bounded, whatever label values come: its limit, its growth, a label's `max`. Totals stay exact.
#![cfg(feature = "test-util")]

use std::time::Duration;

use monitor_runtime::clock::Manual;
use monitor_runtime::{instrument, metrics, sample_value};

metrics! {
    /// Held back by its growth
    counter GROWS = "bounds_grows_total" { #[label(max = 5000)] path: &str } limit 1000 growth 10;
    /// Held back by its growth, and used by another test
    counter GROWS_TOO = "bounds_grows_too_total" { #[label(max = 5000)] path: &str } limit 1000 growth 10;
    /// Held back by its limit
    counter LIMITED = "bounds_limited_total" { #[label(max = 5000)] path: &str, ok: bool } limit 20;
    /// Held back by a label's bound
    counter MAX = "bounds_max_total" { #[label(max = 3)] user: &str, plan: &'static str };
}

fn count(name: &str, path: &str) -> f64 {
    sample_value(name, &[("path", path)]).unwrap_or(0.0)
}

#[test]
fn a_flood_gets_so_many_series_a_second_and_real_values_come_after_it() {
    let time = Manual::start();
    let flood = |from: u32| (from..from + 100).for_each(|n| GROWS.with(GROWS { path: &format!("/{n}") }).inc());
    flood(0);
    assert_eq!((count("bounds_grows_total", "/9"), count("bounds_grows_total", "/10")), (1.0, 0.0));
    assert_eq!(count("bounds_grows_total", "_overflow"), 90.0);
    // In the same second a real value shares the overflow, in the next it has a series.
    GROWS.with(GROWS { path: "/real" }).inc();
    assert_eq!((count("bounds_grows_total", "/real"), count("bounds_grows_total", "_overflow")), (0.0, 91.0));
    time.advance(Duration::from_millis(100));
    GROWS.with(GROWS { path: "/real" }).inc();
    assert_eq!(count("bounds_grows_total", "/real"), 1.0);
    // A second's worth is the most that is saved up.
    time.advance(Duration::from_secs(3600));
    flood(1000);
    assert_eq!(count("bounds_grows_total", "_overflow"), 91.0 + 90.0);
}

#[test]
fn what_is_written_in_the_program_is_not_held_back() {
    #[instrument(counter = GROWS_TOO, path = "/written")]
    fn written() {}
    let _time = Manual::start();
    // Nothing is left of the second's worth.
    (0..200).for_each(|n| GROWS_TOO.with(GROWS_TOO { path: &format!("/flood/{n}") }).inc());
    written();
    assert_eq!(count("bounds_grows_too_total", "/written"), 1.0);
}

#[test]
fn beyond_its_limit_a_family_counts_in_one_series() {
    for n in 0..1000 {
        LIMITED.with(LIMITED { path: &format!("/{n}"), ok: n % 2 == 0 }).inc();
    }
    let sample = |path: &str, ok: &str| sample_value("bounds_limited_total", &[("path", path), ("ok", ok)]);
    assert_eq!((sample("/19", "false"), sample("/20", "true")), (Some(1.0), None));
    assert_eq!(sample("_overflow", "_overflow"), Some(980.0));
}

#[test]
fn beyond_its_bound_a_label_reads_overflow_and_the_others_stay() {
    for n in 0..50 {
        MAX.with(MAX { user: &format!("u{n}"), plan: if n % 2 == 0 { "free" } else { "paid" } }).inc();
    }
    let sample = |user: &str, plan: &str| sample_value("bounds_max_total", &[("user", user), ("plan", plan)]);
    assert_eq!((sample("u2", "free"), sample("u3", "paid")), (Some(1.0), None));
    assert_eq!((sample("_overflow", "free"), sample("_overflow", "paid")), (Some(23.0), Some(24.0)));
}
