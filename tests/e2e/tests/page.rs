//! The page: what stands on it, in which format, and who can read it.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::thread;

use actix_web::rt::System;
use monitor_runtime::prometheus::{IntCounterVec, register_int_counter_vec};

use crate::support::{Client, Demo, OPENMETRICS, Samples, TEXT, parse_both, promtool_check_metrics};

const TEXT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The demo with something in every family.
fn used_demo() -> Demo {
    let demo = Demo::start();
    let cookie = demo.cookie("ada", "lovelace");
    assert_eq!(demo.login("ada", "wrong").status, 401);
    assert_eq!(demo.client.post_with_cookie("/reports", &cookie).status, 200);
    // Of a sampled trace, which becomes an exemplar.
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(demo.client.get_with("/items", ("traceparent", traceparent)).status, 200);
    demo
}

#[test]
fn what_is_declared_is_on_the_page_before_its_first_use() {
    let demo = Demo::start();
    let page = demo.client.get("/metrics").body;
    for line in [
        "# HELP user_sessions_total Total number of user sessions",
        "# TYPE user_sessions_total counter",
        "# HELP report_latency_seconds Time to make a report, in seconds",
        "# TYPE report_latency_seconds histogram",
        "# HELP sessions_open Sessions open now",
        "# TYPE sessions_open gauge",
        "sessions_open 0",
        "reports_running 0",
    ] {
        assert!(page.lines().any(|found| found == line), "`{line}` is not in:\n{page}");
    }
}

#[test]
fn the_process_collector_is_on_the_page() {
    let samples = Demo::start().samples();
    assert!(samples.value("process_open_fds") > 0.0);
    assert!(samples.value("process_resident_memory_bytes") > 0.0);
    assert!(samples.value("process_start_time_seconds") > 0.0);
}

#[test]
fn the_accept_header_chooses_the_format() {
    let demo = used_demo();
    for accept in [TEXT, "text/plain", "*/*"] {
        let answer = demo.client.get_accepting("/metrics", accept);
        assert_eq!((answer.status, answer.content_type.as_str()), (200, TEXT_TYPE), "{accept}");
        assert!(!answer.body.contains("# EOF"), "{accept}");
    }
    // What Prometheus 2.42 sends, and its reverse.
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let reverse = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4";
    for (accept, content_type) in
        [(OPENMETRICS, OPENMETRICS_TYPE), (prometheus, OPENMETRICS_TYPE), (reverse, TEXT_TYPE)]
    {
        let answer = demo.client.get_accepting("/metrics", accept);
        assert_eq!((answer.status, answer.content_type.as_str()), (200, content_type), "{accept}");
        let ends = answer.body.ends_with("\n# EOF\n");
        assert_eq!(ends, content_type == OPENMETRICS_TYPE, "{accept}");
    }
}

#[test]
fn an_accept_header_that_makes_no_sense_gets_the_text_format() {
    let demo = used_demo();
    for accept in [
        "",
        ",",
        ";;;",
        "image/png",
        "application/json;q=0.9",
        "text/plain;q=banana",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;version=99.0.0",
    ] {
        let answer = demo.client.get_accepting("/metrics", accept);
        assert_eq!((answer.status, answer.content_type.as_str()), (200, TEXT_TYPE), "{accept:?}");
        assert_eq!(
            Samples::of(&answer.body).value(r#"user_sessions_total{auth_method="password"}"#),
            1.0,
            "{accept:?}"
        );
    }
}

#[test]
fn promtool_has_nothing_to_say() {
    let (content, complaints) = promtool_check_metrics(&used_demo().client.get("/metrics").body);
    assert!(content, "{complaints}");
    assert_eq!(complaints, "");
}

#[test]
fn promtool_complains_about_a_page_that_it_should_not_pass() {
    let (content, complaints) = promtool_check_metrics("# TYPE logins counter\nlogins 1\n");
    assert!(!content);
    assert!(complaints.contains("logins"), "{complaints}");
}

#[test]
fn both_parsers_of_python_agree_sample_by_sample() {
    let demo = used_demo();
    let page = |accept: &str| {
        let page = demo.client.get_accepting("/metrics", accept).body;
        // The process goes on between two scrapes: its own collector may differ, and the scrapes are counted.
        let line_of_ours = |line: &&str| {
            !["process_", "monitor_scrape"].iter().any(|own| line.contains(&format!(" {own}")) || line.starts_with(own))
        };
        page.lines().filter(line_of_ours).map(|line| format!("{line}\n")).collect::<String>()
    };
    let (text, openmetrics) = (page(TEXT), page(OPENMETRICS));
    let exemplar = r##" # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} "##;
    assert!(openmetrics.contains(exemplar) && !text.contains(exemplar), "{openmetrics}");
    parse_both(&text, &openmetrics).unwrap_or_else(|error| panic!("{error}\n{text}\n{openmetrics}"));

    // One sample more in one of them is seen.
    let more = text.replace("sessions_open 1\n", "sessions_open 2\n");
    assert_ne!(more, text);
    parse_both(&more, &openmetrics).expect_err("a page that differs");
}

#[test]
fn both_parsers_of_python_read_every_line() {
    let demo = used_demo();
    let page = |accept: &str| demo.client.get_accepting("/metrics", accept).body;
    let (text, openmetrics) = (page(TEXT), page(OPENMETRICS));
    // What the process used and how it was scraped may differ between the two; that a page is not read may not be.
    if let Err(error) = parse_both(&text, &openmetrics) {
        assert!(!error.contains("does not parse"), "{error}\n{text}\n{openmetrics}");
        let own = |line: &str| line.starts_with("('process_") || line.starts_with("('monitor_scrape");
        assert!(error.lines().all(own), "{error}");
    }
    // A page that is cut short is not read.
    let cut = openmetrics.replace("# EOF\n", "");
    let error = parse_both(&text, &cut).expect_err("no end");
    assert!(error.contains("does not parse"), "{error}");
}

#[test]
fn collectors_of_the_users_own_stand_on_the_same_page() {
    let own: IntCounterVec =
        register_int_counter_vec!("own_jobs_total", "Jobs of the user's own counter", &["kind"]).expect("a free name");
    own.with_label_values(&["night"]).inc_by(3);

    // The service in this process, on the default registry, where the counter above is.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        System::new().block_on(async {
            let server = demo_app::serve(listener, std::future::pending()).await.map_err(io::Error::other)?;
            let handle = server.handle();
            thread::spawn(move || {
                // Told to, or left alone by a test that failed.
                let _ = stopped.recv();
                drop(handle.stop(true));
            });
            server.await
        })
    });
    let client = Client::of(&format!("http://{address}"));
    let form = r#"{"user": "ada", "password": "lovelace"}"#;
    let cookie = client.post_json("/login", form).cookie.expect("a session cookie");
    assert_eq!(client.post_with_cookie("/reports", &cookie).status, 200);
    for accept in [TEXT, OPENMETRICS] {
        let page = client.get_accepting("/metrics", accept).body;
        let samples = Samples::of(&page);
        assert_eq!(samples.value(r#"own_jobs_total{kind="night"}"#), 3.0);
        assert_eq!(samples.value(r#"user_sessions_total{auth_method="password"}"#), 1.0);
        assert!(samples.value("process_open_fds") > 0.0);
    }
    // And the ecosystem's own way to gather sees ours.
    let families = monitor_runtime::prometheus::gather();
    for name in ["own_jobs_total", "user_sessions_total", "report_latency_seconds"] {
        assert!(families.iter().any(|family| family.name() == name), "{name}");
    }
    drop(stop);
    server.join().expect("no panic").expect("a clean end");
}
