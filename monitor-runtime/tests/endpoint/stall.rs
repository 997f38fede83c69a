//! What scrapes cost the requests beside them.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use monitor_runtime::actix::scrape;
use monitor_runtime::metrics;

use crate::support::{Answer, Gate, Server, send};

metrics! {
    /// A counter at its limit
    counter FULL_COUNTER = "stall_requests_total" { endpoint: &'static str, number: u32 };
    /// A histogram at its limit
    histogram FULL_HISTOGRAM = "stall_latency_seconds" { endpoint: &'static str, number: u32 };
}

#[test]
fn requests_are_answered_while_a_page_is_being_made() {
    let (gate, registry) = Gate::closed();
    let server = Server::start(1, move || scrape("/metrics").registry(registry.clone()));
    let mut waiting = server.connect();
    send(&mut waiting, &["GET /metrics HTTP/1.1"]);
    gate.is_asked(1);
    // The server has one thread, and it is not the one that waits at the gate.
    for _ in 0..100 {
        assert_eq!(server.ask(&["GET /ping HTTP/1.1"]).status, 200);
    }
    gate.open();
    assert_eq!(Answer::read(&mut waiting).status, 200);
}

/// Prints what a request waits while scrapers ask without a pause for families at their default limits. What it
/// asserts is generous: other work of the machine is in these figures too.
#[test]
fn requests_do_not_wait_for_scrapes_of_full_families() {
    for number in 0..3_000 {
        let endpoint = "/api/v1/things/{id}";
        FULL_COUNTER.with(FULL_COUNTER { endpoint, number }).inc();
        FULL_HISTOGRAM.with(FULL_HISTOGRAM { endpoint, number }).observe(0.01);
    }
    let server = Server::start(1, || scrape("/metrics"));
    let quiet = pings(&server);
    let mut figures = vec![("no scrape".to_owned(), quiet)];
    for (what, header) in [("gzip", "Accept-Encoding: gzip"), ("plain", "Accept: text/plain")] {
        let over = AtomicBool::new(false);
        let (waits, scrapes, bytes, took) = thread::scope(|scope| {
            let scraping = scope.spawn(|| {
                let (mut scrapes, mut bytes, start) = (0u32, 0, Instant::now());
                while !over.load(Relaxed) || scrapes == 0 {
                    let page = server.get(&[header]);
                    assert_eq!(page.status, 200);
                    (scrapes, bytes) = (scrapes + 1, page.body.len());
                }
                (scrapes, bytes, start.elapsed() / scrapes)
            });
            let waits = pings(&server);
            over.store(true, Relaxed);
            let (scrapes, bytes, took) = scraping.join().expect("no panic");
            (waits, scrapes, bytes, took)
        });
        figures.push((format!("{scrapes} scrapes of {bytes} bytes, {what}, {took:.1?} each"), waits));
    }
    for (what, waits) in &figures {
        println!(
            "request beside {what}: median {:.0?}, 99 of 100 within {:.0?}, the longest {:.0?}",
            waits.median, waits.p99, waits.longest
        );
        assert!(waits.median < Duration::from_millis(50), "{what}: {waits:?}");
        assert!(waits.longest < Duration::from_secs(2), "{what}: {waits:?}");
    }
}

#[derive(Debug)]
struct Waits {
    median: Duration,
    p99: Duration,
    longest: Duration,
}

/// How long requests take on a connection that is there already.
fn pings(server: &Server) -> Waits {
    const PINGS: usize = 5_000;
    let mut stream = server.connect();
    stream.set_nodelay(true).expect("a socket");
    let mut waits: Vec<Duration> = (0..PINGS)
        .map(|_| {
            let start = Instant::now();
            stream.write_all(b"GET /ping HTTP/1.1\r\nHost: test\r\n\r\n").expect("a request");
            let mut answer = Vec::new();
            let mut part = [0; 1024];
            while !answer.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut part).expect("an answer");
                assert!(read > 0, "the connection was closed");
                answer.extend_from_slice(&part[..read]);
            }
            start.elapsed()
        })
        .collect();
    waits.sort_unstable();
    Waits { median: waits[PINGS / 2], p99: waits[PINGS * 99 / 100], longest: waits[PINGS - 1] }
}
