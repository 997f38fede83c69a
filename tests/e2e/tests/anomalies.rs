//! Every reason end to end: caused by hand over HTTP, on the page, in a real Prometheus, as JSON.

use std::fs;

use serde_json::json;

use crate::support::{Demo, Prometheus, Raw, at_length, eventually, program};

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
    // As JSON, the latest first. The failing report is one event, told of the function that knows more of it.
    let told = ["flaky_report", "/monitoring/test-panic", "/monitoring/test-slow", "/monitoring/test-error"];
    eventually(|| {
        let anomalies = demo.client.get("/monitoring/api-metrics").json()["anomalies"].clone();
        let recent = anomalies["recent"].as_array().map(Vec::as_slice).unwrap_or_default();
        let endpoints: Vec<_> = recent.iter().filter_map(|event| event["endpoint"].as_str()).collect();
        if endpoints == told { Ok(()) } else { Err(anomalies.to_string()) }
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

/// What is told to an endpoint, and what comes of it. The simulated users tell `/items` to fail now and then, so that
/// it cannot be told the same here.
const EPISODES: [(&str, &str, &str); 4] = [
    ("/items/{id}", "crowded", "traffic_spike"),
    ("/items", "deserted", "traffic_drop"),
    ("/reports", "slow", "latency_shift"),
    ("/forecasts", "failing", "error_rate_spike"),
];

/// Only the past is made up: the requests are real, and as many real seconds pass as it takes.
#[test]
fn a_service_with_a_past_finds_each_kind_of_episode() {
    let data = tempfile::tempdir().expect("a directory");
    let demo = Demo::start_by(program().args(["--port", "0", "--simulate-past"]).env("DEMO_DATA_DIR", data.path()));
    let prometheus = Prometheus::scraping_as("demo", &demo.url);
    let cookie = demo.cookie("ada", "lovelace");
    eventually(|| {
        let samples = demo.samples();
        match EPISODES.iter().find(|(endpoint, _, reason)| !samples.has(&found(endpoint, reason))) {
            Some((endpoint, ..)) => Err(format!("nobody asked for {endpoint} yet")),
            None => Ok(()),
        }
    });
    for (endpoint, fault, _) in EPISODES {
        let wanted = json!({ "endpoint": endpoint, "fault": fault, "seconds": 300, "delay_seconds": 1.0 });
        let switched = demo.client.send("POST", "/monitoring/faults", &[("Cookie", &cookie)], Some(&wanted));
        assert_eq!(switched.status, 200, "{switched:?}");
    }
    at_length(|| {
        let samples = demo.samples();
        match EPISODES.iter().find(|(endpoint, _, reason)| samples.count(&found(endpoint, reason)) < 1.0) {
            Some((endpoint, fault, reason)) => Err(format!("{endpoint} is {fault}, which is no {reason} yet")),
            None => Ok(()),
        }
    });
    // However slow the machine is, a crowd is no drop, and nobody is no spike.
    let samples = demo.samples();
    for (endpoint, reason) in [("/items/{id}", "traffic_drop"), ("/items", "traffic_spike")] {
        assert_eq!(samples.count(&found(endpoint, reason)), 0.0, "{reason} of {endpoint}");
    }
    let json = demo.client.get("/monitoring/anomalies").json();
    let anomalies = json["anomalies"].as_array().expect("a list of anomalies");
    let endpoints = json["endpoints"].as_array().expect("a list of endpoints");
    for (endpoint, _, reason) in EPISODES {
        let expression = found(endpoint, reason);
        eventually(|| match prometheus.values(&expression)?.as_slice() {
            [count] if *count >= 1.0 => Ok(()),
            other => Err(format!("{expression} is {other:?} in Prometheus")),
        });
        let anomaly = anomalies.iter().find(|found| found["endpoint"] == endpoint && found["reason"] == reason);
        let anomaly = anomaly.unwrap_or_else(|| panic!("no {reason} of {endpoint} in {json}"));
        let (observed, expected) = (anomaly["observed"].as_f64(), anomaly["expected"].as_f64());
        assert_eq!(observed > expected, reason != "traffic_drop", "{anomaly}");
        assert_eq!(anomaly["until"], json!(null), "{anomaly}");
        let now = endpoints.iter().find(|state| state["endpoint"] == endpoint).expect("an endpoint that was asked for");
        let mut firing = now["firing"].as_array().expect("a list of episodes").iter();
        assert!(firing.any(|episode| episode["reason"] == reason), "{now}");
    }
    drop(prometheus);
    assert!(demo.stop_by("TERM").0.success());
    assert!(!data.path().join("learned").exists(), "what was made up is not kept");
}

#[test]
fn nobody_crowds_a_service_without_simulated_users() {
    let demo = Demo::start();
    let cookie = demo.cookie("ada", "lovelace");
    let wanted = json!({ "endpoint": "/items", "fault": "crowded", "seconds": 5 });
    let refused = demo.client.send("POST", "/monitoring/faults", &[("Cookie", &cookie)], Some(&wanted));
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.body.contains("--simulate-past"), "{refused:?}");
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
