//! What comes from clients who mean no good, while a real Prometheus scrapes: memory and series stay where they are,
//! every request is counted once, and no scrape fails. The figures are printed.
//!
//! All kinds of the set are in every run; of random paths there are HOSTILE_PATHS. The whole set, two minutes:
//! `HOSTILE_PATHS=1000000 cargo test --release -p e2e --all-features hostile -- --nocapture`

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{Demo, OPENMETRICS, Prometheus, Raw, Samples, TEXT, eventually, program};

/// Random paths, unless HOSTILE_PATHS says how many: what an unoptimized demo answers in some seconds.
const PATHS: u64 = 100_000;
const METHODS: u64 = 100_000;
/// Scrapers who read a byte now and then, more than there are pages kept at a time.
const SLOW: usize = 12;
/// As many threads as flood at a time, and as many requests as each sends before it reads the answers.
const FLOODERS: u64 = 2;
const PIPELINED: u64 = 16;

const MEMORY_GROWTH_MAX_KIB: u64 = 64 * 1024;
/// How much longer a normal request may take beside the flood. Generous: two cores may have flooders, a Prometheus and
/// other tests to run beside the demo.
const P99_FACTOR_MAX: u32 = 50;
/// How long a thread waits for its turn where more want to run than can.
const TURN: Duration = Duration::from_millis(5);

/// Text that has ended labels, lines, strings or paths somewhere.
const ODD: [&[u8]; 18] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"\xff",
    b"\xc3\x28",
    b"\t",
    b"\x7f",
    b"{}",
    b"le=\"+Inf\"} 1",
    "\u{1f4a3}".as_bytes(),
    "\u{200f}\u{202e}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{85}".as_bytes(),
    b"# EOF",
    b"%",
];

#[test]
fn hostile_clients_neither_fill_the_page_nor_the_memory_nor_falsify_a_number() {
    let _alone = alone();
    let demo = Demo::start();
    let prometheus = Prometheus::scraping_in_two_rhythms(&demo.url, None);
    eventually(|| is_up(&prometheus));
    let began = Instant::now();

    let (mut tally, alone) = ask_normally(&demo.url, |asked| asked < 5_000);
    tally.add_all(ask_for_everything_once(&demo));
    let memory_before = demo.memory_kib().0;
    let lines_before = page(&demo).lines().count();

    // They stay: the first half of them until the floods are over, the others to the end.
    let mut half_sent: Vec<Raw> = (0..200).map(|_| half_a_head(&demo.url)).collect();
    let mut slow: Vec<Raw> = (0..SLOW).map(|_| many_scrapes_unread(&demo.url)).collect();

    let paths = env::var("HOSTILE_PATHS").map_or(PATHS, |paths| paths.parse().expect("a number"));
    let began_to_flood = Instant::now();
    let (paths, normal, beside) =
        beside_a_normal_client(&demo.url, &mut slow, || flood(&demo.url, |sent| sent < paths, random_path));
    println!("{} random paths in {:.1?}", paths.total(), began_to_flood.elapsed());
    tally.add_all(normal);
    tally.add_all(paths);

    let began_to_flood = Instant::now();
    let methods = flood(&demo.url, |sent| sent < METHODS, random_method);
    println!("{} random methods in {:.1?}", methods.total(), began_to_flood.elapsed());
    tally.add_all(methods);
    for connection in half_sent.drain(..100) {
        connection.reset();
    }

    tally.add_all(odd_requests(&demo.url));
    odd_scrapes(&demo.url);
    concurrent_scrapes(&demo.url);
    tally.add_all(resets(&demo));

    // What it comes to.
    let page = page(&demo);
    let samples = Samples::of(&page);
    let found = samples.named("api_requests_total");
    let found: BTreeMap<String, f64> = found.into_iter().map(|(labels, n)| (labels.to_owned(), n)).collect();
    assert_eq!(found, tally.samples(), "found and wanted");
    let timed: f64 = samples.named("api_request_latency_seconds_count").values().sum();
    assert_eq!(timed, tally.total() as f64);
    assert_eq!(samples.value("api_requests_in_flight"), 0.0);
    assert_eq!(samples.named("monitor_instrumentation_errors_total").values().sum::<f64>(), 0.0);
    series_stay_within_limits(&samples);
    println!("{} requests counted; a page of {} lines, {lines_before} before", tally.total(), page.lines().count());

    let (memory, peak) = demo.memory_kib();
    println!("{memory_before} KiB resident before, {memory} KiB after, {peak} KiB at most");
    assert!(peak - memory_before < MEMORY_GROWTH_MAX_KIB, "{memory_before} KiB before, {peak} KiB at most");

    let [median_alone, median_beside] = [&alone, &beside].map(|took| percentile(took, 50));
    let [p99_alone, p99_beside] = [&alone, &beside].map(|took| percentile(took, 99));
    println!("a normal request: median {median_alone:?} alone, {median_beside:?} beside the flood");
    println!("a normal request: p99 {p99_alone:?} alone, {p99_beside:?} beside the flood");
    assert!(p99_beside < p99_alone.max(TURN) * P99_FACTOR_MAX, "{p99_alone:?} alone, {p99_beside:?} beside the flood");

    eventually(|| match prometheus.query("sum by (job) (api_requests_total)")? {
        sums if sums.iter().all(|(_, sum)| *sum == tally.total() as f64) => Ok(()),
        sums => Err(format!("{sums:?}")),
    });
    was_up(&prometheus, began.elapsed());

    let (status, _, complaint) = demo.stop_by("TERM");
    assert_eq!((status.code(), complaint.as_str()), (Some(0), ""));
}

/// The tests of this file measure: they take turns. And they need more sockets than some systems allow unasked.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("as many as allowed");
    turn
}

/// How many requests were answered, by what the middleware should have made of each.
#[derive(Default)]
struct Tally(BTreeMap<Key, u64>);

/// Endpoint, method and status.
type Key = (&'static str, &'static str, u16);

const UNMATCHED: &str = "_unmatched";
const ITEM: &str = "/items/{id}";

impl Tally {
    fn add(&mut self, endpoint: &'static str, method: &'static str, status: u16) {
        *self.0.entry((endpoint, method, status)).or_default() += 1;
    }

    fn add_all(&mut self, other: Tally) {
        for (key, n) in other.0 {
            *self.0.entry(key).or_default() += n;
        }
    }

    fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// As the page says it.
    fn samples(&self) -> BTreeMap<String, f64> {
        let sample = |(&(endpoint, method, status), &n): (&Key, &u64)| {
            (format!(r#"{{endpoint="{endpoint}",method="{method}",status="{status}"}}"#), n as f64)
        };
        self.0.iter().map(sample).collect()
    }

    /// Counts an answer that has come, unless it is the server's own to something that is no request.
    fn add_answer(&mut self, endpoint: &'static str, method: &'static str, status: u16, connection: &Raw) -> bool {
        // Whatever the demo says to such a status has a body of a type.
        let of_the_parser = matches!(status, 400 | 408 | 431) && !connection.head.contains("\ncontent-type:");
        if !of_the_parser {
            self.add(endpoint, method, status);
        }
        !of_the_parser
    }
}

/// Numbers that look random and are the same in every run.
struct Chance(u64);

impl Chance {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Sends requests from several threads for as long as `goes_on`, given how many were sent, says so.
///
/// `write` appends a request and says which endpoint and method it should be counted under.
fn flood(
    url: &str,
    goes_on: impl Fn(u64) -> bool + Sync,
    write: fn(&mut Chance, &mut Vec<u8>) -> (&'static str, &'static str),
) -> Tally {
    let sent = AtomicU64::new(0);
    let one = &|seed: u64| {
        let (mut tally, mut chance, mut connection) = (Tally::default(), Chance(seed), Raw::to(url));
        let (mut requests, mut keys) = (Vec::new(), Vec::new());
        while goes_on(sent.fetch_add(PIPELINED, Relaxed)) {
            requests.clear();
            keys.clear();
            for _ in 0..PIPELINED {
                keys.push(write(&mut chance, &mut requests));
            }
            connection.send(&requests).expect("the server reads");
            for (endpoint, method) in &keys {
                let status = connection.answer(false).expect("an answer to each request");
                assert!(tally.add_answer(endpoint, method, status, &connection), "{status} {}", connection.head);
            }
        }
        tally
    };
    thread::scope(|scope| {
        let flooders: Vec<_> = (0..FLOODERS).map(|seed| scope.spawn(move || one(seed))).collect();
        let mut tally = Tally::default();
        for flooder in flooders {
            tally.add_all(flooder.join().expect("no panic"));
        }
        tally
    })
}

fn random_path(chance: &mut Chance, request: &mut Vec<u8>) -> (&'static str, &'static str) {
    const PLAIN: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@";
    const ENCODED: [&str; 12] = [
        "%00",
        "%0a",
        "%0d%0a",
        "%22",
        "%5c",
        "%ff",
        "%e2%80%a8",
        "%e2%80%8f",
        "%ef%bb%bf",
        "%f0%9f%92%a3",
        "%",
        "%zz",
    ];
    let item = chance.below(8) == 0;
    request.extend_from_slice(if item { b"GET /items/" } else { b"GET /" });
    // No route has such a length or more, so that none is met by chance.
    let more = if chance.below(1_000) == 0 { 2_000 } else { 30 };
    let pieces = 10 + chance.below(more);
    for _ in 0..pieces {
        match chance.below(8) {
            0 => request.extend_from_slice(chance.one_of(&ENCODED).as_bytes()),
            1 if !item => request.push(b'/'),
            _ => request.push(chance.one_of(PLAIN)),
        }
    }
    request.extend_from_slice(b" HTTP/1.1\r\nHost: demo\r\n\r\n");
    (if item { ITEM } else { UNMATCHED }, "GET")
}

fn random_method(chance: &mut Chance, request: &mut Vec<u8>) -> (&'static str, &'static str) {
    // All that the parser takes in a method.
    const TOKEN: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-.^_`|~";
    // Longer than any method that there is.
    for _ in 0..8 + chance.below(32) {
        request.push(chance.one_of(TOKEN));
    }
    let (path, endpoint) = chance.one_of(&[
        ("/", "/"),
        ("/items", "/items"),
        ("/items/1", ITEM),
        ("/login", "/login"),
        ("/nothing", UNMATCHED),
    ]);
    request.extend_from_slice(format!(" {path} HTTP/1.1\r\nHost: demo\r\n\r\n").as_bytes());
    (endpoint, "_OTHER")
}

/// What a client does that has nothing to hide, as often as `goes_on`, given how often it was done, says so; and how
/// long each took.
fn ask_normally(url: &str, mut goes_on: impl FnMut(usize) -> bool) -> (Tally, Vec<Duration>) {
    let (mut tally, mut took, mut connection) = (Tally::default(), Vec::new(), Raw::to(url));
    while goes_on(took.len()) {
        let began = Instant::now();
        connection.send(b"GET /items HTTP/1.1\r\nHost: demo\r\n\r\n").expect("the server reads");
        let status = connection.answer(false).expect("an answer");
        took.push(began.elapsed());
        tally.add("/items", "GET", status);
    }
    (tally, took)
}

/// Runs `flood` while a normal client goes on, for each of whose requests one slow scraper after the other reads a byte;
/// one that is broken off comes again. Gives what the flood gave, and what the normal client did.
fn beside_a_normal_client<T>(url: &str, slow: &mut [Raw], flood: impl FnOnce() -> T) -> (T, Tally, Vec<Duration>) {
    let flooding = AtomicBool::new(true);
    thread::scope(|scope| {
        let normal = scope.spawn(|| {
            ask_normally(url, |asked| {
                let scraper = &mut slow[asked % SLOW];
                if scraper.byte_if_there().is_err() {
                    *scraper = many_scrapes_unread(url);
                }
                flooding.load(Relaxed)
            })
        });
        let flooded = {
            // A flood that panics is over too, or its panic would wait for the normal client for ever.
            let _over = Over(&flooding);
            flood()
        };
        let (tally, took) = normal.join().expect("no panic");
        (flooded, tally, took)
    })
}

/// Says when it is dropped that the flood is over.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

fn percentile(took: &[Duration], percent: usize) -> Duration {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() - 1) * percent / 100]
}

/// So that whatever is made at its first use is there before memory is measured.
fn ask_for_everything_once(demo: &Demo) -> Tally {
    let mut tally = Tally::default();
    tally.add("/", "GET", demo.client.get("/").status);
    tally.add(ITEM, "GET", demo.client.get("/items/1").status);
    tally.add(UNMATCHED, "GET", demo.client.get("/nothing").status);
    tally.add("/login", "POST", demo.login("ada", "lovelace").status);
    tally.add("/login", "POST", demo.login("ada", "wrong").status);
    tally.add("/logout", "POST", demo.client.post("/logout").status);
    tally.add("/reports", "POST", demo.client.post("/reports").status);
    for accept in [TEXT, OPENMETRICS] {
        assert_eq!(demo.client.get_accepting("/metrics", accept).status, 200);
    }
    assert_eq!(demo.client.get_with("/metrics", ("Accept-Encoding", "gzip")).status, 200);
    tally
}

/// A request whose headers never end.
fn half_a_head(url: &str) -> Raw {
    let mut connection = Raw::to(url);
    connection.send(b"GET /items HTTP/1.1\r\nHost: demo\r\nX-Half: ").expect("the server reads");
    connection
}

/// A scraper that asks for more than the system will keep for it, and has read nothing yet.
fn many_scrapes_unread(url: &str) -> Raw {
    let mut connection = Raw::to(url).with_little_room();
    let scrapes = b"GET /metrics HTTP/1.1\r\nHost: demo\r\n\r\n".repeat(200);
    connection.send(&scrapes).expect("the server reads");
    connection
}

/// A request that says what it should be counted as, if it is one.
struct Odd {
    endpoint: &'static str,
    method: &'static str,
    bytes: Vec<u8>,
}

/// Requests that are hardly any: each on a connection of its own, since the server may close it.
fn odd_requests(url: &str) -> Tally {
    let mut odd = Vec::new();
    let mut add = |endpoint, method, parts: &[&[u8]]| odd.push(Odd { endpoint, method, bytes: parts.concat() });
    let end = b" HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n".as_slice();

    for text in ODD {
        add(UNMATCHED, "GET", &[b"GET /odd", text, b"path", end]);
        add(ITEM, "GET", &[b"GET /items/", text, end]);
        add("/items", "GET", &[b"GET /items?q=", text, end]);
        add("/items", "_OTHER", &[b"GE", text, b"T /items", end]);
        for name in [b"User-Agent".as_slice(), b"traceparent", b"Accept", b"Cookie", b"X-Odd", text] {
            add(
                "/items",
                "GET",
                &[b"GET /items HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n", name, b": ", text, b"\r\n\r\n"],
            );
        }
        add("/", "GET", &[b"GET / HTTP/1.1\r\nConnection: close\r\nHost: demo", text, b"\r\n\r\n"]);
        let user = [br#"{"password": "", "user": ""#.as_slice(), text, br#""}"#].concat();
        add("/login", "POST", &[&login(&user)]);
    }

    // Longer than a server keeps, than a URI may be, than a label is.
    let long = |byte: u8, kib: usize| vec![byte; kib * 1024];
    add("/items", "GET", &[b"GET /items HTTP/1.1\r\nHost: demo\r\nX-Long: ", &long(b'x', 1024), b"\r\n\r\n"]);
    add(
        "/items",
        "GET",
        &[b"GET /items HTTP/1.1\r\nHost: demo\r\n", &b"X-Many: headers\r\n".repeat(64 * 1024), b"\r\n"],
    );
    add(
        "/items",
        "GET",
        &[b"GET /items HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n", &b"X-Some: headers\r\n".repeat(80), b"\r\n"],
    );
    add("/items", "GET", &[b"GET /items?", &long(b'q', 63), end]);
    add("/items", "GET", &[b"GET /items?", &long(b'q', 64), end]);
    add(UNMATCHED, "GET", &[b"GET /", &long(b'p', 63), end]);
    add(UNMATCHED, "GET", &[b"GET /", &long(b'p', 64), end]);
    add(ITEM, "GET", &[b"GET /items/", &long(b'9', 63), end]);
    add("/items", "_OTHER", &[&long(b'M', 64), b" /items", end]);
    for kib in [1024, 4 * 1024] {
        let user = [br#"{"password": "", "user": ""#.as_slice(), &long(b'u', kib), br#""}"#].concat();
        add("/login", "POST", &[&login(&user)]);
    }
    add("/login", "POST", &[&login(&b"[".repeat(100_000))]);

    // Not HTTP/1.1, or not quite.
    let chunked = b"POST /login HTTP/1.1\r\nHost: demo\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    add("/login", "POST", &[chunked, b"\r\nfffffffffffffffff\r\n"]);
    add("/login", "POST", &[chunked, b"\r\nodd\r\n"]);
    add("/login", "POST", &[chunked, b"Content-Length: 3\r\n\r\n0\r\n\r\n"]);
    add("/login", "POST", &[b"POST /login HTTP/1.1\r\nHost: demo\r\nContent-Length: -1\r\n\r\n"]);
    add("/items", "GET", &[b"GET /items HTTP/1.1\r\n\r\n"]);
    add("/items", "GET", &[b"GET /items HTTP/1.0\r\n\r\n"]);
    add("/items", "GET", &[b"GET /items HTTP/9.9\r\n\r\n"]);
    add("/items", "GET", &[b"GET /items\r\n\r\n"]);
    add("/items", "GET", &[b"GET http://other.example/items", end]);
    add("/", "GET", &[b"GET http://other.example", end]);
    add(UNMATCHED, "CONNECT", &[b"CONNECT other.example:443", end]);
    add(UNMATCHED, "OPTIONS", &[b"OPTIONS *", end]);
    add("/items", "TRACE", &[b"TRACE /items", end]);
    add("/items", "PATCH", &[b"PATCH /items", end]);
    add(UNMATCHED, "_OTHER", &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]);
    add(UNMATCHED, "GET", &[b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"]);

    let (mut tally, mut refused, mut closed) = (Tally::default(), 0, 0);
    for _ in 0..ROUNDS {
        for Odd { endpoint, method, bytes } in &odd {
            let mut connection = Raw::to(url);
            // The server may have seen enough before all is sent.
            let sent = connection.send(bytes);
            connection.end();
            match connection.answer(false) {
                Ok(status) => refused += u64::from(!tally.add_answer(endpoint, method, status, &connection)),
                // What came before the RST may be lost, and the answer with it.
                Err(_) if bytes.len() > 128 * 1024 => closed += 1,
                Err(error) => panic!("{error}, {sent:?}: {}", text(bytes)),
            }
        }
    }
    println!("odd requests: {} answered, {refused} refused as none, {closed} broken off", tally.total());
    tally
}

/// How often each odd request is sent.
const ROUNDS: usize = 10;

fn login(json: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: demo\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        json.len()
    );
    [head.as_bytes(), json].concat()
}

/// The beginning of a request, for a message.
fn text(request: &[u8]) -> String {
    String::from_utf8_lossy(&request[..request.len().min(500)]).escape_debug().collect()
}

/// Scrapes with random Accept headers, which all get a page; HEAD, which gets none of it; POST, which is refused. Many ask
/// at a time, or most of the test would be spent on making pages.
fn odd_scrapes(url: &str) {
    let began = Instant::now();
    let mut chance = Chance(3);
    let mut connections: Vec<Raw> = (0..50).map(|_| Raw::to(url)).collect();
    for _ in 0..40 {
        let asked: Vec<Vec<u8>> = connections
            .iter_mut()
            .map(|connection| {
                let accept = random_accept(&mut chance);
                let request =
                    [b"GET /metrics HTTP/1.1\r\nHost: demo\r\nAccept: ".as_slice(), &accept, b"\r\n\r\n"].concat();
                connection.send(&request).expect("the server reads");
                request
            })
            .collect();
        for (connection, request) in connections.iter_mut().zip(asked) {
            assert_eq!(connection.answer(false).expect("an answer"), 200, "{}", text(&request));
            let openmetrics = connection.head.contains("\ncontent-type: application/openmetrics-text");
            assert_eq!(connection.body.ends_with(b"\n# EOF\n"), openmetrics, "{}", text(&request));
        }
    }
    for (method, status) in [("HEAD", 200), ("POST", 405), ("DELETE", 405), ("ODD", 405)] {
        for _ in 0..2 {
            for connection in &mut connections {
                let request = format!("{method} /metrics HTTP/1.1\r\nHost: demo\r\n\r\n");
                connection.send(request.as_bytes()).expect("the server reads");
            }
            for connection in &mut connections {
                assert_eq!(connection.answer(method == "HEAD").expect("an answer"), status, "{method}");
            }
        }
    }
    println!("odd scrapes in {:.1?}", began.elapsed());
}

fn random_accept(chance: &mut Chance) -> Vec<u8> {
    match chance.below(2) {
        0 => (0..chance.below(200)).map(|_| 0x20 + chance.below(0xe0) as u8).filter(|byte| *byte != 0x7f).collect(),
        _ => (0..chance.below(20)).flat_map(|_| chance.one_of(&ACCEPT).bytes()).collect(),
    }
}

/// What Accept headers are made of.
const ACCEPT: [&str; 14] = [
    "application/openmetrics-text",
    "text/plain",
    "*/*",
    ";version=1.0.0",
    ";version=0.0.4",
    ";version=",
    ";q=0.5",
    ";q=1e9",
    ";q=",
    ",",
    ";",
    "\"",
    "\\",
    "\u{feff}",
];

/// A thousand scrapers at once: each gets the page.
fn concurrent_scrapes(url: &str) {
    let began = Instant::now();
    let scraper = |n: usize| {
        let accept = [TEXT, OPENMETRICS][n % 2];
        let encoding = ["identity", "gzip"][n / 2 % 2];
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: demo\r\nAccept: {accept}\r\nAccept-Encoding: {encoding}\r\n\r\n");
        let mut connection = Raw::to(url);
        connection.send(request.as_bytes()).expect("the server reads");
        connection
    };
    let mut scrapers: Vec<Raw> = (0..1_000).map(scraper).collect();
    for scraper in &mut scrapers {
        assert_eq!(scraper.answer(false).expect("an answer"), 200);
        assert!(!scraper.body.is_empty());
    }
    println!("{} concurrent scrapes in {:.1?}", scrapers.len(), began.elapsed());
}

/// Clients that leave at three moments: while their request arrives, while its answer does, and after a part of either
/// that they end properly.
fn resets(demo: &Demo) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..200 {
        let mut connection = Raw::to(&demo.url);
        connection.send(b"GET /items HTTP/1.1\r\nHost: demo\r\n\r\n").expect("the server reads");
        connection.byte().expect("an answer");
        tally.add("/items", "GET", 200);
        connection.reset();
    }

    let half = login(br#"{"user": "ada", "password": "lovelace"}"#);
    let half = &half[..half.len() - 10];
    let waiting: Vec<Raw> = (0..200)
        .map(|_| {
            let mut connection = Raw::to(&demo.url);
            connection.send(half).expect("the server reads");
            connection
        })
        .collect();
    let in_flight = |n: f64| {
        eventually(|| match demo.samples().value("api_requests_in_flight") {
            found if found == n => Ok(()),
            found => Err(format!("{found} requests in flight, not {n}")),
        });
    };
    in_flight(waiting.len() as f64);
    for (n, mut connection) in waiting.into_iter().enumerate() {
        if n % 2 == 0 {
            connection.reset();
            tally.add("/login", "POST", 499);
        } else {
            connection.end();
            let status = connection.answer(false).expect("an answer");
            tally.add("/login", "POST", status);
        }
    }
    in_flight(0.0);
    tally
}

fn page(demo: &Demo) -> String {
    demo.client.get_accepting("/metrics", TEXT).body
}

/// Each family has as many series on the page as it says, and no more than it may have.
fn series_stay_within_limits(samples: &Samples) {
    let (series, limits) = (samples.named("monitor_series"), samples.named("monitor_series_limit"));
    assert!(series.len() > 3, "{series:?}");
    for (family, n) in series {
        assert!(n <= limits[family], "{family} has {n} series of {}", limits[family]);
        let name = family.trim_start_matches("{family=\"").trim_end_matches("\"}");
        let lines = |suffix: &str| samples.named(&format!("{name}{suffix}")).len() as f64;
        assert_eq!(lines("") + lines("_count"), n, "{name}");
    }
}

const BOTH_UP: [(&str, f64); 2] = [("patient", 1.0), ("pressed", 1.0)];

fn is_up(prometheus: &Prometheus) -> Result<(), String> {
    match prometheus.query("up")? {
        up if up == BOTH_UP.map(|(job, up)| (job.to_owned(), up)) => Ok(()),
        up => Err(format!("{up:?}")),
    }
}

/// No scrape failed in all this time, and there were some.
fn was_up(prometheus: &Prometheus, time: Duration) {
    let ask = |expression: &str| prometheus.query(expression).expect("an answer");
    let scrapes = ask("count_over_time(up[5m])");
    println!("scrapes by Prometheus in {time:.1?}: {scrapes:?}");
    println!("the slowest of them, in seconds: {:?}", ask("max_over_time(scrape_duration_seconds[5m])"));
    println!("how many of them succeeded: {:?}", ask("sum_over_time(up[5m])"));
    for ((_, scrapes), interval_s) in scrapes.into_iter().zip([5.0, 1.0]) {
        assert!(scrapes >= (time.as_secs_f64() / interval_s / 2.0).floor());
    }
    assert_eq!(ask("min_over_time(up{job='patient'}[5m])"), [("patient".to_owned(), 1.0)]);
    // A second is what anything may take on a machine where other tests run beside this one.
    assert_eq!(ask("avg_over_time(up{job='pressed'}[5m]) > bool 0.9"), [("pressed".to_owned(), 1.0)]);
}

const TOKEN: &str = "6XKqLJ0zTxV2";

#[test]
fn whoever_has_no_token_learns_nothing_and_holds_nobody_up() {
    let _alone = alone();
    let mut command = program();
    let command = command.args(["--port", "0", "--metrics-addr", "0"]).env("DEMO_METRICS_TOKEN", TOKEN);
    let mut demo = Demo::start_by(command);
    let url = demo.metrics_url();
    let prometheus = Prometheus::scraping_in_two_rhythms(&url, Some(TOKEN));
    eventually(|| is_up(&prometheus));
    let began = Instant::now();
    let before = demo.memory_kib().0;

    let half_sent: Vec<Raw> = (0..100).map(|_| half_a_head(&url)).collect();
    let guess = |seed| denied(&url, Chance(seed));
    let denials = thread::scope(|scope| {
        let flooders: Vec<_> = (0..FLOODERS).map(|seed| scope.spawn(move || guess(seed))).collect();
        flooders.into_iter().map(|flooder| flooder.join().expect("no panic")).sum::<u64>()
    });
    drop(half_sent);

    let mut connection = Raw::to(&url);
    connection.send(&scrape_with(&[b"Bearer 6XKqLJ0zTxV2"])).expect("the server reads");
    assert_eq!(connection.answer(false).expect("an answer"), 200);
    let samples = Samples::of(std::str::from_utf8(&connection.body).expect("text"));
    assert_eq!(samples.value(r#"monitor_scrapes_total{result="denied"}"#), denials as f64);
    series_stay_within_limits(&samples);
    let peak = demo.memory_kib().1;
    println!("{denials} scrapes denied in {:.1?}; {before} KiB resident before, {peak} at most", began.elapsed());
    assert!(peak - before < MEMORY_GROWTH_MAX_KIB, "{before} KiB before, {peak} KiB at most");
    was_up(&prometheus, began.elapsed());
}

/// Scrapes with anything but the token: how many were answered with 401, all in the same words.
fn denied(url: &str, mut chance: Chance) -> u64 {
    const GUESSES: usize = 10_000;
    let mut connection = Raw::to(url);
    let mut said = None;
    for _ in 0..GUESSES / PIPELINED as usize {
        let mut requests = Vec::new();
        for _ in 0..PIPELINED {
            let near = &TOKEN.as_bytes()[..chance.below(TOKEN.len())];
            let wrong: Vec<u8> = (0..chance.below(100)).map(|_| 0x80 + chance.below(0x80) as u8).collect();
            requests.extend(match chance.below(6) {
                0 => scrape_with(&[]),
                1 => scrape_with(&[&[b"Bearer ", near].concat()]),
                2 => scrape_with(&[&[b"Bearer ", TOKEN.as_bytes(), b"x"].concat()]),
                3 => scrape_with(&[&[b"Bearer ".as_slice(), &wrong].concat()]),
                4 => scrape_with(&[&[b"Basic ", TOKEN.as_bytes()].concat()]),
                _ => scrape_with(&[&[b"Bearer ".as_slice(), &vec![b'x'; chance.below(10_000)]].concat()]),
            });
        }
        connection.send(&requests).expect("the server reads");
        for _ in 0..PIPELINED {
            assert_eq!(connection.answer(false).expect("an answer"), 401);
            let head = connection.head.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n");
            let answer = (head, connection.body.clone());
            assert_eq!(*said.get_or_insert_with(|| answer.clone()), answer);
        }
    }
    (GUESSES / PIPELINED as usize) as u64 * PIPELINED
}

fn scrape_with(authorizations: &[&[u8]]) -> Vec<u8> {
    let mut request = b"GET /metrics HTTP/1.1\r\nHost: demo\r\n".to_vec();
    for authorization in authorizations {
        request.extend_from_slice(&[b"Authorization: ", *authorization, b"\r\n"].concat());
    }
    request.extend_from_slice(b"\r\n");
    request
}
