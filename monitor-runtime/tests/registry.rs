//! Where families are registered: beside other libraries' collectors, once for each name, never in the way of a call.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use monitor_runtime::{RegisterError, metrics, prometheus, sample_value, sample_value_in};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts, Registry};

mod here {
    monitor_runtime::metrics! {
        /// Declared in two places alike
        pub counter TWICE = "registry_twice_total" { way: &'static str };
        /// Declared in two places with other labels
        pub counter SPLIT = "registry_split_total" { way: &'static str };
        /// A histogram of work
        pub histogram WORK = "registry_work";
    }
}

mod there {
    monitor_runtime::metrics! {
        /// Declared in two places alike
        pub counter TWICE = "registry_twice_total" { way: &'static str };
        /// Declared in two places with other labels
        pub counter SPLIT = "registry_split_total" { method: &'static str };
        /// A counter that OpenMetrics calls as it calls a histogram
        pub counter WORK = "registry_work_total";
    }
}

metrics! {
    /// Used by a collector while it is gathered
    counter GATHERED = "registry_gathered_total";
    /// On the page although nobody touches it
    gauge UNTOUCHED = "registry_untouched";
}

#[test]
fn one_name_with_one_shape_is_one_family() {
    here::TWICE.with(here::TWICE { way: "here" }).inc();
    there::TWICE.with(there::TWICE { way: "here" }).inc();
    assert_eq!(sample_value("registry_twice_total", &[("way", "here")]), Some(2.0));
}

/// Two lines of this file.
fn assert_names_two_places(text: &str) {
    let lines: Vec<&str> = text
        .split("tests/registry.rs:")
        .skip(1)
        .filter_map(|after| after.split(|c: char| !c.is_ascii_digit()).next())
        .collect();
    assert!(matches!(lines[..], [one, other] if one != other && !one.is_empty() && !other.is_empty()), "{text}");
}

#[test]
fn one_name_with_two_shapes_is_an_error_that_names_both_places() {
    let errors = monitor_runtime::register().expect_err("two shapes");
    let conflict = errors.0.iter().find(
        |error| matches!(error, RegisterError::Conflict(conflict) if conflict.refused.name == "registry_split_total"),
    );
    let text = conflict.expect("a conflict of registry_split_total").to_string();
    assert_names_two_places(&text);
    assert!(text.contains("counter {way}") && text.contains("counter {method}"), "{text}");
    // Both go on counting; the second is on no page.
    there::SPLIT.with(there::SPLIT { method: "x" }).inc();
    assert_eq!(there::SPLIT.with(there::SPLIT { method: "x" }).value(), 1);
    assert_eq!(sample_value("registry_split_total", &[("method", "x")]), None);
    // Counted by whoever registered, which may be a test beside this one that is at it right now.
    let counted = || sample_value("monitor_instrumentation_errors_total", &[("kind", "family_not_registered")]);
    let patience = Instant::now() + Duration::from_secs(10);
    while counted() < Some(1.0) {
        assert!(Instant::now() < patience, "the conflict is not counted");
        thread::yield_now();
    }
}

#[test]
fn a_family_that_another_would_shadow_on_the_page_is_refused() {
    let registry = Registry::new();
    here::WORK.in_registry(&registry).expect("a fresh registry");
    let error = there::WORK.in_registry(&registry).expect_err("OpenMetrics calls both `registry_work`").to_string();
    assert!(error.contains("`registry_work_total`") && error.contains("`registry_work`"), "{error}");
    assert_names_two_places(&error);
    let same = here::WORK.in_registry(&registry).expect("the same family");
    same.observe(1.0);
    assert_eq!(same.count(), 1);
}

#[test]
fn a_name_that_another_library_has_taken_is_refused() {
    let registry = Registry::new();
    let theirs = IntCounterVec::new(Opts::new("registry_twice_total", "Theirs"), &["other"]).expect("valid");
    registry.register(Box::new(theirs)).expect("a fresh registry");
    let error = here::TWICE.in_registry(&registry).expect_err("the name is taken").to_string();
    assert!(error.contains("registry_twice_total") && error.contains("give it another name"), "{error}");
}

#[test]
fn the_registry_itself_gathers_our_families_beside_others() {
    monitor_runtime::register().unwrap_or_default();
    let names: Vec<String> = prometheus::gather().iter().map(|family| family.name().to_owned()).collect();
    assert!(names.contains(&"registry_untouched".to_owned()), "{names:?}");
    assert!(names.contains(&"registry_gathered_total".to_owned()), "{names:?}");
}

#[test]
fn a_registry_with_a_prefix_and_labels_shows_them_on_ours_too() {
    let labels = HashMap::from([("zone".to_owned(), "eu".to_owned())]);
    let registry = Registry::new_custom(Some("shop".to_owned()), Some(labels)).expect("valid");
    let mine = here::TWICE.in_registry(&registry).expect("a fresh registry");
    let again = there::TWICE.in_registry(&registry).expect("the same family");
    mine.with(here::TWICE { way: "in" }).inc();
    again.with(there::TWICE { way: "in" }).inc();
    assert_eq!(sample_value_in(&registry, "shop_registry_twice_total", &[("way", "in"), ("zone", "eu")]), Some(2.0));
}

#[test]
fn a_collector_may_use_a_family_while_it_is_gathered() {
    struct Counting(Desc);
    impl Collector for Counting {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.0]
        }
        fn collect(&self) -> Vec<MetricFamily> {
            GATHERED.inc();
            // Nor does a collector that asks for a page of its own wait for itself.
            let _ = sample_value("registry_untouched", &[]);
            Vec::new()
        }
    }
    let registry = Registry::new();
    let desc = Desc::new("registry_counting".to_owned(), "Counts".to_owned(), vec![], HashMap::new()).expect("valid");
    registry.register(Box::new(Counting(desc))).expect("a fresh registry");
    // Putting a family there asks the registry what it shows, and so runs the collector inside our own lock.
    let _ = here::TWICE.in_registry(&registry).expect("another name");
    let before = GATHERED.value();
    let _ = sample_value_in(&registry, "nothing", &[]);
    assert!(GATHERED.value() > before);
}
