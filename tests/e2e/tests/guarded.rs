//! Clients that cannot harm the others, and pages of other sites that cannot act for a user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use crate::service::assert_problem;
use crate::support::{Client, Demo, PASSWORD, Raw, eventually, program};

fn session(demo: &Demo, header: (&str, &str)) -> Value {
    demo.client.get_with("/session", header).json()["user"].clone()
}

/// A token of this user: its id and itself.
fn token(demo: &Demo, cookie: &str) -> (i64, String) {
    let answer = demo.client.send("POST", "/tokens", &[("Cookie", cookie)], None);
    assert_eq!(answer.status, 201, "{answer:?}");
    let answer = answer.json();
    (answer["id"].as_i64().expect("an id"), format!("Bearer {}", answer["token"].as_str().expect("a token")))
}

#[test]
fn many_sign_ins_of_one_user_sign_no_other_user_out() {
    let demo = Demo::start();
    let ada = demo.cookie("ada", "lovelace");
    let eve = demo.sign_up("eve");
    let (_, bearer) = token(&demo, &eve);
    let mut cookies = vec![eve];
    let mut held_back = 0;
    for _ in 0..60 {
        let answer = demo.client.send("POST", "/login/token", &[("Authorization", &bearer)], None);
        match answer.status {
            200 => cookies.push(answer.cookie.expect("a cookie")),
            429 => held_back += 1,
            other => panic!("{other}"),
        }
    }
    assert!(held_back > 20, "{held_back} sign-ins by token were held back");
    let open = cookies.iter().filter(|cookie| session(&demo, ("Cookie", cookie)) == "eve").count();
    assert_eq!(open, 20, "of one user");
    assert!(session(&demo, ("Cookie", &cookies[0])).is_null(), "the oldest goes");
    assert_eq!(session(&demo, ("Cookie", &ada)), "ada");
    assert_eq!(demo.samples().value("sessions_open"), 21.0);
    // Who has no token is held back too, by the address.
    let statuses = (0..400).map(|_| demo.client.post("/login/token").status);
    assert!(statuses.into_iter().any(|status| status == 429));
    assert_eq!(session(&demo, ("Authorization", &bearer)), "eve", "a token in a session's place goes on working");
}

#[test]
fn tokens_are_listed_and_revoked_and_a_user_can_sign_out_everywhere() {
    let demo = Demo::start();
    let (ada, grace) = (demo.cookie("ada", "lovelace"), demo.cookie("grace", "hopper"));
    let ((one, first), (other, second)) = (token(&demo, &ada), token(&demo, &ada));
    let (_, of_grace) = token(&demo, &grace);
    let list = |cookie: &str| demo.client.get_with("/tokens", ("Cookie", cookie)).json();
    let listed = list(&ada);
    let ids: Vec<i64> = listed.as_array().expect("a list").iter().filter_map(|token| token["id"].as_i64()).collect();
    assert_eq!(ids, [one, other]);
    assert!(listed[0]["issued_at"].as_i64().is_some_and(|at| at > 1_700_000_000), "{listed}");
    assert!(!listed.to_string().contains(&first[20..]), "a token is told once: {listed}");
    assert_eq!(demo.client.get("/tokens").status, 401);

    let revoke = |path: &str, cookie: &str| demo.client.send("DELETE", path, &[("Cookie", cookie)], None);
    let path = format!("/tokens/{one}");
    assert_problem(&revoke(&path, &grace), 404, "you have no such token; GET /tokens lists them");
    assert_eq!(session(&demo, ("Authorization", &first)), "ada");
    assert_eq!(revoke(&path, &ada).status, 204);
    assert!(session(&demo, ("Authorization", &first)).is_null());
    assert_eq!(revoke(&path, &ada).status, 404);
    assert_eq!(revoke("/tokens/x", &ada).status, 404);
    assert_eq!(session(&demo, ("Authorization", &second)), "ada");
    assert_eq!(revoke("/tokens", &ada).status, 204);
    assert!(session(&demo, ("Authorization", &second)).is_null());
    assert_eq!(list(&ada), json!([]));
    assert_eq!(session(&demo, ("Authorization", &of_grace)), "grace");

    let elsewhere = demo.cookie("ada", "lovelace");
    assert_eq!(revoke("/sessions", &ada).status, 204);
    for cookie in [&ada, &elsewhere] {
        assert!(session(&demo, ("Cookie", cookie)).is_null());
    }
    assert_eq!(session(&demo, ("Cookie", &grace)), "grace");
    assert_eq!(demo.samples().value("sessions_open"), 1.0);
    assert_eq!(demo.client.send("DELETE", "/sessions", &[], None).status, 401);
}

#[test]
fn a_page_of_another_site_changes_nothing_and_programs_go_on() {
    let demo = Demo::start();
    let cookie = demo.cookie("ada", "lovelace");
    let here = demo.url.clone();
    let (_, bearer) = token(&demo, &cookie);
    let other_site = "a page of another site asks for this; open it on this service's own page";
    for evil in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for (method, path) in [
            ("POST", "/reports"),
            ("POST", "/tokens"),
            ("POST", "/logout"),
            ("DELETE", "/sessions"),
            ("DELETE", "/tokens"),
            ("DELETE", "/monitoring/faults"),
            ("POST", "/login"),
            ("POST", "/signup"),
        ] {
            let answer = demo.client.send(method, path, &[("Cookie", &cookie), evil], None);
            assert_problem(&answer, 403, other_site);
        }
        // What changes nothing may be read, where the browser lets a page read the answer.
        assert_eq!(demo.client.get_with("/items", evil).status, 200);
        // A token is sent by who has it.
        let answer = demo.client.send("POST", "/reports", &[("Authorization", &bearer), evil], None);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(session(&demo, ("Cookie", &cookie)), "ada");
    for fine in [Some(("Origin", here.as_str())), Some(("Sec-Fetch-Site", "same-origin")), None] {
        let headers: Vec<(&str, &str)> = [("Cookie", cookie.as_str())].into_iter().chain(fine).collect();
        let answer = demo.client.send("POST", "/credits/top-up", &headers, Some(&json!({ "amount": 1 })));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[test]
fn top_ups_at_a_time_do_not_exceed_the_bound() {
    let demo = Demo::start();
    top_ups_keep_the_bound(&[&demo]);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn several_instances_keep_the_bounds_of_a_user_as_one() {
    let postgres = servers::Postgres::start();
    let database = postgres.database();
    let start = || {
        let mut command = program();
        command.args(["--port", "0"]).env("DEMO_DATABASE_URL", &database);
        Demo::start_by(command.env("DEMO_SESSION_KEY", "0123456789abcdef0123456789abcdef"))
    };
    let (one, other) = (start(), start());
    top_ups_keep_the_bound(&[&one, &other]);

    // A user's sessions are one number, too.
    let ada = one.cookie("ada", "lovelace");
    let cookies: Vec<String> = (0..21).map(|n| [&one, &other][n % 2].cookie("grace", "hopper")).collect();
    let open = cookies.iter().filter(|cookie| session(&one, ("Cookie", cookie)) == "grace").count();
    assert_eq!(open, 20);
    assert!(session(&other, ("Cookie", &cookies[0])).is_null(), "the oldest goes");
    assert_eq!(other.client.send("DELETE", "/sessions", &[("Cookie", &cookies[20])], None).status, 204);
    assert!(session(&one, ("Cookie", &cookies[1])).is_null());
    assert_eq!(session(&other, ("Cookie", &ada)), "ada");
    let (id, bearer) = token(&one, &ada);
    assert_eq!(other.client.send("DELETE", &format!("/tokens/{id}"), &[("Cookie", &ada)], None).status, 204);
    assert!(session(&one, ("Authorization", &bearer)).is_null());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn a_database_of_the_first_version_is_brought_up_to_date_with_its_sessions() {
    let postgres = servers::Postgres::start();
    let database = postgres.database();
    let start = || {
        let mut command = program();
        command.args(["--port", "0"]).env("DEMO_DATABASE_URL", &database);
        Demo::start_by(command.env("DEMO_SESSION_KEY", "0123456789abcdef0123456789abcdef"))
    };
    let demo = start();
    let (cookie, other) = (demo.cookie("ada", "lovelace"), demo.cookie("ada", "lovelace"));
    let (_, bearer) = token(&demo, &cookie);
    drop(demo);
    // As the first version had it.
    postgres.sql(
        &database,
        "DROP INDEX demo_sessions_of_a_user; ALTER TABLE demo_sessions DROP COLUMN name;
         ALTER TABLE demo_tokens DROP COLUMN issued_s; UPDATE demo_schema SET version = 1;",
    );
    let demo = start();
    for header in [("Cookie", cookie.as_str()), ("Cookie", &other), ("Authorization", &bearer)] {
        assert_eq!(session(&demo, header), "ada");
    }
    assert_eq!(demo.client.send("DELETE", "/sessions", &[("Cookie", &cookie)], None).status, 204);
    assert!(session(&demo, ("Cookie", &other)).is_null(), "its user was found in its state");
}

/// 100 credits at the start, and 9,900 at most by top-ups of 1,000 and of 900.
fn top_ups_keep_the_bound(demos: &[&Demo]) {
    let cookie = demos[0].sign_up("alan");
    let top_up = |demo: &Demo, amount: i64| {
        let form = json!({ "amount": amount });
        demo.client.send("POST", "/credits/top-up", &[("Cookie", &cookie)], Some(&form)).status
    };
    let granted: i64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let demo = demos[n % demos.len()];
                let top_up = &top_up;
                scope.spawn(move || {
                    let mut granted = 0;
                    for _ in 0..4 {
                        match top_up(demo, 1_000) {
                            200 => granted += 1_000,
                            // Too much, or too many at a time.
                            422 | 503 => {}
                            other => panic!("{other}"),
                        }
                    }
                    granted
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    let balance = |demo: &Demo| demo.client.get_with("/credits", ("Cookie", &cookie)).json()["available"].as_i64();
    assert!((1_000..=9_000).contains(&granted), "{granted}");
    for demo in demos {
        assert_eq!(balance(demo), Some(100 + granted));
    }
    while top_up(demos[0], 1_000) == 200 {}
    assert_eq!(top_up(demos[0], 900), 200);
    assert_eq!(top_up(demos[0], 1), 422);
    assert_eq!(balance(demos[0]), Some(10_000));
}

#[test]
fn slow_bodies_neither_take_the_metrics_away_nor_last() {
    // Few descriptors, so that few clients could take them all.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 160; exec \"$0\" \"$@\""]).arg(program().get_program());
    command.args(["--port", "0", "--metrics-addr", "0", "--log", "off"]);
    let mut demo = Demo::start_by(&mut command);
    let metrics = Client::of(&demo.metrics_url());
    let half = b"POST /login HTTP/1.1\r\nHost: demo\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let mut slow: Vec<Raw> = (0..200)
        .map(|_| {
            let mut connection = Raw::to(&demo.url);
            connection.send(half).expect("the system reads");
            connection
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(metrics.get("/metrics").status, 200, "beside 200 slow bodies");
    }
    // The first is answered when its time is over, and so is each whose turn comes.
    assert_eq!(slow[0].answer(false).expect("an answer"), 408);
    assert!(String::from_utf8_lossy(&slow[0].body).contains("the body did not arrive in time"));
    drop(slow);
    assert_eq!(demo.client.get("/items").status, 200);
}

#[test]
fn many_feeds_from_one_address_do_not_lock_the_operator_out() {
    let demo = Demo::start();
    // From 127.0.0.2, which is this machine too.
    let mut crowd: Vec<Raw> = (0..32)
        .map(|_| {
            let mut connection = Raw::from([127, 0, 0, 2], &demo.url);
            connection.send(b"GET /monitor/feed HTTP/1.1\r\nHost: demo\r\n\r\n").expect("the server reads");
            connection.byte().expect("an answer");
            connection
        })
        .collect();
    let mut operator = Raw::to(&demo.url);
    operator.send(b"GET /monitor/feed HTTP/1.1\r\nHost: demo\r\n\r\n").expect("the server reads");
    let status: Vec<u8> = (0..12).map(|_| operator.byte().expect("an answer")).collect();
    assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 200");
    crowd.truncate(1);
}

#[test]
fn behind_a_trusted_proxy_users_are_told_apart_and_without_one_the_header_is_nothing() {
    let guess = |demo: &Demo, from: &str| {
        let form = json!({ "user": "ada", "password": "a-wrong-guess" });
        demo.client.send("POST", "/login", &[("X-Forwarded-For", from)], Some(&form)).status
    };
    let guessed_out = |demo: &Demo, from: &str| (0..30).any(|_| guess(demo, from) == 429);
    let behind = Demo::start_by(program().args(["--port", "0", "--trusted-proxy", "127.0.0.0/8"]));
    assert!(guessed_out(&behind, "198.51.100.1, 203.0.113.1"), "the last that the proxy names");
    assert_eq!(guess(&behind, "203.0.113.1"), 429);
    assert_eq!(guess(&behind, "198.51.100.1, 203.0.113.2"), 401, "another client");
    let alone = Demo::start();
    assert!(
        (0..30).any(|n| guess(&alone, &format!("203.0.113.{n}")) == 429),
        "a header opens no new account of guesses"
    );
}

#[test]
fn files_are_for_their_owner_alone_in_a_directory_that_was_there_before() {
    let data = tempfile::tempdir().expect("a directory");
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o755)).expect("set");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 022; exec \"$0\" \"$@\""]).arg(program().get_program()).args(["--port", "0"]);
    let demo = Demo::start_by(command.env("DEMO_DATA_DIR", data.path()).env("DEMO_LOG", "off"));
    demo.sign_up("alan");
    let check = || {
        let mut names = Vec::new();
        for file in fs::read_dir(data.path()).expect("files") {
            let file = file.expect("a file");
            let mode = file.metadata().expect("a file").permissions().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{:?} is {mode:o}", file.file_name());
            names.push(file.file_name().to_string_lossy().into_owned());
        }
        names
    };
    let names = check();
    for name in ["users.db", "users.db-wal", "users.db-shm", "credits.db", "session.key"] {
        assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
    }
    assert!(demo.stop_by("TERM").0.success());
    check();
}

#[test]
fn an_address_that_others_reach_without_a_token_is_warned_of() {
    let start = |arguments: &[&str]| {
        let demo = Demo::start_by(program().args(["--port", "0", "--log", "off"]).args(arguments));
        demo.stop_by("TERM").2
    };
    let warning = start(&["--host", "0.0.0.0"]);
    assert!(warning.contains("WARNING") && warning.contains("DEMO_METRICS_TOKEN"), "{warning}");
    assert!(start(&["--metrics-addr", "0.0.0.0:0"]).contains("WARNING"));
    for quiet in [
        &["--host", "0.0.0.0", "--metrics-token", "s3cret"][..],
        &["--host", "0.0.0.0", "--metrics-addr", "0"],
        &["--host", "127.0.0.1"],
    ] {
        assert_eq!(start(quiet), "", "{quiet:?}");
    }
}

#[test]
fn head_is_answered_as_get_without_the_body() {
    let demo = Demo::start();
    let cookie = demo.cookie("ada", "lovelace");
    let list = demo.client.get("/").body;
    let gets: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("GET")?.split_whitespace().next()?.strip_prefix(&demo.url))
        .collect();
    assert!(gets.len() >= 14, "{list}");
    for path in gets.into_iter().filter(|path| !path.ends_with("test-panic")).chain(["/front/page.js", "/nothing"]) {
        let ask = |method: &str| {
            let mut connection = Raw::to(&demo.url);
            let request = format!("{method} {path} HTTP/1.1\r\nHost: demo\r\nCookie: {cookie}\r\n\r\n");
            connection.send(request.as_bytes()).expect("the server reads");
            let status = connection.answer(method == "HEAD").expect("an answer");
            let kind = connection.head.lines().find(|line| line.starts_with("content-type")).map(str::to_owned);
            (status, kind, connection)
        };
        // Numbers are there after the first reading.
        let (status, kind, _) = eventually(|| match ask("GET") {
            (503, ..) => Err(path.to_owned()),
            answer => Ok(answer),
        });
        let (to_head, kind_of_head, mut connection) = ask("HEAD");
        assert_eq!((to_head, kind_of_head), (status, kind), "{path}");
        // Nothing follows the head: the next answer begins at once.
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: demo\r\n\r\n").expect("the server reads");
        assert_eq!((connection.answer(false).expect("an answer"), &connection.body[..]), (200, &b"ok\n"[..]), "{path}");
    }
}

#[test]
fn what_shows_the_numbers_keeps_other_sites_away() {
    let demo = Demo::start_by(program().args(["--port", "0", "--metrics-token", "s3cret"]));
    let wanted = [
        "cache-control",
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "cross-origin-resource-policy",
        "cross-origin-opener-policy",
    ];
    for path in ["/monitor", "/monitoring/api-metrics", "/monitoring/anomalies"] {
        for (header, method) in [
            (("Authorization", "Bearer s3cret"), "GET"),
            (("Accept", "*/*"), "GET"),
            (("Authorization", "Bearer s3cret"), "POST"),
        ] {
            let answer = demo.client.send(method, path, &[header], None);
            for name in wanted {
                assert!(answer.header(name).is_some(), "{name} of {method} {path}: {answer:?}");
            }
        }
    }
}

#[test]
fn the_bound_on_sessions_locks_no_user_out() {
    let demo = Demo::start();
    let first = demo.sign_up("alan");
    for _ in 0..25 {
        assert_eq!(demo.login("alan", PASSWORD).status, 200);
    }
    assert!(session(&demo, ("Cookie", &first)).is_null());
    assert_eq!(session(&demo, ("Cookie", &demo.cookie("alan", PASSWORD))), "alan");
}
