//! What is kept in files: what was learned, and limits. Apart from the other tests, because it is of all endpoints.
#![cfg(feature = "test-util")]

use std::time::Duration;

use monitor_runtime::clock::Manual;
use monitor_runtime::{Outcome, anomaly, detect_anomalies, sample_value};

fn threshold(endpoint: &str) -> f64 {
    sample_value("api_response_time_threshold", &[("endpoint", endpoint)]).expect("a gauge")
}

/// An hour of ten calls a second that take so long, a little more or less.
fn serve(time: &Manual, name: &str, takes_ms: u32) {
    let watched = detect_anomalies(name).ready();
    for number in 0..36_000 {
        let call = watched.start();
        let takes = Duration::from_micros(u64::from(takes_ms * 1_000 + 100 * (number % 20)));
        time.advance(takes);
        call.finish(Outcome::Success);
        time.advance(Duration::from_millis(100).saturating_sub(takes));
    }
}

#[test]
fn what_was_learned_is_kept_across_a_restart() {
    let time = Manual::start();
    serve(&time, "files_learned", 10);
    let learned = threshold("files_learned");
    assert!(learned < 0.5);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("learned");
    anomaly::save(&file).expect("it is written");
    // A little slower, which is no anomaly and is learned.
    serve(&time, "files_learned", 11);
    assert_ne!(threshold("files_learned"), learned);
    assert!(anomaly::restore(&file).expect("it is read") >= 1);
    assert_eq!(threshold("files_learned"), learned);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
}

#[test]
fn a_file_that_is_damaged_or_missing_hurts_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("learned");
    assert_eq!(anomaly::restore(&file).expect("no file is nothing learned"), 0);
    std::fs::write(&file, "monitor-anomaly\nbut not of ours").expect("it is written");
    assert!(anomaly::restore(&file).is_err());
    assert!(anomaly::save(folder.path().join("no/such/folder")).is_err());
}

#[cfg(feature = "toml")]
#[test]
fn limits_from_a_file_go_before_those_of_the_code_and_a_bad_file_changes_nothing() {
    let _time = Manual::start();
    detect_anomalies("files_limits").latency_threshold(3.0).run(|| ());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("limits.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("it is written");
    write(
        "[endpoint.files_limits]\nlatency_threshold = \"250ms\"\n[endpoint.\"/files/late\"]\nerror_threshold = 0.5\n",
    );
    anomaly::load_limits(&file).expect("legal");
    assert_eq!(threshold("files_limits"), 0.25);
    assert_eq!(anomaly::unused_limits(), ["/files/late"]);
    write("[endpoint.files_limits]\nlatency_threshold = -1\n[endpoint.nobody]\n");
    let error = anomaly::load_limits(&file).expect_err("two mistakes").to_string();
    assert!(
        error.contains("line 2: `latency_threshold`") && error.contains("line 3: unknown endpoint `nobody`"),
        "{error}"
    );
    assert_eq!(threshold("files_limits"), 0.25, "what held before holds on");
    write("");
    anomaly::load_limits(&file).expect("nothing is legal");
    assert_eq!(threshold("files_limits"), 3.0, "what the file leaves out, the code says again");
    assert!(anomaly::load_limits(folder.path().join("none")).is_err());
}
