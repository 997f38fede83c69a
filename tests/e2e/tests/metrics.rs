//! Where the page of metrics is, who may see it, and what it costs the service to be asked for it.

use std::net::{Ipv4Addr, TcpListener};

use crate::support::{Client, Demo, OPENMETRICS, Prometheus, Samples, eventually, program};

const TOKEN: &str = "6XKqLJ0zTxV2";
const BEARER: (&str, &str) = ("Authorization", "Bearer 6XKqLJ0zTxV2");

#[test]
fn with_an_address_of_its_own_the_page_is_there_and_nowhere_else() {
    let mut demo = Demo::start_by(program().args(["--port", "0", "--metrics-addr", "127.0.0.1:0"]));
    assert_eq!(demo.login("ada", "lovelace").status, 200);
    assert_eq!(demo.client.get("/metrics").status, 404);
    let listed = demo.client.get("/").body;

    let url = demo.metrics_url();
    assert_ne!(url, demo.url);
    assert!(listed.contains(&format!(" {url}/metrics ")), "{listed}");
    let metrics = Client::of(&url);
    let page = Samples::of(&metrics.get("/metrics").body);
    assert_eq!(page.value(r#"user_sessions_total{auth_method="password"}"#), 1.0);
    assert_eq!(metrics.get("/healthz").body, "ok\n");
    assert_eq!(metrics.get("/login").status, 404);

    let (status, _, complaint) = demo.stop_by("TERM");
    assert_eq!((status.code(), complaint.as_str()), (Some(0), ""));
}

#[test]
fn a_token_shuts_the_page_and_nothing_else() {
    let mut command = program();
    let demo = Demo::start_by(command.args(["--port", "0"]).env("DEMO_METRICS_TOKEN", TOKEN));
    for header in [("Accept", "*/*"), ("Authorization", "Bearer 6XKqLJ0zTxV"), ("Authorization", "Basic eA==")] {
        assert_eq!(demo.client.get_with("/metrics", header).status, 401, "{header:?}");
    }
    assert_eq!(demo.client.get_with("/metrics", BEARER).status, 200);
    assert_eq!(demo.client.get("/items").status, 200);
    let page = Samples::of(&demo.client.get_with("/metrics", BEARER).body);
    assert_eq!(page.value(r#"monitor_scrapes_total{result="denied"}"#), 3.0);
}

#[test]
fn a_taken_address_is_one_line_that_says_which() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = program().args(["--port", "0", "--metrics-addr", &address]).output().expect("the demo should start");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).expect("text");
    assert!(error.starts_with(&format!("demo-app: metrics on {address}: ")), "{error}");
    assert!(error.ends_with("; choose another address with --metrics-addr or DEMO_METRICS_ADDR\n"), "{error}");
}

#[test]
fn the_service_says_that_it_lives_and_that_it_is_ready() {
    let demo = Demo::start();
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = demo.client.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
    }
}

#[test]
fn prometheus_scrapes_with_a_token_and_gzip() {
    let mut command = program();
    let mut demo =
        Demo::start_by(command.args(["--port", "0", "--metrics-addr", "0"]).env("DEMO_METRICS_TOKEN", TOKEN));
    assert_eq!(demo.login("ada", "lovelace").status, 200);
    let url = demo.metrics_url();
    let prometheus = Prometheus::scraping_with_token(&url, TOKEN);
    let jobs = |admitted: f64, refused: f64| vec![("admitted".to_owned(), admitted), ("refused".to_owned(), refused)];
    eventually(|| match prometheus.query("up")? {
        up if up == jobs(1.0, 0.0) => Ok(()),
        up => Err(format!("{up:?}")),
    });
    eventually(|| match prometheus.query("user_sessions_total")? {
        sessions if sessions == [("admitted".to_owned(), 1.0)] => Ok(()),
        sessions => Err(format!("{sessions:?}")),
    });

    // What Prometheus accepts, it gets: the page is smaller on the wire than what is read.
    let header = ("Accept-Encoding", "gzip");
    let metrics = Client::of(&url);
    assert_eq!(metrics.get_with("/metrics", header).status, 401);
    let scrapes = Samples::of(&metrics.get_with("/metrics", BEARER).body);
    assert!(scrapes.value(r#"monitor_scrapes_total{result="ok"}"#) >= 1.0);
    assert!(scrapes.value(r#"monitor_scrapes_total{result="denied"}"#) >= 1.0);
    assert_eq!(scrapes.count(r#"monitor_scrapes_total{result="failed"}"#), 0.0);
}

#[test]
fn the_page_tells_how_full_the_families_are() {
    let demo = Demo::start();
    assert_eq!(demo.login("ada", "lovelace").status, 200);
    for accept in ["text/plain", OPENMETRICS] {
        let page = Samples::of(&demo.client.get_accepting("/metrics", accept).body);
        assert_eq!(page.value(r#"monitor_series{family="user_sessions_total"}"#), 1.0, "{accept}");
        assert_eq!(page.value(r#"monitor_series_limit{family="user_sessions_total"}"#), 2000.0, "{accept}");
        assert_eq!(page.value(r#"monitor_overflowed_total{family="user_sessions_total"}"#), 0.0, "{accept}");
    }
}
