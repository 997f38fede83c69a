//! Trouble on purpose: what it does to its own endpoint, what of it is seen, and that it ends.

use serde_json::json;

use crate::support::{Demo, Raw, eventually};

fn requests(endpoint: &str, status: u16) -> String {
    format!(r#"api_requests_total{{endpoint="{endpoint}",method="GET",status="{status}"}}"#)
}

#[test]
fn an_error_and_a_slow_answer_can_be_asked_for() {
    let demo = Demo::start();
    assert_eq!(demo.client.get("/monitoring/test-error").status, 500);
    let slow = demo.client.get("/monitoring/test-slow?seconds=0.05");
    assert_eq!((slow.status, &slow.json()["took_seconds"]), (200, &json!(0.05)));
    for seconds in ["-1", "11", "NaN", "1e400"] {
        assert_eq!(demo.client.get(&format!("/monitoring/test-slow?seconds={seconds}")).status, 422, "{seconds}");
    }
    let samples = demo.samples();
    assert_eq!(samples.value(&requests("/monitoring/test-error", 500)), 1.0);
    assert_eq!(samples.value(&requests("/monitoring/test-slow", 200)), 1.0);
    let took = samples.value(r#"api_request_latency_seconds_sum{endpoint="/monitoring/test-slow",method="GET"}"#);
    assert!(took >= 0.05, "{took}");
}

#[test]
fn a_handler_that_panics_loses_its_own_client_alone() {
    let demo = Demo::start();
    let mut connection = Raw::to(&demo.url);
    connection.send(b"GET /monitoring/test-panic HTTP/1.1\r\nHost: demo\r\n\r\n").expect("the server reads");
    connection.answer(false).expect_err("no answer");
    assert_eq!(demo.client.get("/items").status, 200);
    // The connection is gone before the request is: it is counted as the panic ends.
    eventually(|| match demo.samples().count(&requests("/monitoring/test-panic", 500)) {
        1.0 => Ok(()),
        other => Err(format!("{other} requests")),
    });
}

#[test]
fn an_endpoint_can_be_told_to_fail_for_a_while() {
    let demo = Demo::start();
    let cookie = demo.cookie("ada", "lovelace");
    let switch =
        |headers: &[(&str, &str)], fault| demo.client.send("POST", "/monitoring/faults", headers, Some(&fault));
    let signed_in = [("Cookie", cookie.as_str())];
    let failing = json!({ "endpoint": "/items", "fault": "failing", "seconds": 300 });
    assert_eq!(switch(&[], failing.clone()).status, 401, "for whoever is signed in");
    let on = switch(&signed_in, failing);
    assert_eq!((on.status, &on.json()[0]["endpoint"]), (200, &json!("/items")), "{on:?}");
    let items = demo.client.get("/items");
    assert_eq!((items.status, items.content_type.as_str()), (500, "application/problem+json"));
    assert_eq!(demo.client.get("/items/1").status, 200, "no other endpoint fails");
    assert_eq!(demo.client.send("DELETE", "/monitoring/faults", &signed_in, None).status, 200);
    assert_eq!(demo.client.get("/items").status, 200);

    let slow = json!({ "endpoint": "/items/{id}", "fault": "slow", "seconds": 300, "delay_seconds": 0.1 });
    assert_eq!(switch(&signed_in, slow).status, 200);
    assert_eq!(demo.client.get("/items/2").status, 200);
    let samples = demo.samples();
    assert_eq!(samples.value(&requests("/items", 500)), 1.0);
    let took = samples.value(r#"api_request_latency_seconds_sum{endpoint="/items/{id}",method="GET"}"#);
    assert!(took >= 0.1, "{took}");

    for wrong in [
        json!({ "endpoint": "/login", "fault": "failing", "seconds": 1 }),
        json!({ "endpoint": "/items", "fault": "slow", "seconds": 1, "delay_seconds": 60 }),
        json!({ "endpoint": "/items", "fault": "slow", "seconds": -1 }),
    ] {
        assert_eq!(switch(&signed_in, wrong.clone()).status, 422, "{wrong}");
    }
    let over = switch(&signed_in, json!({ "endpoint": "/items", "fault": "failing", "seconds": 0 }));
    assert_eq!(over.status, 200);
    assert_eq!(demo.client.get("/items").status, 200, "its time is over");
}
