//! Who gets the page, in which form.

use std::io::{Read, Write};

use flate2::read::GzDecoder;
use monitor_runtime::actix::scrape;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Answer, Server, registry_of};

fn guarded() -> Server {
    let registry = registry_of(3);
    Server::start(1, move || {
        scrape("/metrics").registry(registry.clone()).bearer_token("s3cret".parse().expect("a token"))
    })
}

fn open(series: u32) -> Server {
    let registry = registry_of(series);
    Server::start(1, move || scrape("/metrics").registry(registry.clone()))
}

#[test]
fn only_the_token_opens_and_a_refusal_does_not_say_why() {
    let server = guarded();
    let answer = server.get(&["Authorization: Bearer s3cret"]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text().contains("size{number=\"2\"} 1"), "{answer:?}");

    let refusals: Vec<Answer> = [
        &[][..],
        &["Authorization: Bearer s3cre"],
        &["Authorization: Bearer wrong"],
        &["Authorization: Basic czNjcmV0"],
        &["Authorization: "],
        &["Authorization: Bearer s3cret", "Authorization: Bearer s3cret"],
    ]
    .into_iter()
    .map(|headers| server.get(headers))
    .chain([server.ask(&["POST /metrics HTTP/1.1", "Content-Length: 0"])])
    .collect();
    for refusal in &refusals {
        assert_eq!(refusal.status, 401, "{refusal:?}");
        assert_eq!(refusal.header("www-authenticate"), Some("Bearer"));
        assert_eq!(refusal.header("cache-control"), Some("no-store"));
        assert_eq!(refusal.body, refusals[0].body, "no hint");
    }
}

#[test]
fn get_and_head_are_all_there_is() {
    let server = open(1);
    let page = server.get(&[]);
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(page.length(), page.body.len());

    let head = server.ask(&["HEAD /metrics HTTP/1.1"]);
    assert_eq!((head.status, head.length(), head.body.len()), (200, page.body.len(), 0), "{head:?}");
    assert_eq!(head.header("content-type"), page.header("content-type"));

    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let answer = server.ask(&[&format!("{method} /metrics HTTP/1.1"), "Content-Length: 0"]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn gzip_is_the_same_page() {
    let server = open(5_000);
    for accept in ["text/plain", "application/openmetrics-text"] {
        let accept = format!("Accept: {accept}");
        let plain = server.get(&[&accept]);
        assert_eq!(plain.header("content-encoding"), None);
        let zipped = server.get(&[&accept, "Accept-Encoding: gzip"]);
        assert_eq!(zipped.header("content-encoding"), Some("gzip"), "{accept}");
        assert_eq!(zipped.header("content-type"), plain.header("content-type"));
        assert_eq!(zipped.length(), zipped.body.len());
        assert!(zipped.body.len() * 5 < plain.body.len(), "{} of {}", zipped.body.len(), plain.body.len());
        let mut page = Vec::new();
        GzDecoder::new(&*zipped.body).read_to_end(&mut page).expect("a whole gzip stream");
        assert!(page == plain.body, "the pages differ");
    }
}

#[test]
fn no_accept_header_is_answered_with_anything_but_a_page() {
    let server = open(1);
    let any =
        "([a-z/*;,=q.\"\\\\ 0-9]|[\u{80}-\u{ff}]|application/openmetrics-text|text/plain|;q=|gzip|identity){0,40}";
    let mut runner = TestRunner::new(Config { cases: 500, failure_persistence: None, ..Config::default() });
    let stop = runner.run(&(any, any, "[ -~]{0,12}"), |(accept, encoding, timeout)| {
        let latin = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
        let request = [
            &b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAccept: "[..],
            &latin(&accept),
            b"\r\nAccept-Encoding: ",
            &latin(&encoding),
            b"\r\nX-Prometheus-Scrape-Timeout-Seconds: ",
            &latin(&timeout),
            b"\r\n\r\n",
        ]
        .concat();
        let mut stream = server.connect();
        stream.write_all(&request).expect("a request");
        let answer = Answer::read(&mut stream);
        // A number of a random text may be a time so short that no page is ready in it.
        let short = timeout.trim().parse::<f64>().is_ok_and(|seconds| seconds > 0.0 && seconds < 1.0);
        prop_assert!(answer.status == 200 || short && answer.status == 503, "{answer:?}");
        Ok(())
    });
    stop.unwrap_or_else(|error| panic!("{error}"));
}
