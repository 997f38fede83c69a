//! Every reason that can be caused in seconds, end to end: by hand over HTTP, on the page, in a real Prometheus.

use std::fs;

use serde_json::json;

use crate::support::{Demo, Prometheus, Raw, eventually, program};

fn found(endpoint: &str, reason: &str) -> String {
    format!(r#"anomaly_detection_triggered_total{{endpoint="{endpoint}",reason="{reason}"}}"#)
}

/// Once of each: an error, a slow answer, a panic, an error within what is watched.
fn cause_each(demo: &Demo) {
    assert_eq!(demo.client.get("/monitoring/test-error").status, 500);
    assert_eq!(demo.client.get("/monitoring/test-slow?seconds=1.1").status, 200);
    let mut connection = Raw::to(&demo.url);
    connection.send(b"GET /monitoring/test-panic HTTP/1.1\r\nHost: demo\r\n\r\n").expect("the server reads");
    connection.answer(false).expect_err("no answer");
    let cookie = demo.sign_up("alan");
    while demo.client.post_with_cookie("/reports/flaky", &cookie).status != 500 {}
}

const EACH: [(&str, &str); 5] = [
    ("/monitoring/test-error", "server_error"),
    ("/monitoring/test-slow", "high_latency"),
    ("/monitoring/test-panic", "panic"),
    ("/reports/flaky", "server_error"),
    ("flaky_report", "exception"),
];

#[test]
fn each_trouble_is_found_once_by_its_own_name_and_reason() {
    let demo = Demo::start();
    let prometheus = Prometheus::scraping(&demo.url);
    cause_each(&demo);
    eventually(|| {
        let samples = demo.samples();
        match EACH.iter().find(|(endpoint, reason)| samples.count(&found(endpoint, reason)) != 1.0) {
            None => Ok(()),
            Some(missing) => Err(format!("{missing:?}: {:?}", samples.named("anomaly_detection_triggered_total"))),
        }
    });
    for (endpoint, reason) in EACH {
        prometheus.shows(&found(endpoint, reason), 1.0);
    }
    // What is refused is nobody's trouble but the client's.
    assert_eq!(demo.client.get("/nothing").status, 404);
    assert_eq!(demo.login("alan", "a-wrong-guess").status, 401);
    for endpoint in ["_unmatched", "/login"] {
        assert_eq!(demo.samples().count(&found(endpoint, "server_error")), 0.0, "{endpoint}");
    }
    // As JSON, the latest first.
    eventually(|| {
        let anomalies = demo.client.get("/monitoring/api-metrics").json()["anomalies"].clone();
        match anomalies["recent"].as_array().map(Vec::len) {
            Some(5) => Ok(()),
            _ => Err(anomalies.to_string()),
        }
    });
}

#[test]
fn an_endpoint_that_was_told_to_fail_is_an_error_burst() {
    let demo = Demo::start();
    let prometheus = Prometheus::scraping(&demo.url);
    let cookie = demo.cookie("ada", "lovelace");
    for _ in 0..200 {
        assert_eq!(demo.client.get("/items").status, 200);
    }
    let failing = json!({ "endpoint": "/items", "fault": "failing", "seconds": 60 });
    let switched = demo.client.send("POST", "/monitoring/faults", &[("Cookie", &cookie)], Some(&failing));
    assert_eq!(switched.status, 200, "{switched:?}");
    eventually(|| {
        for _ in 0..20 {
            assert_eq!(demo.client.get("/items").status, 500);
        }
        let samples = demo.samples();
        match samples.count(&found("/items", "error_rate_spike")) {
            n if n >= 1.0 => Ok(()),
            _ => Err(format!("{:?}", samples.named("anomaly_detection_triggered_total"))),
        }
    });
    let samples = demo.samples();
    assert!(samples.value(r#"api_error_rate{endpoint="/items"}"#) > 0.0);
    assert!(samples.value(r#"api_response_time_threshold{endpoint="/items"}"#) > 0.0);
    prometheus.shows(&format!("{} > bool 0", found("/items", "error_rate_spike")), 1.0);
}

/// What the demo says of the latency threshold of `/items`.
fn threshold_of_items(demo: &Demo) -> Option<f64> {
    let found = demo.client.get("/monitoring/anomalies").json();
    let endpoints = found["endpoints"].as_array().expect("endpoints");
    let items = endpoints.iter().find(|endpoint| endpoint["endpoint"] == "/items")?;
    items["configured"]["latency_threshold"].as_f64()
}

#[test]
fn what_was_found_is_json_for_whoever_asks() {
    let demo = Demo::start();
    assert_eq!(demo.client.get("/monitoring/test-error").status, 500);
    let found = demo.client.get("/monitoring/anomalies").json();
    assert_eq!(found["version"], 1);
    let latest = &found["anomalies"][0];
    assert_eq!((&latest["endpoint"], &latest["reason"]), (&json!("/monitoring/test-error"), &json!("server_error")));
}

#[test]
fn limits_come_from_a_file_that_is_read_again_when_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("limits.toml");
    let limit = |threshold: &str| {
        let text = format!("[endpoint.\"/items\"]\nlatency_threshold = {threshold}\n");
        fs::write(&file, text).expect("the limits should be written");
    };
    limit("\"200ms\"");
    let demo = Demo::start_by(program().args(["--port", "0", "--limits"]).arg(&file));
    assert_eq!(demo.client.get("/items").status, 200);
    assert_eq!(threshold_of_items(&demo), Some(0.2));
    // A mistake changes nothing, and the next change is taken.
    limit("-1");
    demo.signal("HUP");
    assert_eq!(threshold_of_items(&demo), Some(0.2));
    limit("0.3");
    eventually(|| {
        demo.signal("HUP");
        match threshold_of_items(&demo) {
            Some(0.3) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });

    limit("-1");
    let refused =
        program().args(["--port", "0", "--limits"]).arg(&file).env("DEMO_DATA_DIR", directory.path()).output();
    let refused = refused.expect("the demo should start");
    let error = String::from_utf8(refused.stderr).expect("text");
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(error.starts_with("demo-app: --limits: ") && error.contains("latency_threshold"), "{error}");
}

#[test]
fn what_was_learned_survives_a_restart_and_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Demo::start_by(program().args(["--port", "0"]).env("DEMO_DATA_DIR", directory.path()));
    let demo = start();
    assert_eq!(demo.client.get("/items").status, 200);
    assert!(demo.stop_by("TERM").0.success());
    let file = directory.path().join("learned");
    let learned = fs::read(&file).expect("what was learned");
    assert!(!learned.is_empty());
    fs::write(&file, &learned[..learned.len() / 2]).expect("half a file");
    let demo = start();
    assert_eq!(demo.client.get("/items").status, 200);
    assert!(demo.stop_by("TERM").0.success());
    // Written anew as a whole; the file says when it was seen, so its length is what can be compared.
    assert_eq!(fs::read(&file).expect("what was learned").len(), learned.len());
}
