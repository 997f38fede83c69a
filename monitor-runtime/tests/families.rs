//! What `metrics!` declares, used by hand: each type of label, each deed of each kind, and what a test sees of them.

use std::panic::catch_unwind;
use std::thread;
use std::time::Duration;

use monitor_runtime::{Format, LabelValue, assert_delta, encode, metrics, prometheus, sample_value, timer};

#[derive(Clone, Copy, LabelValue)]
enum Plan {
    Free,
    #[label("gold")]
    Paid,
}

metrics! {
    /// Integers of each size
    counter INTEGERS = "families_integers_total" {
        a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64, i: u128, j: i128, k: usize, l: isize,
    };
    /// Texts of each kind
    counter TEXTS = "families_texts_total" {
        written: &'static str, good: bool, plan: Plan, #[label(max = 50)] given: &str,
    };
    /// Labels of each type that can be bounded
    counter BOUNDED = "families_bounded_total" {
        #[label(max = 2)] given: &str, #[label(max = 2)] written: &'static str, #[label(max = 2)] number: i64,
    };
    /// Documented
    ///
    ///   in two paragraphs:
    /// * of "lines"
    counter DOCUMENTED = "families_documented_total";
    /** Documented
     * in a block
     */
    gauge BLOCK = "families_block";
    /// Seconds, in the default buckets
    histogram DEFAULT = "families_default_seconds";
    /// Seconds
    histogram LATENCY = "families_latency_seconds" { operation: &'static str };
    /// Jobs
    counter JOBS = "families_jobs_total";
    /// Jobs at work
    gauge WORKING = "families_working";
    /// What a test adds to
    counter ADDED = "families_added_total" { who: &'static str };
    /// What a test moves
    gauge MOVED = "families_moved" { who: &'static str };
}

#[test]
fn each_type_of_label_reads_as_itself() {
    let (a, b, c, d, e, f) = (u8::MAX, i8::MIN, u16::MAX, i16::MIN, u32::MAX, i32::MIN);
    let (g, h, i, j, k, l) = (u64::MAX, i64::MIN, u128::MAX, i128::MIN, usize::MAX, isize::MIN);
    INTEGERS.with(INTEGERS { a, b, c, d, e, f, g, h, i, j, k, l }).inc();
    let texts = [
        ("a", a.to_string()),
        ("b", b.to_string()),
        ("c", c.to_string()),
        ("d", d.to_string()),
        ("e", e.to_string()),
        ("f", f.to_string()),
        ("g", g.to_string()),
        ("h", h.to_string()),
        ("i", i.to_string()),
        ("j", j.to_string()),
        ("k", k.to_string()),
        ("l", l.to_string()),
    ];
    let labels: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_eq!(sample_value("families_integers_total", &labels), Some(1.0));

    let given = String::from("a \"given\" one");
    TEXTS.with(TEXTS { written: "a written one", good: true, plan: Plan::Paid, given: &given }).add(2);
    TEXTS.with(TEXTS { written: "", good: false, plan: Plan::Free, given: "" }).inc();
    let value = |written: &str, good: &str, plan: &str, given: &str| {
        let labels = [("written", written), ("good", good), ("plan", plan), ("given", given)];
        sample_value("families_texts_total", &labels)
    };
    assert_eq!(value("a written one", "true", "gold", "a \"given\" one"), Some(2.0));
    assert_eq!(value("", "false", "free", ""), Some(1.0));
}

#[test]
fn beyond_its_bound_a_label_of_any_type_reads_overflow_and_nothing_is_lost() {
    const WRITTEN: [&str; 4] = ["one", "two", "three", "four"];
    for (number, written) in (-2..).zip(WRITTEN) {
        BOUNDED.with(BOUNDED { given: &number.to_string(), written: "one", number: -2 }).inc();
        BOUNDED.with(BOUNDED { given: "-2", written, number: -2 }).inc();
        BOUNDED.with(BOUNDED { given: "-2", written: "one", number }).inc();
    }
    let value = |given: &str, written: &str, number: &str| {
        sample_value("families_bounded_total", &[("given", given), ("written", written), ("number", number)])
    };
    assert_eq!(value("-2", "one", "-2"), Some(3.0));
    assert_eq!(value("-1", "one", "-2"), Some(1.0));
    assert_eq!(value("0", "one", "-2"), None);
    assert_eq!(value("_overflow", "one", "-2"), Some(2.0));
    assert_eq!((value("-2", "two", "-2"), value("-2", "three", "-2")), (Some(1.0), None));
    assert_eq!(value("-2", "_overflow", "-2"), Some(2.0));
    assert_eq!((value("-2", "one", "-1"), value("-2", "one", "0")), (Some(1.0), None));
    assert_eq!(value("-2", "one", "_overflow"), Some(2.0));
}

fn page() -> String {
    let mut page = Vec::new();
    encode(prometheus::default_registry(), Format::Text, &mut page).expect("a vector takes everything");
    String::from_utf8(page).expect("text")
}

#[test]
fn the_doc_comment_is_the_help_in_one_line() {
    for line in [
        "# HELP families_documented_total Documented in two paragraphs: * of \"lines\"",
        "# HELP families_block Documented in a block",
    ] {
        assert!(page().lines().any(|found| found == line), "`{line}` is not in:\n{}", page());
    }
    assert_eq!((DOCUMENTED.value(), BLOCK.value()), (0, 0.0));
}

#[test]
fn a_histogram_that_names_no_buckets_has_the_default_ones() {
    DEFAULT.observe(0.3);
    let page = page();
    let bounds: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("families_default_seconds_bucket{le=\"")?.split_once('"'))
        .map(|(bound, _)| bound)
        .collect();
    let default = [
        "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5", "5.0", "7.5", "10.0",
        "+Inf",
    ];
    assert_eq!(bounds, default);
}

#[test]
fn each_kind_serves_by_hand_with_labels_and_without() {
    JOBS.inc();
    JOBS.add(4);
    assert_eq!((JOBS.value(), sample_value("families_jobs_total", &[])), (5, Some(5.0)));

    WORKING.set(2.5);
    WORKING.inc();
    WORKING.add(-0.25);
    WORKING.dec();
    let in_flight = WORKING.in_flight();
    assert_eq!((WORKING.value(), sample_value("families_working", &[])), (3.25, Some(3.25)));
    drop(in_flight);
    WORKING.set(-1.0);
    assert_eq!((WORKING.value(), sample_value("families_working", &[])), (-1.0, Some(-1.0)));

    let series = LATENCY.with(LATENCY { operation: "export" });
    series.observe(0.25);
    series.observe_duration(Duration::from_millis(500));
    // It would spoil the sum for good.
    series.observe(f64::NAN);
    drop(timer!(LATENCY, operation = "export"));
    assert!(series.start_timer().stop() >= 0.0);
    series.start_timer().discard();
    let value = |name: &str, more: &[(&str, &str)]| sample_value(name, &[&[("operation", "export")], more].concat());
    assert_eq!(value("families_latency_seconds_count", &[]), Some(4.0));
    assert!(value("families_latency_seconds_sum", &[]).is_some_and(|sum| (0.75..60.0).contains(&sum)));
    assert_eq!(value("families_latency_seconds_bucket", &[("le", "0.1")]), Some(2.0));
    assert_eq!(value("families_latency_seconds_bucket", &[("le", "0.25")]), Some(3.0));
    assert_eq!(value("families_latency_seconds_bucket", &[("le", "0.5")]), Some(4.0));
}

#[test]
fn a_delta_is_what_the_test_s_own_thread_did_whatever_others_do() {
    let answer = assert_delta!(ADDED { who: "ada" }, 3, {
        // Each has done its part before the other looks.
        thread::scope(|scope| scope.spawn(|| ADDED.with(ADDED { who: "ada" }).add(100)).join()).expect("no panic");
        ADDED.with(ADDED { who: "ada" }).add(3);
        "the value of the expression"
    });
    assert_eq!(answer, "the value of the expression");
    assert_eq!(ADDED.with(ADDED { who: "ada" }).value(), 103);
    assert_delta!(MOVED { who: "ada" }, -2, {
        thread::scope(|scope| scope.spawn(|| MOVED.with(MOVED { who: "ada" }).inc()).join()).expect("no panic");
        MOVED.with(MOVED { who: "ada" }).dec();
        MOVED.with(MOVED { who: "ada" }).dec();
    });
}

#[test]
fn another_delta_than_was_said_fails_and_says_both() {
    let failed = catch_unwind(|| assert_delta!(ADDED { who: "eve" }, 1, ADDED.with(ADDED { who: "eve" }).add(2)));
    let message = failed.expect_err("two are not one");
    let message = message.downcast_ref::<String>().expect("a message");
    assert_eq!(message, "ADDED{who: \"eve\"} changed by 2 on this thread, not by 1");
    // Nor does what another thread adds make up for it.
    let failed = catch_unwind(|| {
        assert_delta!(ADDED { who: "eve" }, 1, {
            thread::scope(|scope| scope.spawn(|| ADDED.with(ADDED { who: "eve" }).inc()).join()).expect("no panic");
        });
    });
    assert!(failed.is_err());
}
