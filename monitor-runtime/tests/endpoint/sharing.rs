//! Many scrapes at a time: one page for all, a bound on them, and nobody waits for ever.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use monitor_runtime::actix::scrape;
use monitor_runtime::prometheus::Registry;
use monitor_runtime::{Guarded, metrics, sample_value};
use socket2::SockRef;

use crate::support::{Answer, Gate, Server, large_registry, registry_of, send};

const IN_TIME: &str = "X-Prometheus-Scrape-Timeout-Seconds: 60";
const AT_ONCE: &str = "X-Prometheus-Scrape-Timeout-Seconds: 0.05";

fn serve(workers: usize, in_flight: usize, registry: &Registry) -> Server {
    let registry = registry.clone();
    Server::start(workers, move || scrape("/metrics").registry(registry.clone()).scrapes_in_flight(in_flight))
}

fn ask(server: &Server, headers: &[&str]) -> TcpStream {
    let mut stream = server.connect();
    send(&mut stream, &[&["GET /metrics HTTP/1.1"], headers].concat());
    stream
}

/// The page that the collector of a [`Gate`] gives when it is asked for the `n`th time.
fn nth_page(n: usize) -> String {
    format!("# HELP gate How often it was asked\n# TYPE gate gauge\ngate {n}\n")
}

#[test]
fn scrapes_that_come_together_share_a_page() {
    let (gate, registry) = Gate::closed();
    let server = serve(2, 8, &registry);
    let mut first = ask(&server, &[IN_TIME]);
    gate.is_asked(1);
    let others: Vec<TcpStream> = (0..5).map(|_| ask(&server, &[IN_TIME])).collect();
    // When these two, which came later, have been answered on the server's two threads, those have been heard.
    assert_eq!(server.get(&[AT_ONCE]).status, 503);
    assert_eq!(server.get(&[AT_ONCE]).status, 503);
    gate.open();
    assert_eq!(Answer::read(&mut first).text(), nth_page(1));
    let pages: Vec<String> = others.into_iter().map(|mut other| Answer::read(&mut other).text().to_owned()).collect();
    // They came after the first had been begun: what is in that may have changed. One may have been heard only after the
    // gate opened; then it has a page of its own.
    assert!(pages.iter().filter(|page| **page == nth_page(2)).count() >= 3, "{pages:?}");
    assert!(!pages.contains(&nth_page(1)), "{pages:?}");
}

#[test]
fn a_scrape_that_comes_later_has_a_page_of_its_own() {
    let (gate, registry) = Gate::closed();
    gate.open();
    let server = serve(2, 8, &registry);
    for n in 1..=10 {
        assert_eq!(server.get(&[]).text(), nth_page(n));
    }
}

#[test]
fn a_page_that_is_not_ready_in_time_is_503_and_the_next_scrape_gets_it() {
    let (gate, registry) = Gate::closed();
    let server = serve(1, 8, &registry);
    for _ in 0..20 {
        let answer = server.get(&[AT_ONCE]);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{answer:?}");
        assert_eq!(answer.text(), "the page was not ready in time\n");
    }
    assert_eq!(gate.asked(), 1, "all waited for one page");
    let mut next = ask(&server, &[IN_TIME]);
    assert_eq!(server.get(&[AT_ONCE]).status, 503);
    gate.open();
    let page = Answer::read(&mut next).text().to_owned();
    assert!(page == nth_page(1) || page == nth_page(2), "{page}");
}

#[test]
fn who_comes_beyond_the_bound_waits_for_a_turn_and_then_is_told() {
    let (gate, registry) = Gate::closed();
    let server = serve(2, 1, &registry);
    let mut first = ask(&server, &[IN_TIME]);
    gate.is_asked(1);
    let answer = server.get(&[AT_ONCE]);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{answer:?}");
    assert_eq!(answer.text(), "too many scrapes in flight\n");
    // One who has the patience gets its turn.
    let mut second = ask(&server, &[IN_TIME]);
    gate.open();
    assert_eq!(Answer::read(&mut first).status, 200);
    assert_eq!(Answer::read(&mut second).status, 200);
}

#[test]
fn a_scraper_that_left_leaves_its_place() {
    let (gate, registry) = Gate::closed();
    let server = serve(1, 1, &registry);
    for _ in 0..3 {
        ask(&server, &[IN_TIME]).shutdown(Shutdown::Both).expect("a connection");
    }
    gate.is_asked(1);
    gate.open();
    assert_eq!(server.get(&[IN_TIME]).status, 200);
}

#[test]
fn a_collector_that_panics_is_left_out_and_counted() {
    use monitor_runtime::prometheus::core::{Collector, Desc};
    use monitor_runtime::prometheus::proto::MetricFamily;
    struct Panics(Desc, AtomicUsize);
    impl Collector for Panics {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.0]
        }
        fn collect(&self) -> Vec<MetricFamily> {
            assert!(self.1.fetch_add(1, Relaxed) >= 2, "a panic of the test's own");
            Vec::new()
        }
    }
    // Without the backtrace of a panic on purpose: to find its names takes longer than a scraper waits.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some("a panic of the test's own") {
            hook(info);
        }
    }));
    let registry = registry_of(1);
    let ours = OURS.in_registry(&registry).expect("another name");
    ours.inc();
    let desc = Desc::new("panics".to_owned(), "Panics".to_owned(), vec![], Default::default()).expect("a name");
    registry.register(Box::new(Panics(desc, AtomicUsize::new(0)))).expect("a fresh registry");
    let server = serve(1, 1, &registry);
    let count =
        || sample_value("monitor_instrumentation_errors_total", &[("kind", "collector_panicked")]).unwrap_or(0.0);
    let before = count();
    let answer = server.get(&[]);
    assert_eq!(answer.status, 200);
    // Whose panic it was a registry does not tell, so what others gave is lost with it.
    assert!(answer.text().contains("sharing_ours_total 1"), "{answer:?}");
    assert_eq!(server.get(&["Accept-Encoding: gzip"]).status, 200);
    // Another test may count some too.
    assert!(count() - before >= 2.0);
    let answer = server.get(&[]);
    assert!(answer.text().contains("size{number=\"0\"} 1"), "{answer:?}");
    assert_eq!(answer.text().matches("sharing_ours_total 1").count(), 1, "{answer:?}");
}

metrics! {
    /// A family of ours beside a collector that panics
    counter OURS = "sharing_ours_total";
}

#[test]
fn a_guarded_collector_that_panics_takes_nothing_else_with_it() {
    use monitor_runtime::prometheus::core::{Collector, Desc};
    use monitor_runtime::prometheus::proto::MetricFamily;
    struct Panics(Desc);
    impl Collector for Panics {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.0]
        }
        fn collect(&self) -> Vec<MetricFamily> {
            std::panic::panic_any(7_u8)
        }
    }
    let registry = registry_of(1);
    let desc = Desc::new("guarded".to_owned(), "Panics".to_owned(), vec![], Default::default()).expect("a name");
    registry.register(Box::new(Guarded::new(Panics(desc)))).expect("a fresh registry");
    let server = serve(1, 1, &registry);
    for _ in 0..2 {
        let answer = server.get(&[]);
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("size{number=\"0\"} 1"), "{answer:?}");
    }
}

#[test]
fn a_thousand_scrapes_at_once_are_answered_by_few_pages() {
    const SCRAPES: usize = 1_000;
    let (gate, registry) = Gate::closed();
    let served = registry.clone();
    let server = Server::start(2, move || scrape("/metrics").registry(served.clone()));
    // They all stand before the server before it may answer the first.
    let scrapes: Vec<TcpStream> = (0..SCRAPES).map(|_| ask(&server, &[IN_TIME])).collect();
    gate.is_asked(1);
    assert_eq!(server.ask(&["GET /ping HTTP/1.1"]).status, 200);
    gate.open();
    for mut scrape in scrapes {
        assert_eq!(Answer::read(&mut scrape).status, 200);
    }
    println!("{SCRAPES} scrapes at once: {} pages were made", gate.asked());
    // Few may have come after the page was made for which the first waited.
    assert!(gate.asked() < SCRAPES / 20, "{} pages were made", gate.asked());
}

#[test]
fn readers_who_read_nothing_hold_no_other_scrape_up() {
    let registry = registry_of(20_000);
    let server = Server::start(1, move || scrape("/metrics").registry(registry.clone()));
    let slow_reader = || {
        let mut stream = server.connect();
        SockRef::from(&stream).set_recv_buffer_size(1).expect("a socket option");
        send(&mut stream, &["GET /metrics HTTP/1.1", IN_TIME]);
        stream
    };
    let mut longest = Duration::ZERO;
    let mut prompt_scrape = |slow: usize| {
        let start = Instant::now();
        let answer = server.get(&["X-Prometheus-Scrape-Timeout-Seconds: 10", "Accept-Encoding: gzip"]);
        assert_eq!(answer.status, 200, "beside {slow} who read nothing: {}", answer.text());
        longest = longest.max(start.elapsed());
    };
    let mut slow = Vec::new();
    // Each has a page of its own, more of them than are kept.
    for n in 0..12 {
        let mut reader = slow_reader();
        reader.read_exact(&mut [0]).expect("a first byte");
        slow.push(reader);
        prompt_scrape(n);
    }
    // These come all at once.
    slow.extend((0..300).map(|_| slow_reader()));
    for _ in 0..5 {
        prompt_scrape(slow.len());
    }
    println!("a prompt scraper waited {longest:.1?} at most beside {} who read nothing", slow.len());
    // They held what they could: the first has lost its page.
    let mut rest = Vec::new();
    let _ = slow[0].read_to_end(&mut rest);
    let whole = server.get(&[]).body.len();
    assert!(rest.len() < whole, "all {} bytes, headers too, of a page of {whole}", rest.len());
}

#[test]
fn slow_readers_and_half_sent_requests_are_in_nobodys_way() {
    let registry = large_registry();
    let server = serve(1, 4, &registry);
    let mut half = server.connect();
    half.write_all(b"GET /metrics HTTP/1.1\r\nHost: te").expect("half a request");
    let mut slow: Vec<TcpStream> = (0..3).map(|_| ask(&server, &[])).collect();
    let mut byte = [0];
    for reader in &mut slow {
        reader.read_exact(&mut byte).expect("a first byte");
    }
    let whole = server.get(&[]);
    assert_eq!((whole.status, whole.body.len()), (200, whole.length()));
    assert_eq!(server.ask(&["GET /ping HTTP/1.1"]).status, 200);
    // The slow ones get all of it in the end.
    for mut reader in slow {
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).expect("the rest");
        assert!(rest.ends_with(b"\"} 1\n") && rest.len() > whole.body.len(), "{} bytes", rest.len());
    }
}

#[test]
fn one_scraper_after_another_on_one_connection() {
    let server = serve(1, 1, &registry_of(1));
    let mut stream = server.connect();
    for _ in 0..100 {
        stream.write_all(b"HEAD /metrics HTTP/1.1\r\nHost: test\r\n\r\n").expect("a request");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a byte");
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", head.escape_ascii());
    }
    drop(stream);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(server.get(&[]).status, 200));
        }
    });
}
