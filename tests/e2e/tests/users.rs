//! Who may come in: signing up, in by password and by token, and out; what a restart keeps, and what is kept of secrets.

use std::fs::{self, File};
use std::path::Path;

use serde_json::json;

use crate::service::assert_problem;
use crate::support::{Answer, Demo, PASSWORD, Samples, eventually, program};

fn session(demo: &Demo, header: (&str, &str)) -> serde_json::Value {
    let answer = demo.client.get_with("/session", header);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["user"].clone()
}

fn sign_up(demo: &Demo, user: &str, password: &str) -> Answer {
    demo.client.send("POST", "/signup", &[], Some(&json!({ "user": user, "password": password })))
}

fn token(demo: &Demo, cookie: &str) -> String {
    let answer = demo.client.send("POST", "/tokens", &[("Cookie", cookie)], None);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["token"].as_str().expect("a token").to_owned()
}

#[test]
fn whoever_signs_up_can_sign_in_and_out() {
    let demo = Demo::start();
    assert_eq!(sign_up(&demo, "alan", PASSWORD).status, 201);
    assert_eq!(demo.samples().count(r#"user_sessions_total{auth_method="password"}"#), 0.0, "nobody is in yet");
    assert_problem(&sign_up(&demo, "alan", "another-password"), 409, "this name is taken");
    assert_problem(&demo.login("alan", "another-password"), 401, "wrong user or password");
    let cookie = demo.cookie("alan", PASSWORD);
    assert_eq!(session(&demo, ("Cookie", &cookie)), "alan");
    assert_eq!(demo.client.post_with_cookie("/logout", &cookie).status, 204);
    assert!(session(&demo, ("Cookie", &cookie)).is_null(), "the cookie is worth nothing any more");
}

#[test]
fn a_sign_up_that_nobody_should_have_is_refused() {
    let demo = Demo::start();
    for user in ["", "Ada", "a b", "../etc", "ada\n", &"x".repeat(1_000_000)] {
        assert_eq!(sign_up(&demo, user, PASSWORD).status, 422, "{}", &user[..user.len().min(20)]);
    }
    for password in ["", "short", &"x".repeat(1_000_000)] {
        assert_eq!(sign_up(&demo, "alan", password).status, 422);
    }
    let spilt = demo.client.post_json("/signup", r#"{"user": "alan", "password": ["my-secret-word"]}"#);
    assert_eq!(spilt.status, 400);
    assert!(!spilt.body.contains("my-secret-word"), "{}", spilt.body);
}

#[test]
fn the_cookie_is_for_this_site_alone_and_for_no_script() {
    let demo = Demo::start();
    let set = |answer: Answer| answer.header("set-cookie").expect("a cookie").to_owned();
    let plain = set(demo.login("ada", "lovelace"));
    assert!(plain.contains("HttpOnly") && plain.contains("SameSite=Lax") && plain.contains("Path=/"), "{plain}");
    assert!(!plain.contains("Secure"), "{plain}");
    let secure = Demo::start_by(program().args(["--port", "0", "--secure-cookies"]));
    let secure = set(secure.login("ada", "lovelace"));
    assert!(secure.contains("Secure"), "{secure}");
}

#[test]
fn a_token_is_its_user_with_a_session_and_without() {
    let demo = Demo::start();
    assert_problem(
        &demo.client.post("/tokens"),
        401,
        "sign in first: POST /login, or send a token as `Authorization: Bearer ..`",
    );
    let token = token(&demo, &demo.cookie("ada", "lovelace"));
    let bearer = format!("Bearer {token}");
    assert_eq!(session(&demo, ("Authorization", &bearer)), "ada");

    let answer = demo.client.send("POST", "/login/token", &[("Authorization", &bearer)], None);
    assert_eq!(answer.status, 200, "{answer:?}");
    let cookie = answer.cookie.expect("a session cookie");
    assert_eq!(session(&demo, ("Cookie", &cookie)), "ada");
    let samples = demo.samples();
    assert_eq!(samples.value(r#"user_sessions_total{auth_method="token"}"#), 1.0);
    assert_eq!(samples.value(r#"user_sessions_total{auth_method="password"}"#), 1.0);
    assert_eq!(samples.value("sessions_open"), 2.0);

    let wrong = format!("Bearer demo_{}", "0".repeat(64));
    assert!(session(&demo, ("Authorization", &wrong)).is_null());
    for header in [("Authorization", wrong.as_str()), ("Authorization", "Basic eA=="), ("Accept", "*/*")] {
        assert_eq!(demo.client.send("POST", "/login/token", &[header], None).status, 401, "{header:?}");
    }
    assert_eq!(demo.samples().value(r#"user_sessions_total{auth_method="token"}"#), 1.0);
}

#[test]
fn whoever_guesses_is_told_to_wait() {
    let demo = Demo::start();
    sign_up(&demo, "alan", PASSWORD);
    let waits = (0..30).map(|_| demo.login("alan", "a-wrong-guess")).find(|answer| answer.status == 429);
    let wait = waits.expect("an end to guessing");
    let seconds: u64 = wait.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=15).contains(&seconds), "{seconds}");
    assert_eq!(demo.login("alan", PASSWORD).status, 429, "not even the right one is told now");
    assert_eq!(demo.login("ada", "lovelace").status, 200, "others are not held up");
}

#[test]
fn a_restart_keeps_users_sessions_and_tokens() {
    let data = tempfile::tempdir().expect("a directory");
    let start = || Demo::start_by(program().args(["--port", "0"]).env("DEMO_DATA_DIR", data.path()));
    let demo = start();
    let cookie = demo.sign_up("alan");
    let bearer = format!("Bearer {}", token(&demo, &cookie));
    demo.kill();

    let demo = start();
    assert_eq!(session(&demo, ("Cookie", &cookie)), "alan");
    assert_eq!(session(&demo, ("Authorization", &bearer)), "alan");
    assert_eq!(demo.samples().value("sessions_open"), 1.0);
    assert_problem(&sign_up(&demo, "alan", PASSWORD), 409, "this name is taken");

    // Two at a time would keep two truths.
    let output = program().args(["--port", "0"]).env("DEMO_DATA_DIR", data.path()).output().expect("it should start");
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains(" is in use by another demo-app; ") && error.lines().count() == 1, "{error}");
}

#[test]
fn who_is_here_and_what_they_do_is_on_the_page_and_there_again_after_a_restart() {
    let data = tempfile::tempdir().expect("a directory");
    let start = || Demo::start_by(program().args(["--port", "0"]).env("DEMO_DATA_DIR", data.path()));
    let active = |samples: &Samples| {
        ["1m", "5m", "15m", "1h", "1d"].map(|span| samples.value(&format!(r#"active_users{{timeframe="{span}"}}"#)))
    };
    let demo = start();
    let samples = demo.samples();
    assert_eq!(active(&samples), [0.0; 5]);
    assert_eq!(samples.value(r#"active_users_structure{structure="exact"}"#), 1.0);
    assert_eq!(samples.value(r#"active_users_scope{scope="process"}"#), 1.0);
    assert_eq!(samples.value("active_users_relative_error"), 0.0);

    // Nobody is here who was not let in.
    assert_eq!(demo.login("ada", "byron").status, 401);
    assert_eq!(demo.client.send("POST", "/login/token", &[("Authorization", "Bearer demo_0")], None).status, 401);
    let samples = demo.samples();
    assert_eq!(active(&samples), [0.0; 5]);
    assert_eq!(samples.value(r#"user_sign_in_failures_total{auth_method="password"}"#), 1.0);
    assert_eq!(samples.value(r#"user_sign_in_failures_total{auth_method="token"}"#), 1.0);

    let alan = demo.sign_up("alan");
    let ada = demo.cookie("ada", "lovelace");
    let bearer = format!("Bearer {}", token(&demo, &ada));
    let samples = demo.samples();
    // Not the shorter ones: a machine may be slow.
    assert_eq!(active(&samples)[2..], [2.0; 3]);
    assert_eq!(samples.value("user_sessions_open"), 2.0);
    assert_eq!(samples.value(r#"user_sessions_total{auth_method="password"}"#), 2.0);
    assert_eq!(samples.value(r#"user_events_total{event="sign_up"}"#), 1.0);
    assert_eq!(samples.value(r#"user_event_users{event="sign_up",timeframe="1d"}"#), 1.0);

    assert_eq!(demo.client.post_with_cookie("/logout", &alan).status, 204);
    let samples = demo.samples();
    assert_eq!(samples.value("user_sign_outs_total"), 1.0);
    assert_eq!(samples.value(r#"user_sessions_ended_total{reason="closed"}"#), 1.0);
    assert_eq!(samples.value("user_session_seconds_count"), 1.0);
    assert_eq!(samples.value("user_sessions_open"), 1.0);
    assert_eq!(active(&samples)[4], 2.0, "who signed out was here all the same");

    assert!(demo.stop_by("TERM").0.success());
    let demo = start();
    let samples = demo.samples();
    assert_eq!((active(&samples)[4], samples.value("user_sessions_open")), (2.0, 1.0));
    // A token is its user without a session, too: ada was here already, grace was not.
    assert_eq!(session(&demo, ("Authorization", &bearer)), "ada");
    assert_eq!(active(&demo.samples())[4], 2.0);
    let grace = format!("Bearer {}", token(&demo, &demo.cookie("grace", "hopper")));
    assert_eq!(session(&demo, ("Authorization", &grace)), "grace");
    assert_eq!(active(&demo.samples())[4], 3.0);
}

#[test]
fn what_cannot_be_read_at_the_start_is_one_line_that_says_which_file() {
    let data = tempfile::tempdir().expect("a directory");
    let start = || {
        let output = program().args(["--port", "0"]).env("DEMO_DATA_DIR", data.path()).output();
        let output = output.expect("it should start");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    for (file, content, wrong) in
        [("users.db", "no database ".repeat(100), "file is not a database"), ("session.key", "x".into(), "64 bytes")]
    {
        fs::write(data.path().join(file), content).expect("written");
        let error = start();
        assert!(error.contains(file) && error.contains(wrong) && error.lines().count() == 1, "{error}");
        fs::remove_file(data.path().join(file)).expect("removed");
    }
}

#[test]
fn no_secret_is_in_a_log_or_on_the_disk() {
    let data = tempfile::tempdir().expect("a directory");
    let log = data.path().join("log");
    let mut command = program();
    command.args(["--port", "0", "--log", "trace"]).env("DEMO_DATA_DIR", data.path().join("data"));
    let demo = Demo::start_into(&mut command, File::create(&log).expect("a log"));
    let cookie = demo.sign_up("alan");
    let token = token(&demo, &cookie);
    let guess = "this-is-what-I-typed-by-mistake";
    assert_eq!(demo.login("alan", guess).status, 401);
    assert_eq!(demo.login(guess, PASSWORD).status, 401);
    let login = demo.client.send("POST", "/login/token", &[("Authorization", &format!("Bearer {token}"))], None);
    let other_cookie = login.cookie.expect("a session cookie");
    let spilt = demo.client.post_json("/login", &format!(r#"{{"user": "alan", "password": ["{PASSWORD}"]}}"#));
    assert_eq!(spilt.status, 400);
    // The log has a thread of its own: what it wrote so far is enough once it wrote of the last request.
    demo.client.post_json("/login", "\"the last\"");
    eventually(|| match fs::read_to_string(&log).map_err(|error| error.to_string())? {
        lines if lines.len() > 1_000 => Ok(()),
        lines => Err(lines),
    });
    let (status, printed, _) = demo.stop_by("TERM");
    assert!(status.success());

    let secrets = [PASSWORD, guess, "lovelace", &token, cookie.split_once('=').expect("a value").1, &other_cookie[8..]];
    let mut places = vec![("what it printed".to_owned(), printed.into_bytes())];
    let mut read = |path: &Path| places.push((path.display().to_string(), fs::read(path).expect("a file")));
    read(&log);
    for file in fs::read_dir(data.path().join("data")).expect("files") {
        read(&file.expect("a file").path());
    }
    assert!(places.iter().any(|(name, content)| name.ends_with("users.db") && !content.is_empty()), "{places:?}");
    for (place, content) in &places {
        for secret in secrets {
            let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            // The list of routes shows how ada signs in.
            let of_the_manual = secret == "lovelace" && place == "what it printed";
            assert!(!found || of_the_manual, "{secret} is in {place}");
        }
    }
}
