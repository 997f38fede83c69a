//! Credits over HTTP: what is paid for, what is refused, who may grant, and what is left after a kill at any moment.

use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Client, Demo, Raw, eventually, program};

struct Account<'a> {
    client: &'a Client,
    cookie: String,
}

impl Account<'_> {
    fn of<'a>(demo: &'a Demo, user: &str) -> Account<'a> {
        Account { client: &demo.client, cookie: demo.sign_up(user) }
    }

    fn post(&self, path: &str, json: Option<Value>) -> Answer {
        self.client.send("POST", path, &[("Cookie", &self.cookie)], json.as_ref())
    }

    fn statement(&self) -> Value {
        let answer = self.client.get_with("/credits", ("Cookie", &self.cookie));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Available and held.
    fn balance(&self) -> (i64, i64) {
        let statement = self.statement();
        let number = |name: &str| statement[name].as_i64().expect("a number");
        (number("available"), number("held"))
    }
}

fn used(operation: &str, demo: &Demo) -> f64 {
    let series = demo.samples();
    let of_it = |(labels, value): (&str, f64)| labels.contains(&format!(r#"operation="{operation}""#)).then_some(value);
    series.named("credit_usage_total").into_iter().filter_map(of_it).sum()
}

#[test]
fn whoever_signs_up_has_100_credits_and_a_report_costs_5() {
    let demo = Demo::start();
    let alan = Account::of(&demo, "alan");
    assert_eq!(alan.balance(), (100, 0));
    let report = alan.post("/reports", None);
    assert_eq!(report.status, 200, "{report:?}");
    assert_eq!(report.header("x-credits-used"), Some("5"));
    assert_eq!(report.header("x-credits-remaining"), Some("95"));
    assert_eq!(alan.balance(), (95, 0));
    assert_eq!(used("report", &demo), 5.0);

    let kinds: Vec<String> = alan.statement()["history"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| format!("{} {}", line["kind"].as_str().expect("a kind"), line["available"]))
        .collect();
    assert_eq!(kinds, ["capture 0", "hold -5", "grant 100"]);
    // Once more in, and nothing more is granted.
    demo.cookie("alan", crate::support::PASSWORD);
    assert_eq!(alan.balance(), (95, 0));
}

#[test]
fn nobody_works_for_nothing() {
    let demo = Demo::start();
    for path in ["/reports", "/reports/flaky"] {
        assert_eq!(demo.client.post(path).status, 401, "{path}");
    }
    let alan = Account::of(&demo, "alan");
    let all = alan.post("/forecasts", Some(json!({ "years": 49 })));
    assert_eq!((all.status, all.header("x-credits-used")), (200, Some("98")), "{all:?}");
    let refused = alan.post("/reports", None);
    assert_eq!((refused.status, refused.content_type.as_str()), (402, "application/problem+json"));
    let problem = refused.json();
    assert_eq!((&problem["required"], &problem["available"]), (&json!(5), &json!(2)), "{problem}");
    assert_eq!(problem["operation"], "report");
    assert_eq!(alan.balance(), (2, 0));

    let topped_up = alan.post("/credits/top-up", Some(json!({ "amount": 50 })));
    assert_eq!((topped_up.status, &topped_up.json()["available"]), (200, &json!(52)));
    assert_eq!(alan.post("/reports", None).status, 200);
    for amount in [json!(0), json!(-5), json!(1_001), json!(i64::MAX), json!(9_999)] {
        assert_eq!(alan.post("/credits/top-up", Some(json!({ "amount": amount }))).status, 422, "{amount}");
    }
    for amount in [json!(1.5), json!("50"), json!(u64::MAX)] {
        assert_eq!(alan.post("/credits/top-up", Some(json!({ "amount": amount }))).status, 400, "{amount}");
    }
    assert_eq!(alan.balance(), (47, 0));
}

#[test]
fn what_fails_or_is_impossible_costs_nothing() {
    let demo = Demo::start();
    let alan = Account::of(&demo, "alan");
    let (mut made, mut failed) = (0, 0);
    // It fails one time of four.
    while failed < 2 {
        match alan.post("/reports/flaky", None).status {
            200 => made += 1,
            500 => failed += 1,
            other => panic!("{other}"),
        }
        // Giving back is not waited for.
        eventually(|| match alan.balance() {
            balance if balance == (100 - 2 * made, 0) => Ok(()),
            balance => Err(format!("{balance:?} after {made} reports")),
        });
    }
    assert_eq!(used("flaky_report", &demo), 2.0 * made as f64);
    for years in [json!(0), json!(51)] {
        assert_eq!(alan.post("/forecasts", Some(json!({ "years": years }))).status, 422);
    }
    assert_eq!(alan.balance(), (100 - 2 * made, 0));
}

#[test]
fn the_same_key_is_paid_once() {
    let demo = Demo::start();
    let alan = Account::of(&demo, "alan");
    let send = || {
        let headers = [("Cookie", alan.cookie.as_str()), ("Idempotency-Key", "order-7")];
        demo.client.send("POST", "/reports", &headers, None).status
    };
    assert_eq!([send(), send()], [200, 409]);
    assert_eq!(alan.balance(), (95, 0));
}

#[test]
fn the_admin_alone_grants() {
    let demo = Demo::start_by(program().args(["--port", "0"]).env("DEMO_ADMIN_TOKEN", "6XKqLJ0zTxV2"));
    let alan = Account::of(&demo, "alan");
    let grant = |token: &str, json: Value| {
        demo.client.send("POST", "/admin/grants", &[("Authorization", token)], Some(&json)).status
    };
    let thousand = json!({ "user": "alan", "amount": 1_000, "key": "of-may" });
    for token in ["Bearer 6XKqLJ0zTxV", "Bearer ", "Basic 6XKqLJ0zTxV2"] {
        assert_eq!(grant(token, thousand.clone()), 401, "{token}");
    }
    for _ in 0..2 {
        assert_eq!(grant("Bearer 6XKqLJ0zTxV2", thousand.clone()), 200, "the same key grants once");
    }
    assert_eq!(grant("Bearer 6XKqLJ0zTxV2", json!({ "user": "alonzo", "amount": 1 })), 404);
    assert_eq!(grant("Bearer 6XKqLJ0zTxV2", json!({ "user": "alan", "amount": -1 })), 422);
    assert_eq!(alan.balance(), (1_100, 0));
    let verify = |token: &str| demo.client.send("POST", "/admin/verify", &[("Authorization", token)], None);
    assert_eq!(verify("Bearer 6XKqLJ0zTxV").status, 401);
    let verified = verify("Bearer 6XKqLJ0zTxV2").json();
    assert_eq!((&verified["entries"], &verified["violations"]), (&json!(2), &json!([])), "{verified}");
    let without = Demo::start();
    let answer = without.client.send("POST", "/admin/grants", &[("Authorization", "Bearer x")], Some(&thousand));
    assert_eq!(answer.status, 401, "without a token nobody is the admin");
}

/// Rounds of kill -9, each in the middle of paid work; more by this variable.
const ROUNDS: &str = "DEMO_KILL_ROUNDS";

#[test]
fn killed_at_any_moment_it_has_the_right_balance_and_no_hold_after_a_restart() {
    let rounds = env::var(ROUNDS).map_or(3, |rounds| rounds.parse().expect("a number of rounds"));
    let data = tempfile::tempdir().expect("a directory");
    let start = || {
        let mut command = program();
        let command = command.args(["--port", "0"]).env("DEMO_DATA_DIR", data.path());
        Demo::start_by(command.env("DEMO_ADMIN_TOKEN", "6XKqLJ0zTxV2"))
    };
    let demo = start();
    let cookie = demo.sign_up("alan");
    let many = json!({ "user": "alan", "amount": 1_000_000 });
    let admin = [("Authorization", "Bearer 6XKqLJ0zTxV2")];
    assert_eq!(demo.client.send("POST", "/admin/grants", &admin, Some(&many)).status, 200);
    let (mut paid_at_least, mut asked) = (0, 0);
    let mut demo = Some(demo);
    for round in 0..rounds {
        let running = demo.take().unwrap_or_else(start);
        let (answered, sent, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut connection = Raw::to(&running.url);
                    let request = format!("POST /reports HTTP/1.1\r\nHost: demo\r\nCookie: {cookie}\r\n\r\n");
                    while !over.load(SeqCst) {
                        sent.fetch_add(1, SeqCst);
                        if connection.send(request.as_bytes()).is_err() {
                            break;
                        }
                        match connection.answer(false) {
                            Ok(200) => answered.fetch_add(1, SeqCst),
                            Ok(other) => panic!("{other}"),
                            Err(_) => break,
                        };
                    }
                });
            }
            // Not at the same moment of the work in each round.
            eventually(|| match answered.load(SeqCst) {
                n if n >= 5 + round % 7 => Ok(()),
                n => Err(format!("{n} answers")),
            });
            running.kill_now();
            over.store(true, SeqCst);
        });
        drop(running);
        paid_at_least += 5 * answered.load(SeqCst) as i64;
        asked += 5 * sent.load(SeqCst) as i64;

        let again = start();
        let alan = Account { client: &again.client, cookie: cookie.clone() };
        let (available, held) = alan.balance();
        assert_eq!(held, 0, "no hold hangs");
        let verified = again.client.send("POST", "/admin/verify", &admin, None).json();
        assert_eq!(verified["violations"], json!([]), "{verified}");
        let paid = 1_000_100 - available;
        assert!((paid_at_least..=asked).contains(&paid), "{paid} paid: at least {paid_at_least}, at most {asked}");
        assert_eq!(paid % 5, 0);
        // What was paid and not answered is known now, and stays.
        (paid_at_least, asked) = (paid, paid);
        demo = Some(again);
    }
    println!("{rounds} rounds, {} credits paid", paid_at_least);
}

#[test]
fn a_stop_in_the_middle_of_paid_work_finishes_it() {
    let data = tempfile::tempdir().expect("a directory");
    let start = || Demo::start_by(program().args(["--port", "0"]).env("DEMO_DATA_DIR", data.path()));
    let demo = start();
    let cookie = demo.sign_up("alan");
    let url = demo.url.clone();
    let mut connection = Raw::to(&url);
    let request = format!("POST /reports HTTP/1.1\r\nHost: demo\r\nCookie: {cookie}\r\n\r\n");
    connection.send(request.as_bytes()).expect("the server reads");
    eventually(|| match demo.samples().value("api_requests_in_flight") {
        // The report may be done before anybody looks.
        _ if demo.samples().count(r#"api_requests_total{endpoint="/reports",method="POST",status="200"}"#) == 1.0 => {
            Ok(())
        }
        1.0 => Ok(()),
        other => Err(format!("{other} in flight")),
    });
    let began = Instant::now();
    let (status, _, complaint) = demo.stop_by("TERM");
    assert_eq!((status.code(), complaint.as_str()), (Some(0), ""));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(connection.answer(false).expect("an answer"), 200);
    let again = start();
    assert_eq!(Account { client: &again.client, cookie }.balance(), (95, 0));
}
