//! The project, as a user of it writes it.

use std::sync::Barrier;

use monitor_runtime::prometheus::Registry;
use monitor_runtime::{Format, instrument, metrics};

use crate::{Count, Encode};

metrics! {
    /// Sessions by user
    counter SESSIONS = "ours_sessions_total" { #[label(max = 10_000)] user: &str } limit 10_000 growth 1_000_000;
    /// Sessions by user, counted by an attribute
    counter ANNOTATED = "ours_annotated_total" { #[label(max = 10_000)] user: &str } limit 10_000 growth 1_000_000;
    /// Latency by user
    histogram LATENCY = "ours_latency_seconds" { #[label(max = 10_000)] user: &str }
        buckets [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0] limit 10_000 growth 1_000_000;
}

pub fn count() -> Count {
    let sessions = SESSIONS.in_registry(&Registry::new()).expect("an empty registry");
    Box::new(move |user| sessions.with(SESSIONS { user }).inc())
}

/// All numbers of keys share one family here, as an attribute names a static.
pub fn count_annotated() -> Count {
    #[instrument(counter = ANNOTATED, user = user)]
    fn session(user: &str) {}
    Box::new(|user| session(user))
}

pub fn encode(keys: &'static [String], histograms: bool) -> Encode {
    let registry = written_by(1, keys, histograms);
    let mut page = Vec::new();
    Box::new(move || {
        page.clear();
        monitor_runtime::encode(&registry, Format::Text, &mut page).expect("a vector takes all");
        page.len()
    })
}

/// A family with one series a key, each written by so many threads that live at the same time, of which this is one.
pub fn written_by(threads: usize, keys: &[String], histograms: bool) -> Registry {
    let registry = Registry::new();
    let (sessions, latency) = if histograms {
        (None, Some(LATENCY.in_registry(&registry).expect("an empty registry")))
    } else {
        (Some(SESSIONS.in_registry(&registry).expect("an empty registry")), None)
    };
    let write = || {
        for (number, user) in keys.iter().enumerate() {
            if let Some(sessions) = &sessions {
                sessions.with(SESSIONS { user }).add(number as u64);
            }
            if let Some(latency) = &latency {
                latency.with(LATENCY { user }).observe(number as f64 * 1e-4);
            }
        }
    };
    let all_wrote = Barrier::new(threads);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| {
                write();
                all_wrote.wait();
            });
        }
        write();
        all_wrote.wait();
    });
    registry
}
