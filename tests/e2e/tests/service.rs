//! What the service answers to its clients, and what it counts of it.

use std::thread;

use crate::support::{Answer, Demo};

const SESSIONS: &str = r#"user_sessions_total{auth_method="password"}"#;
const REPORTS: &str = r#"report_latency_seconds_count{report="stock"}"#;

/// A refusal with its status and its reason, as JSON.
pub(crate) fn assert_problem(answer: &Answer, status: u16, detail: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.content_type, "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["detail"], detail);
}

#[test]
fn a_login_is_one_session_and_a_logout_ends_it() {
    let demo = Demo::start();
    let answer = demo.login("ada", "lovelace");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["user"], "ada");
    let cookie = answer.cookie.expect("a session cookie");
    let samples = demo.samples();
    assert_eq!(samples.value(SESSIONS), 1.0);
    assert_eq!(samples.value("sessions_open"), 1.0);

    let answer = demo.client.post_with_cookie("/logout", &cookie);
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(answer.cookie.as_deref(), Some("session="), "the cookie should go");
    let samples = demo.samples();
    assert_eq!(samples.value(SESSIONS), 1.0);
    assert_eq!(samples.value("sessions_open"), 0.0);

    // The same token again opens nothing.
    let answer = demo.client.post_with_cookie("/logout", &cookie);
    assert_problem(&answer, 401, "no session is open; log in first");
    assert_eq!(demo.samples().value("sessions_open"), 0.0);
}

#[test]
fn two_logins_have_two_tokens() {
    let demo = Demo::start();
    let token = || demo.login("grace", "hopper").cookie.expect("a session cookie");
    assert_ne!(token(), token());
    assert_eq!(demo.samples().value(SESSIONS), 2.0);
}

#[test]
fn a_login_that_fails_is_no_session() {
    let demo = Demo::start();
    for (user, password) in [("ada", "byron"), ("ada", ""), ("ada", "hopper"), ("charles", "lovelace"), ("", "")] {
        let answer = demo.login(user, password);
        assert_problem(&answer, 401, "wrong user or password");
        assert_eq!(answer.cookie, None);
    }
    for json in ["", "{", "[]", r#"{"user": "ada"}"#] {
        let answer = demo.client.post_json("/login", json);
        assert_eq!(answer.status, 400, "{json}: {answer:?}");
        assert_eq!(answer.content_type, "application/problem+json");
    }
    assert_problem(&demo.client.post("/login"), 415, "send JSON, with `Content-Type: application/json`");
    let samples = demo.samples();
    assert_eq!(samples.count(SESSIONS), 0.0);
    assert_eq!(samples.value("sessions_open"), 0.0);
}

#[test]
fn a_logout_without_a_session_is_refused() {
    let demo = Demo::start();
    let refused = "no session is open; log in first";
    assert_problem(&demo.client.post("/logout"), 401, refused);
    let foreign = demo.client.post_with_cookie("/logout", "session=0123456789abcdef");
    assert_problem(&foreign, 401, refused);
}

#[test]
fn an_unknown_item_is_a_404() {
    let demo = Demo::start();
    let items = demo.client.get("/items").json();
    let items = items.as_array().expect("a list");
    assert!(!items.is_empty());
    for item in items {
        let answer = demo.client.get(&format!("/items/{}", item["id"]));
        assert_eq!((answer.status, &answer.json()), (200, item));
    }
    for id in ["0", "6", "-1", "99999999999999999999", "abacus"] {
        let detail = format!("there is no item `{id}`; GET /items lists them");
        assert_problem(&demo.client.get(&format!("/items/{id}")), 404, &detail);
    }
    let nothing = "there is nothing here; GET / lists what there is";
    assert_problem(&demo.client.get("/item"), 404, nothing);
}

#[test]
fn a_report_is_timed_once() {
    let demo = Demo::start();
    let cookie = demo.cookie("ada", "lovelace");
    let report = demo.client.post_with_cookie("/reports", &cookie);
    assert_eq!(report.status, 200, "{report:?}");
    assert!(report.json()["stock_cents"].as_u64() > Some(0), "{report:?}");
    let samples = demo.samples();
    assert_eq!(samples.value(REPORTS), 1.0);
    assert_eq!(samples.value(r#"report_latency_seconds_bucket{report="stock",le="+Inf"}"#), 1.0);
    let seconds = samples.value(r#"report_latency_seconds_sum{report="stock"}"#);
    assert!(seconds > 0.0, "real work takes time, not {seconds} s");
    assert_eq!(samples.value("reports_running"), 0.0);
}

#[test]
fn the_list_at_the_root_names_what_answers() {
    let demo = Demo::start();
    let list = demo.client.get("/").body;
    for line in list.lines() {
        let mut words = line.split_whitespace();
        let (method, url) = (words.next().expect("a method"), words.next().expect("a URL"));
        let path = url.strip_prefix(demo.url.as_str()).expect("a URL of this server");
        if path == "/monitoring/test-panic" {
            // Whose handler panics gets no answer.
            continue;
        }
        let answer = demo.client.send(method, path, &[], None);
        assert_ne!(answer.status, 404, "{line}");
    }
    assert!(list.lines().count() >= 7, "{list}");
}

#[test]
fn clients_side_by_side_are_counted_exactly() {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 25;
    let demo = Demo::start();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let cookie = demo.login("edsger", "dijkstra").cookie;
                    let cookie = cookie.expect("a session cookie");
                    assert_eq!(demo.login("edsger", "goto").status, 401);
                    assert_eq!(demo.client.post_with_cookie("/logout", &cookie).status, 204);
                }
                let cookie = demo.cookie("edsger", "dijkstra");
                assert_eq!(demo.client.post_with_cookie("/reports", &cookie).status, 200);
                assert_eq!(demo.client.post_with_cookie("/logout", &cookie).status, 204);
            });
        }
    });
    let samples = demo.samples();
    assert_eq!(samples.value(SESSIONS), (CLIENTS * (ROUNDS + 1)) as f64);
    assert_eq!(samples.value(REPORTS), CLIENTS as f64);
    assert_eq!(samples.value("sessions_open"), 0.0);
    assert_eq!(samples.value("reports_running"), 0.0);
}
