//! Requests of every kind on a real socket: what the middleware records equals what reached the application.
#![cfg(feature = "actix")]

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use actix_web::body::BodyStream;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{App, Error, HttpResponse, HttpServer, error};
use futures_util::stream;
use monitor_runtime::actix::Monitor;
use monitor_runtime::{TraceId, sample_value};

/// Endpoint, method, and the status that the request should have.
type Key = (&'static str, &'static str, u16);

/// What reached the application.
#[derive(Default)]
struct Seen {
    counts: BTreeMap<Key, u64>,
    ids: HashSet<u64>,
}

type Reached = Arc<Mutex<Seen>>;

fn reach(reached: &Reached, endpoint: &'static str, method: &'static str, status: u16) {
    let mut seen = reached.lock().expect("no panic while it is held");
    *seen.counts.entry((endpoint, method, status)).or_default() += 1;
}

/// The same, for a request whose client waits until it is there.
fn reach_as(reached: &Reached, endpoint: &'static str, status: u16, id: u64) {
    reach(reached, endpoint, "GET", status);
    reached.lock().expect("no panic while it is held").ids.insert(id);
}

struct Server {
    address: SocketAddr,
    reached: Reached,
    stop: Option<actix_web::dev::ServerHandle>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let reached = Reached::default();
        let (started, starts) = mpsc::channel();
        let seen = reached.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    let (r1, r2, r3, r4, r5, r6, r7, r8) = (
                        seen.clone(),
                        seen.clone(),
                        seen.clone(),
                        seen.clone(),
                        seen.clone(),
                        seen.clone(),
                        seen.clone(),
                        seen.clone(),
                    );
                    let guarded = seen.clone();
                    App::new()
                        .wrap(Monitor::default())
                        .route(
                            "/ok/{id}",
                            web::get().to(move || {
                                reach(&r1, "/ok/{id}", "GET", 200);
                                async { "hello" }
                            }),
                        )
                        .route(
                            "/ok/{id}",
                            web::head().to(move || {
                                reach(&r2, "/ok/{id}", "HEAD", 200);
                                async { "hello" }
                            }),
                        )
                        .route(
                            "/wrong/{status}",
                            web::post().to(move |status: web::Path<u16>| {
                                reach(&r3, "/wrong/{status}", "POST", *status);
                                async move {
                                    let status = StatusCode::from_u16(*status).map_err(error::ErrorBadRequest)?;
                                    Err::<&str, Error>(error::InternalError::new("no", status).into())
                                }
                            }),
                        )
                        .route(
                            "/panic/{id}",
                            web::get().to(move |id: web::Path<u64>| {
                                reach(&r4, "/panic/{id}", "GET", 500);
                                async move {
                                    assert_eq!(*id, u64::MAX, "on purpose");
                                    "never"
                                }
                            }),
                        )
                        .route(
                            "/never/{id}",
                            web::get().to(move |id: web::Path<u64>| {
                                reach_as(&r5, "/never/{id}", 499, *id);
                                std::future::pending::<HttpResponse>()
                            }),
                        )
                        .route(
                            "/endless/{id}",
                            web::get().to(move |id: web::Path<u64>| {
                                reach_as(&r6, "/endless/{id}", 200, *id);
                                let chunks = stream::repeat_with(|| Ok::<_, Error>(Bytes::from(vec![b'x'; 16 * 1024])));
                                async { HttpResponse::Ok().body(BodyStream::new(chunks)) }
                            }),
                        )
                        .route(
                            "/events",
                            web::get().to(move || {
                                reach(&r7, "/events", "GET", 200);
                                let events =
                                    stream::iter((0..3).map(|n| Ok::<_, Error>(Bytes::from(format!("data: {n}\n\n")))));
                                async { HttpResponse::Ok().content_type("text/event-stream").streaming(events) }
                            }),
                        )
                        .route(
                            "/socket/{id}",
                            web::get().to(move |id: web::Path<u64>| {
                                reach_as(&r8, "/socket/{id}", 101, *id);
                                let silent = stream::pending::<Result<Bytes, Error>>();
                                async {
                                    HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS)
                                        .upgrade("websocket")
                                        .streaming(silent)
                                }
                            }),
                        )
                        .service(
                            web::scope("/guarded")
                                .wrap_fn(move |request, inner| {
                                    let allowed = request.headers().contains_key("authorization");
                                    reach(&guarded, "/guarded/x", "GET", if allowed { 200 } else { 401 });
                                    let call = allowed.then(|| inner.call(request));
                                    async move {
                                        match call {
                                            Some(call) => call.await,
                                            None => Err::<ServiceResponse, _>(error::ErrorUnauthorized("who?")),
                                        }
                                    }
                                })
                                .route("/x", web::get().to(|| async { "inside" })),
                        )
                })
                .workers(2)
                .client_request_timeout(Duration::from_secs(2))
                .listen(listener)
                .expect("the listener")
                .run();
                started.send(server.handle()).expect("somebody waits");
                let _ = server.await;
            });
        });
        let stop = starts.recv().expect("the server starts");
        Server { address, reached, stop: Some(stop), thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream
    }

    /// Sends and reads to the end of what the server says.
    fn ask(&self, method: &str, path: &str, headers: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").expect("sent");
        let mut answer = Vec::new();
        // A panic ends the connection without an answer.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a request and waits until the application has it: a reset that comes together with a request is taken
    /// by actix-web for a client that is done sending.
    fn open(&self, path: &str) -> TcpStream {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Relaxed);
        let mut stream = self.connect();
        write!(stream, "GET {path}{id} HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
        let there = || self.reached.lock().expect("no panic while it is held").ids.contains(&id);
        poll(there, "the request did not reach the application");
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let (Some(handle), Some(thread)) = (self.stop.take(), self.thread.take()) {
            drop(handle.stop(false));
            let _ = thread.join();
        }
    }
}

/// Looks again and again, a bounded number of times, for what another thread does.
fn poll(mut done: impl FnMut() -> bool, otherwise: &str) {
    for _ in 0..4000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{otherwise}");
}

/// Ends a connection with a reset.
fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(socket);
}

fn requests(endpoint: &str, method: &str, status: u16) -> u64 {
    let status = status.to_string();
    let labels = [("endpoint", endpoint), ("method", method), ("status", status.as_str())];
    sample_value("api_requests_total", &labels).unwrap_or(0.0) as u64
}

fn value(name: &str, endpoint: &str, method: &str) -> u64 {
    sample_value(name, &[("endpoint", endpoint), ("method", method)]).unwrap_or(0.0) as u64
}

/// A small generator (xorshift64*): the mix is random and the same each time.
struct Random(u64);
impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }
}

/// One test, because the families are the process's: each kind alone, then ten thousand of all kinds at random.
#[test]
fn every_request_is_recorded_once_whatever_becomes_of_it() {
    std::panic::set_hook(Box::new(|info| {
        // Panics on purpose are many; the others are this test's.
        if !info.to_string().contains("on purpose") {
            eprintln!("{info}");
        }
    }));
    let server = Server::start();
    let in_flight = || sample_value("api_requests_in_flight", &[]);

    // A client that resets its connection while the request is served.
    reset(server.open("/never/"));
    poll(|| requests("/never/{id}", "GET", 499) == 1, "a reset is a 499");

    // A client that has nothing more to say still gets its answer.
    let mut half = server.connect();
    write!(half, "GET /ok/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("sent");
    half.shutdown(Shutdown::Write).expect("half closed");
    let mut answer = String::new();
    half.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    // Half a request is none.
    let mut torn = server.connect();
    write!(torn, "GET /ok/1 HTTP/1.1\r\nho").expect("sent");
    drop(torn);

    // A body whose reader leaves.
    let mut reader = server.open("/endless/");
    let mut some = [0; 4096];
    reader.read_exact(&mut some).expect("the body begins");
    poll(|| requests("/endless/{id}", "GET", 200) == 1, "counted with its headers");
    assert_eq!(value("api_response_bodies_cut_total", "/endless/{id}", "GET"), 0);
    reset(reader);
    poll(|| value("api_response_bodies_cut_total", "/endless/{id}", "GET") == 1, "a body cut off is counted");

    // A websocket has no latency, and is in flight as long as it is open.
    let mut socket = server.open("/socket/");
    let mut head = [0; 12];
    socket.read_exact(&mut head).expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 101");
    poll(|| requests("/socket/{id}", "GET", 101) == 1, "an upgrade is counted");
    assert_eq!(value("api_request_latency_seconds_count", "/socket/{id}", "GET"), 0);
    assert_eq!(in_flight(), Some(1.0));
    reset(socket);
    poll(|| in_flight() == Some(0.0), "the websocket is gone");

    // An id of a trace rides on the latency's bucket.
    let trace = TraceId::new([7; 16]).expect("not zero").to_string();
    server.ask("GET", "/ok/traced", &format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n"));

    let page = page(monitor_runtime::Format::OpenMetrics);
    let exemplar = format!("# {{trace_id=\"{trace}\"}} ");
    let lines: Vec<&str> = page.lines().filter(|line| line.contains(&exemplar)).collect();
    assert!(
        matches!(lines[..], [line] if line.starts_with("api_request_latency_seconds_bucket{endpoint=\"/ok/{id}\"")),
        "{lines:?}"
    );

    // The mix.
    let seeds = [3, 5, 7, 11];
    std::thread::scope(|scope| {
        for seed in seeds {
            let server = &server;
            scope.spawn(move || {
                let mut random = Random(seed);
                for n in 0..2600 {
                    one(server, &mut random, n);
                }
            });
        }
    });
    poll(|| in_flight() == Some(0.0), "requests in flight did not return to 0");

    let expected = server.reached.lock().expect("no panic while it is held").counts.clone();
    for ((endpoint, method, status), count) in &expected {
        assert_eq!(requests(endpoint, method, *status), *count, "{method} {endpoint} {status}");
    }
    let recorded =
        expected.values().sum::<u64>() + requests("_unmatched", "GET", 404) + requests("_unmatched", "_OTHER", 404);
    assert_eq!(total("api_requests_total"), recorded, "nothing else is recorded");
    assert!(recorded >= 10_000, "{recorded}");
    assert_eq!(total("api_request_latency_seconds_count"), recorded - expected[&("/socket/{id}", "GET", 101)]);
    assert_eq!(
        value("api_response_bodies_cut_total", "/endless/{id}", "GET"),
        expected[&("/endless/{id}", "GET", 200)],
        "whoever asks for the endless leaves before its end"
    );
    assert_eq!(
        total("api_response_bodies_cut_total"),
        expected[&("/endless/{id}", "GET", 200)],
        "no other body is cut"
    );
    println!("{recorded} requests recorded: {expected:?}");
}

/// The sum over a family's series.
fn total(sample: &str) -> u64 {
    let mut page = Vec::new();
    monitor_runtime::encode(monitor_runtime::prometheus::default_registry(), monitor_runtime::Format::Text, &mut page)
        .expect("a vector takes all");
    let page = String::from_utf8(page).expect("text");
    page.lines()
        .filter(|line| line.split(['{', ' ']).next() == Some(sample))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

fn page(format: monitor_runtime::Format) -> String {
    let mut page = Vec::new();
    monitor_runtime::encode(monitor_runtime::prometheus::default_registry(), format, &mut page)
        .expect("a vector takes all");
    String::from_utf8(page).expect("text")
}

fn one(server: &Server, random: &mut Random, n: u64) {
    match random.below(100) {
        0..=29 => drop(server.ask("GET", &format!("/ok/{n}"), "")),
        30..=39 => drop(server.ask("HEAD", &format!("/ok/{n}"), "")),
        40..=59 => {
            let status = [400, 404, 409, 500, 503][random.below(5) as usize];
            drop(server.ask("POST", &format!("/wrong/{status}"), "content-length: 0\r\n"));
        }
        60..=64 => drop(server.ask("GET", "/panic/1", "")),
        65..=69 => drop(server.ask("GET", "/guarded/x", "")),
        70..=74 => drop(server.ask("GET", "/guarded/x", "authorization: yes\r\n")),
        75..=82 => drop(server.ask("GET", &format!("/nothing/{n}"), "")),
        83..=87 => drop(server.ask("FROBNICATE", &format!("/nothing/{n}"), "")),
        88..=91 => drop(server.ask("GET", "/events", "")),
        92..=94 => reset(server.open("/never/")),
        95..=96 => {
            let mut reader = server.open("/endless/");
            let mut some = [0; 2000];
            let _ = reader.read_exact(&mut some);
            reset(reader);
        }
        97 => {
            let mut socket = server.open("/socket/");
            let mut head = [0; 12];
            let _ = socket.read_exact(&mut head);
            reset(socket);
        }
        98 => {
            // A slow reader: the answer waits in the socket.
            let mut stream = server.connect();
            write!(stream, "GET /ok/slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("sent");
            let mut byte = [0];
            while stream.read(&mut byte).is_ok_and(|read| read > 0) {}
        }
        _ => {
            let mut torn = server.connect();
            let _ = write!(torn, "GET /ok/{n} HTT");
            reset(torn);
        }
    }
}
