//! What a client is told: its own balance and nobody else's, and nothing of the store.

use actix_web::HttpResponse;
use monitor_runtime::credits::{AccountId, Grant};
use monitor_runtime::sample_value;
use serde_json::json;

use super::server::Server;
use crate::support::{Fault, Faults, Purse, eventually};

#[test]
fn who_pays_is_told_what_it_used_and_what_remains() {
    let purse = Purse::with(12);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    let told = |response: &super::server::Response| {
        let header = |name| response.header(name).map(str::to_owned);
        (response.status, header("x-credits-used"), header("x-credits-remaining"))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(told(&client.post("/answer/200")), (200, some("5"), some("7")));
    let response = client.post_text("/words/6", "two words");
    assert_eq!((told(&response), response.body.as_str()), ((200, some("2"), some("5")), "2"));
    // Nothing was used, so nothing is said.
    assert_eq!(told(&client.post("/answer/404")), (404, None, None));
    assert_eq!(told(&client.post("/free")), (200, None, None));
    assert_eq!(told(&server.client("").post("/free")), (200, None, None));
    purse.settles_at(7);
}

#[test]
fn a_refusal_is_a_problem_with_what_is_required_and_available() {
    let purse = Purse::with(4);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    let refused = client.post("/answer/200");
    assert_eq!(refused.status, 402);
    let insufficient = |operation, required, available| {
        json!({
            "type": "urn:problem-type:credits:insufficient", "title": "Not enough credits", "status": 402,
            "required": required, "available": available, "operation": operation,
        })
    };
    assert_eq!(refused.json(), insufficient("http answer", 5, 4));
    let unknown = server.client("who-is-this").post("/answer/200");
    assert_eq!((unknown.status, unknown.json()), (402, insufficient("http answer", 5, 0)));

    let nobody = server.client("").post("/answer/200");
    assert_eq!(nobody.status, 401);
    let no_account = json!({
        "type": "urn:problem-type:credits:no-account", "title": "Sign in first", "status": 401,
        "operation": "http answer",
    });
    assert_eq!(nobody.json(), no_account);

    for (path, status, kind) in
        [("/words/-3", 400, "invalid-cost"), ("/words/9223372036854775807", 402, "insufficient")]
    {
        let refused = client.post(path);
        assert_eq!(
            (refused.status, &refused.json()["type"]),
            (status, &json!(format!("urn:problem-type:credits:{kind}")))
        );
    }
    let long = "x".repeat(20_000);
    assert_eq!(server.client(&long).post("/answer/200").status, 400);
    assert_eq!(server.bodies.began(), 0);
    // The middleware outside counts what is refused inside.
    let labels = [("endpoint", "/answer/{status}"), ("method", "POST"), ("status", "402")];
    assert!(sample_value("api_requests_total", &labels) >= Some(2.0));
}

#[test]
fn the_balance_of_another_account_is_not_told() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    let firm = AccountId::new("the-firm").expect("a name");
    purse.credits.grant(Grant::new(firm.clone(), 7)).wait().expect("granted");
    let mut client = server.client(&purse.name);
    let paid = client.post("/for-the-firm");
    assert_eq!((paid.status, paid.header("x-credits-remaining")), (200, None));
    let refused = client.post("/for-the-firm");
    let problem = refused.json();
    assert_eq!((refused.status, &problem["required"], problem.get("available")), (402, &json!(5), None));
    // Whom the firm's account is: it may know.
    assert_eq!(server.client("the-firm").post("/for-the-firm").json()["available"], json!(2));
    purse.settles_at(0);
}

#[test]
fn while_the_store_is_down_a_client_is_told_to_come_again_and_nothing_of_the_store() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    assert_eq!(client.post("/answer/200").status, 200);
    purse.faults.all(Fault::Before);
    for _ in 0..3 {
        let refused = client.post("/answer/200");
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        assert_eq!(refused.json()["title"], json!("Credits cannot be held now"));
        assert!(!refused.body.contains("on purpose"), "{}", refused.body);
    }
    assert_eq!(server.bodies.began(), 1);
    assert_eq!(client.post("/free").status, 200);
    // One route says otherwise, and it is counted.
    assert_eq!(client.post("/when-down").status, 200);
    assert_eq!(sample_value("credit_unpaid_total", &[("operation", "http when down")]), Some(1.0));
    purse.faults.all(Fault::None);
    assert_eq!(client.post("/answer/200").status, 200);
    purse.settles_at(10);
}

#[test]
fn a_response_is_sent_although_the_store_went_down_under_it() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    Faults::set(&purse.faults.capture, Fault::Before);
    let response = client.post("/answer/200");
    // What remains is not known for certain.
    assert_eq!((response.status, response.header("x-credits-used")), (200, None));
    Faults::set(&purse.faults.capture, Fault::None);
    purse.settles_at(5);
}

#[test]
fn only_what_is_answered_well_is_paid() {
    let purse = Purse::with(1_000);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    let mut paid = 0;
    for route in ["answer", "pair"] {
        for status in [200, 201, 302, 400, 404, 402, 500, 502, 503, 600, 999] {
            assert_eq!(client.post(&format!("/{route}/{status}")).status, status);
            paid += if status < 400 { 5 } else { 0 };
            purse.settles_at(paid);
        }
    }
}

#[test]
fn a_route_has_a_price_without_an_attribute() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    let created = client.post("/route/7");
    assert_eq!((created.status, created.header("x-credits-used")), (201, Some("5")));
    let used = |operation| sample_value("credit_usage_total", &[("operation", operation), ("user_id", &purse.name)]);
    assert_eq!(used("POST /route/{id}"), Some(5.0));
    purse.settles_at(5);
    // Refused by the route's own guards: held, and given back.
    client.send("FLY", "/route/7", "");
    assert_eq!(client.response().map(|response| response.status), Some(405));
    for path in ["/scope/missing?7", "/scope/nowhere?7"] {
        assert_eq!(client.post(path).status, 404);
    }
    purse.settles_at(5);
    assert_eq!(client.post("/scope/less?7").header("x-credits-used"), Some("1"));
    assert_eq!(used("http scope"), Some(1.0));
    assert_eq!(client.post("/scope/less?1000").json()["required"], json!(1_000));
    assert_eq!(client.post("/scope/less?-1").status, 400);
    assert_eq!(server.client("").post("/route/7").status, 401);
    purse.settles_at(6);
}

#[test]
fn what_the_program_declares_is_on_the_page_before_its_first_call() {
    #[monitor_runtime::with_credits(cost = 1, operation = "never called")]
    fn never_called() -> HttpResponse {
        HttpResponse::Ok().finish()
    }
    let _: fn() -> HttpResponse = never_called;
    let _server = Server::start(&Purse::with(1).credits);
    let operation = ("operation", "never called");
    eventually("the middleware is made", || {
        sample_value("credit_refusals_total", &[operation, ("reason", "unavailable")]) == Some(0.0)
    });
    assert_eq!(sample_value("credit_operation_latency_seconds_count", &[operation]), Some(0.0));
}

#[test]
fn a_request_that_is_sent_again_is_paid_once() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name).with("idempotency-key: 7d44");
    // It failed: the same key tries again.
    assert_eq!(client.post("/answer/500").status, 500);
    purse.settles_at(0);
    assert_eq!(client.post("/answer/200").status, 200);
    let again = client.post("/answer/200");
    assert_eq!((again.status, &again.json()["type"]), (409, &json!("urn:problem-type:credits:duplicate")));
    assert_eq!(server.bodies.began(), 2);
    // Another operation, and another account with the same key, are other requests.
    assert_eq!(client.post("/route/7").status, 201);
    assert_eq!(client.post("/route/7").status, 409);
    let other = server.client("who-is-this").with("idempotency-key: 7d44").post("/answer/200");
    assert_eq!(other.status, 402);
    purse.settles_at(10);
    // The same key for another price is another request by mistake.
    assert_eq!(client.post_text("/words/6", "two words").status, 200);
    let other = client.post_text("/words/7", "two words");
    assert_eq!((other.status, &other.json()["type"]), (409, &json!("urn:problem-type:credits:conflict")));
    purse.settles_at(12);
    let bad = server.client(&purse.name).with(&format!("idempotency-key: {}", "k".repeat(300))).post("/answer/200");
    assert_eq!((bad.status, &bad.json()["type"]), (400, &json!("urn:problem-type:credits:invalid-key")));
}

#[test]
fn a_key_that_is_not_one_text_is_refused_and_keys_that_look_alike_are_told_apart() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    let invalid = json!("urn:problem-type:credits:invalid-key");
    for bytes in [&b"\xff"[..], b"\xfe", b"caf\xe9", b"\xf0\x9f"] {
        let bad = server.client(&purse.name).with_bytes("idempotency-key", bytes).post("/answer/200");
        assert_eq!((bad.status, &bad.json()["type"]), (400, &invalid), "{bytes:?}");
    }
    let two = server.client(&purse.name).with("idempotency-key: a").with("idempotency-key: b").post("/answer/200");
    assert_eq!((two.status, &two.json()["type"]), (400, &invalid));
    purse.settles_at(0);
    for key in ["a", "A", "a#1", "a#2", "a ä", "ä"] {
        let answer = server.client(&purse.name).with_bytes("idempotency-key", key.as_bytes()).post("/answer/200");
        assert_eq!(answer.status, 200, "{key}");
    }
    assert_eq!(server.bodies.began(), 6);
}
