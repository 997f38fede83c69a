//! Several instances of the demo on one PostgreSQL and one Redis: one truth about users, sessions, credits and who is
//! here, also when an instance is killed in the middle of paid work.

use serde_json::json;

use crate::support::{Demo, Raw, eventually, program};

const SESSION_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn start(postgres: &str, redis: &str) -> Demo {
    let mut command = program();
    command.args(["--port", "0", "--log", "off"]).env("DEMO_SESSION_KEY", SESSION_KEY);
    Demo::start_by(command.env("DEMO_DATABASE_URL", postgres).env("DEMO_REDIS_URL", redis))
}

fn balance(demo: &Demo, cookie: &str) -> (i64, i64) {
    let statement = demo.client.get_with("/credits", ("Cookie", cookie)).json();
    let number = |name: &str| statement[name].as_i64().expect("a number");
    (number("available"), number("held"))
}

#[test]
#[ignore = "needs PostgreSQL and Redis: tests/run runs it"]
fn two_instances_have_one_truth_and_survive_the_end_of_one() {
    let (postgres, redis) = (servers::Postgres::start(), servers::Redis::start());
    let database = postgres.database();
    let (one, other) = (start(&database, &redis.url()), start(&database, &redis.url()));

    let cookie = one.sign_up("alan");
    assert_eq!(one.client.post_with_cookie("/reports", &cookie).status, 200);
    assert_eq!(balance(&other, &cookie), (95, 0), "the session and the credits are there too");
    assert_eq!(other.client.post_with_cookie("/reports", &cookie).status, 200);
    assert_eq!(balance(&one, &cookie), (90, 0));
    other.cookie("ada", "lovelace");
    let active = r#"active_users{timeframe="5m"}"#;
    for demo in [&one, &other] {
        eventually(|| match demo.samples().count(active) {
            2.0 => Ok(()),
            other => Err(format!("{other} active users")),
        });
    }

    // Killed as it holds: the other instance frees it when its time is over.
    let topped_up = json!({ "amount": 100 });
    let answer = one.client.send("POST", "/credits/top-up", &[("Cookie", &cookie)], Some(&topped_up));
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut connections: Vec<Raw> = (0..8).map(|_| Raw::to(&one.url)).collect();
    for connection in &mut connections {
        let request = format!("POST /reports HTTP/1.1\r\nHost: demo\r\nCookie: {cookie}\r\n\r\n");
        connection.send(request.as_bytes()).expect("the server reads");
    }
    eventually(|| match balance(&other, &cookie) {
        (_, held) if held > 0 => Ok(()),
        (available, _) if available < 190 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    one.kill();
    eventually(|| match balance(&other, &cookie) {
        (available, 0) if available % 5 == 0 && (150..=190).contains(&available) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}
