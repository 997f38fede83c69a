//! What the tests stand on: a server on a free port, requests as bytes, a collector that waits until it is let go.

use std::collections::HashMap;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::rt::{System, task};
use actix_web::{App, HttpResponse, HttpServer, web};
use monitor_runtime::actix::Scrape;
use monitor_runtime::prometheus::core::{Collector, Desc};
use monitor_runtime::prometheus::proto::{Gauge, Metric, MetricFamily, MetricType};
use monitor_runtime::prometheus::{GaugeVec, Opts, Registry};
use socket2::SockRef;

/// Far beyond what any answer takes: a server that hangs fails its test.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server in this process, which ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// The page of `scrape`, `/ping` and [`/turns`](longest_turn), on so many threads. `scrape` is asked once for each of them.
    pub(crate) fn start(workers: usize, scrape: impl Fn() -> Scrape + Clone + Send + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        // A system may keep a megabyte for a reader who reads nothing, and then nobody is slow.
        SockRef::from(&listener).set_send_buffer_size(64 * 1024).expect("a socket option");
        let address = listener.local_addr().expect("an address");
        Server::run(address, move || {
            let app = move || {
                App::new()
                    .service(scrape())
                    .route("/ping", web::get().to(async || HttpResponse::Ok()))
                    .route("/turns", web::get().to(longest_turn))
            };
            let server = HttpServer::new(app).workers(workers).disable_signals().listen(listener);
            let server = server.expect("a listener").run();
            (server.handle(), server)
        })
    }

    /// Whatever `start` makes, in a runtime of its own.
    pub(crate) fn run<F: Future>(
        address: SocketAddr,
        start: impl FnOnce() -> (ServerHandle, F) + Send + 'static,
    ) -> Server {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            System::new().block_on(async {
                let (handle, server) = start();
                tell.send(handle).expect("the test should wait");
                server.await;
            });
        });
        let handle = told.recv().expect("the server should start");
        Server { address, handle, thread: Some(thread) }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        stream
    }

    /// Sends a request of these lines, and reads what it is answered.
    pub(crate) fn ask(&self, lines: &[&str]) -> Answer {
        let mut stream = self.connect();
        send(&mut stream, lines);
        Answer::read(&mut stream)
    }

    pub(crate) fn get(&self, headers: &[&str]) -> Answer {
        self.ask(&[&["GET /metrics HTTP/1.1"], headers].concat())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !thread::panicking() {
                ended.expect("the server should end well");
            }
        }
    }
}

/// Yields again and again, and tells in nanoseconds the most processor time that the thread used between two of its
/// turns: so long a request that is ready may have to wait.
async fn longest_turn() -> String {
    let mut longest = Duration::ZERO;
    let mut last = processor_time();
    for _ in 0..TURNS {
        task::yield_now().await;
        let now = processor_time();
        longest = longest.max(now.saturating_sub(last));
        last = now;
    }
    longest.as_nanos().to_string()
}

const TURNS: u32 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// Of this thread.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("no time before the start")
}

pub(crate) fn send(stream: &mut TcpStream, lines: &[&str]) {
    let request = format!("{}\r\nHost: test\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
    stream.write_all(request.as_bytes()).expect("a request");
}

/// What a server answered before it closed the connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn read(stream: &mut TcpStream) -> Answer {
        Answer::try_read(stream).expect("a whole answer")
    }

    /// None if the connection was broken off.
    pub(crate) fn try_read(stream: &mut TcpStream) -> Option<Answer> {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let body = bytes.split_off(end + 4);
        let head = String::from_utf8(bytes).expect("a head in ASCII");
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
        let headers = lines
            .map(|line| line.split_once(": ").expect("a header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        Some(Answer { status, headers: headers.collect(), body })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The length of the page that was announced.
    pub(crate) fn length(&self) -> usize {
        self.header("content-length").and_then(|length| length.parse().ok()).expect("a length")
    }
}

/// A collector that waits until it is let go, and counts how often it was asked.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Shared>);

struct Shared {
    desc: Desc,
    asked: AtomicUsize,
    open: Mutex<bool>,
    moved: Condvar,
}

impl Gate {
    /// In a registry of its own.
    pub(crate) fn closed() -> (Gate, Registry) {
        let desc = Desc::new("gate".to_owned(), "How often it was asked".to_owned(), vec![], HashMap::new());
        let shared = Shared {
            desc: desc.expect("a name"),
            asked: AtomicUsize::new(0),
            open: Mutex::new(false),
            moved: Condvar::new(),
        };
        let gate = Gate(Arc::new(shared));
        let registry = Registry::new();
        registry.register(Box::new(gate.clone())).expect("a fresh registry");
        (gate, registry)
    }

    pub(crate) fn open(&self) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.moved.notify_all();
    }

    pub(crate) fn asked(&self) -> usize {
        self.0.asked.load(SeqCst)
    }

    /// Waits until somebody stands before it for the `n`th time.
    pub(crate) fn is_asked(&self, n: usize) {
        let open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.0.moved.wait_timeout_while(open, TIMEOUT, |_| self.asked() < n);
        assert!(!wait.unwrap_or_else(PoisonError::into_inner).1.timed_out(), "nobody asked for the {n}th time");
    }
}

impl Drop for Gate {
    /// A test that failed lets go of the server's thread.
    fn drop(&mut self) {
        if thread::panicking() {
            self.open();
        }
    }
}

impl Collector for Gate {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.0.asked.fetch_add(1, SeqCst) + 1;
        self.0.moved.notify_all();
        let _open = self.0.moved.wait_while(open, |open| !*open).unwrap_or_else(PoisonError::into_inner);
        let mut gauge = Gauge::default();
        gauge.set_value(asked as f64);
        let mut metric = Metric::default();
        metric.set_gauge(gauge);
        let mut family = MetricFamily::default();
        family.set_name("gate".to_owned());
        family.set_help("How often it was asked".to_owned());
        family.set_field_type(MetricType::GAUGE);
        family.mut_metric().push(metric);
        vec![family]
    }
}

/// A registry with one gauge, `size`, of so many series.
pub(crate) fn registry_of(series: u32) -> Registry {
    registry_with((0..series).map(|number| number.to_string()))
}

/// A registry whose page is more than the buffers of two sockets hold.
pub(crate) fn large_registry() -> Registry {
    registry_with((0..12_000).map(|number| format!("{number:01024}")))
}

fn registry_with(values: impl Iterator<Item = String>) -> Registry {
    let registry = Registry::new();
    let family = GaugeVec::new(Opts::new("size", "A large family"), &["number"]).expect("a name");
    values.for_each(|value| family.with_label_values(&[&value]).set(1.0));
    registry.register(Box::new(family)).expect("a fresh registry");
    registry
}
