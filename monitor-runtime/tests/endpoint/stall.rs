//! What scrapes cost the requests beside them.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use monitor_runtime::actix::scrape;
use monitor_runtime::{metrics, sample_value};

use crate::support::{Answer, Gate, Server, send};

metrics! {
    /// A counter at its limit
    counter FULL_COUNTER = "stall_requests_total" { endpoint: &'static str, number: u32 } growth 10000;
    /// A histogram at its limit
    histogram FULL_HISTOGRAM = "stall_latency_seconds" { endpoint: &'static str, number: u32 } growth 10000;
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

/// G11: no request waits for more than 2 ms because of a scrape of families at their default limits. The server has
/// one thread; what is judged is that thread's processor time between two turns of a task that is always ready, so
/// that other programs on the machine do not come into it. What a client sees is printed beside it.
#[test]
fn requests_do_not_wait_for_scrapes_of_full_families() {
    for number in 0..3_000 {
        let endpoint = "/api/v1/things/{id}";
        FULL_COUNTER.with(FULL_COUNTER { endpoint, number }).inc();
        FULL_HISTOGRAM.with(FULL_HISTOGRAM { endpoint, number }).observe(0.01);
    }
    let series = sample_value("monitor_series", &[("family", "stall_latency_seconds")]);
    assert_eq!(series, Some(2001.0), "full, and what is beyond");
    let server = Server::start(1, || scrape("/metrics"));
    let quiet = beside(&server, None);
    println!("beside no scrape: {quiet:.0?}");
    for (what, header) in [("gzipped", "Accept-Encoding: gzip"), ("plain", "Accept: text/plain")] {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let scraping = scope.spawn(|| {
                let (mut scrapes, mut bytes, start) = (0u32, 0, Instant::now());
                while !over.load(Relaxed) || scrapes < 10 {
                    let page = server.get(&[header]);
                    assert_eq!(page.status, 200);
                    (scrapes, bytes) = (scrapes + 1, page.body.len());
                }
                (scrapes, bytes, start.elapsed() / scrapes)
            });
            let waits = beside(&server, Some(&over));
            let (scrapes, bytes, each) = scraping.join().expect("no panic");
            println!("beside {scrapes} scrapes, {bytes} bytes {what}, {each:.1?} each: {waits:.0?}");
            // Without optimization everything is slower.
            let most = Duration::from_millis(if cfg!(debug_assertions) { 5 } else { 2 });
            assert!(waits.thread_busy < most, "{what}: {waits:?}");
        });
    }
}

#[derive(Debug)]
struct Waits {
    #[expect(dead_code, reason = "it is printed")]
    median: Duration,
    #[expect(dead_code, reason = "it is printed")]
    p99: Duration,
    #[expect(dead_code, reason = "it is printed")]
    longest: Duration,
    /// The most processor time between two turns of a task of the server's thread.
    thread_busy: Duration,
}

/// How long requests take on a connection that is there already, and how long the server's thread is busy at once.
fn beside(server: &Server, over: Option<&AtomicBool>) -> Waits {
    const PINGS: usize = 5_000;
    let mut turns = server.connect();
    send(&mut turns, &["GET /turns HTTP/1.1"]);
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
    let busy = Answer::read(&mut turns);
    if let Some(over) = over {
        over.store(true, Relaxed);
    }
    let nanoseconds = busy.text().parse().expect("a number");
    Waits {
        median: waits[PINGS / 2],
        p99: waits[PINGS * 99 / 100],
        longest: waits[PINGS - 1],
        thread_busy: Duration::from_nanos(nanoseconds),
    }
}
