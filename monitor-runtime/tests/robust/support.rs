//! What the tests stand on: a server on a free port in this process, and requests as bytes over real connections.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::rt::System;
use actix_web::{App, Error, HttpServer};
use monitor_runtime::{Format, encode, prometheus, sample_value};

/// Far beyond what any answer takes: a server that hangs fails its test.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves this app on two threads.
    pub(crate) fn start<F, T, B>(app: F) -> Server
    where
        F: Fn() -> App<T> + Send + Clone + 'static,
        B: MessageBody + 'static,
        T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>
            + 'static,
        T::Future: 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            System::new().block_on(async {
                let server = HttpServer::new(app).workers(2).disable_signals().listen(listener).expect("a listener");
                let server = server.run();
                tell.send(server.handle()).expect("the test should wait");
                server.await.expect("the server should end well");
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

    /// Asks for a path, and gives the status and the body; `None` where the connection was broken off.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Option<(u16, String)> {
        self.ask_with(method, path, "")
    }

    pub(crate) fn ask_with(&self, method: &str, path: &str, headers: &str) -> Option<(u16, String)> {
        let mut stream = self.connect();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).expect("a request");
        read(&mut stream)
    }

    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        self.ask("GET", path)
    }
}

/// What is answered before the connection is closed.
pub(crate) fn read(stream: &mut TcpStream) -> Option<(u16, String)> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1)?.parse().ok()?;
    Some((status, text.split_once("\r\n\r\n")?.1.to_owned()))
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

/// The sample, or 0 where there is none.
pub(crate) fn sample(name: &str, labels: &[(&str, &str)]) -> f64 {
    sample_value(name, labels).unwrap_or(0.0)
}

/// Waits until `is` holds: what a server does after it has answered is seen a little later.
pub(crate) fn eventually(what: &str, is: impl Fn() -> bool) {
    for _ in 0..300 {
        if is() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{what} did not come true");
}

/// All samples of one scrape, by their text.
pub(crate) struct Page(HashMap<String, f64>);

impl Page {
    pub(crate) fn read() -> Page {
        let mut text = Vec::new();
        encode(prometheus::default_registry(), Format::Text, &mut text).expect("it is written to memory");
        let text = String::from_utf8(text).expect("text");
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        Page(samples.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect())
    }

    /// The sample that reads so, or 0 where there is none.
    pub(crate) fn get(&self, sample: &str) -> f64 {
        self.0.get(sample).copied().unwrap_or(0.0)
    }

    /// Every sample whose text has this in it.
    pub(crate) fn with<'a>(&'a self, part: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.iter().filter(move |(name, _)| name.contains(part)).map(|(name, value)| (name.as_str(), *value))
    }
}
