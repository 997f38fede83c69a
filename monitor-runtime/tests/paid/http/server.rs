//! A server with paid routes on a free port, and a client that keeps its connection.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::{ServerHandle, ServiceRequest};
use actix_web::http::StatusCode;
use actix_web::middleware::Condition;
use actix_web::web;
use actix_web::{App, HttpResponse, HttpServer, error, post};
use monitor_runtime::actix::{Monitor, OnBehalf, PaidRoute};
use monitor_runtime::credits::{self, Credits};
use monitor_runtime::with_credits;

use super::{again, answers, final_status, protocols, streams};

/// Bodies that began.
#[derive(Clone, Default)]
pub(super) struct Bodies(Arc<AtomicU64>);

impl Bodies {
    pub(super) fn begin(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    pub(super) fn began(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

pub(super) type State = web::Data<Bodies>;

#[post("/one")]
#[with_credits(cost = 1, operation = "http one")]
async fn one(bodies: State) -> HttpResponse {
    bodies.begin();
    tokio::task::yield_now().await;
    HttpResponse::Ok().body("done")
}

#[post("/answer/{status}")]
#[with_credits(cost = 5, operation = "http answer")]
async fn answer(bodies: State, status: web::Path<u16>) -> actix_web::Result<HttpResponse> {
    bodies.begin();
    let status = StatusCode::from_u16(*status).map_err(error::ErrorBadRequest)?;
    if status == StatusCode::BAD_GATEWAY {
        return Err(error::ErrorBadGateway("down"));
    }
    Ok(HttpResponse::build(status).finish())
}

#[post("/pair/{status}")]
#[with_credits(cost = 5, operation = "http pair")]
async fn pair(status: web::Path<u16>) -> actix_web::Result<(String, StatusCode)> {
    let status = StatusCode::from_u16(*status).map_err(error::ErrorBadRequest)?;
    Ok(("a text".to_owned(), status))
}

/// The price depends on what is asked for.
#[post("/words/{most}")]
#[with_credits(cost = *most, operation = "http words")]
async fn words(most: web::Path<i64>, text: String) -> actix_web::Result<String> {
    let words = text.split_whitespace().count();
    credits::charge(words as i64)?;
    Ok(words.to_string())
}

#[post("/for-the-firm")]
#[with_credits(cost = 5, account = "the-firm", operation = "http firm")]
async fn for_the_firm() -> HttpResponse {
    HttpResponse::Ok().finish()
}

#[post("/never")]
#[with_credits(cost = 5, operation = "http never")]
async fn never(bodies: State) -> HttpResponse {
    bodies.begin();
    std::future::pending().await
}

#[post("/panic")]
#[with_credits(cost = 5, operation = "http panic")]
async fn panics(bodies: State) -> HttpResponse {
    bodies.begin();
    tokio::task::yield_now().await;
    panic!("on purpose");
}

#[post("/timeout")]
async fn times_out(bodies: State) -> HttpResponse {
    #[with_credits(cost = 5, operation = "http timeout")]
    async fn slow(bodies: &Bodies) -> actix_web::Result<()> {
        bodies.begin();
        std::future::pending().await
    }
    match tokio::time::timeout(Duration::from_millis(20), slow(&bodies)).await {
        Err(_) => HttpResponse::GatewayTimeout().finish(),
        Ok(result) => result.map_or_else(|error| error.error_response(), |()| HttpResponse::Ok().finish()),
    }
}

#[post("/free")]
async fn free() -> HttpResponse {
    HttpResponse::Ok().finish()
}

fn account(request: &ServiceRequest) -> Option<String> {
    request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned)
}

/// What a server is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Whole,
    /// Its program forgot the middleware that says who pays.
    WithoutOnBehalf,
    /// It speaks HTTP/2 too, without TLS.
    Http2,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) bodies: Bodies,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(credits: &Credits) -> Server {
        Server::of(credits, Kind::Whole)
    }

    pub(super) fn of(credits: &Credits, kind: Kind) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let bodies = Bodies::default();
        let (tell, told) = mpsc::channel();
        let (state, credits) = (bodies.clone(), credits.clone());
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    let routes = (one, answer, pair, words, for_the_firm, never, panics);
                    let priced = |request: &ServiceRequest| request.query_string().parse::<i64>().unwrap_or(1);
                    App::new()
                        .app_data(web::Data::new(state.clone()))
                        .app_data(web::Data::new(credits.clone()))
                        .service(routes)
                        .service((times_out, free))
                        .configure(streams::configure)
                        .configure(again::configure)
                        .configure(answers::configure)
                        .configure(final_status::configure)
                        .configure(protocols::configure)
                        .service(
                            web::resource("/route/{id}")
                                .wrap(PaidRoute::cost(5))
                                .route(web::post().to(|| async { HttpResponse::Created().finish() })),
                        )
                        .service(
                            web::scope("/scope")
                                .wrap(PaidRoute::priced(priced).operation("http scope"))
                                .route("/missing", web::post().to(HttpResponse::NotFound))
                                .route("/less", web::post().to(less)),
                        )
                        .service(
                            web::resource("/when-down")
                                .wrap(PaidRoute::cost(5).operation("http when down").serve_when_down())
                                .route(web::post().to(HttpResponse::Ok)),
                        )
                        .wrap(Condition::new(
                            kind != Kind::WithoutOnBehalf,
                            OnBehalf::of(account).ledger(credits.clone()),
                        ))
                        .wrap(Monitor::default())
                };
                let server = HttpServer::new(app).workers(2).disable_signals();
                let server = match kind {
                    Kind::Http2 => server.listen_auto_h2c(listener),
                    _ => server.listen(listener),
                };
                let server = server.expect("a listener").run();
                tell.send(server.handle()).expect("the test waits");
                server.await.expect("served");
            });
        });
        let handle = told.recv().expect("the server starts");
        Server { address, bodies, handle, thread: Some(thread) }
    }

    pub(super) fn client(&self, account: &str) -> Client {
        Client::connect(self.address, account)
    }

    /// Serves what it has accepted, and ends; the bodies that ever began.
    pub(super) fn ends(mut self) -> u64 {
        drop(self.handle.stop(true));
        self.thread.take().expect("it runs").join().expect("served");
        self.bodies.began()
    }
}

async fn less() -> actix_web::Result<HttpResponse> {
    credits::charge(1)?;
    Ok(HttpResponse::Ok().finish())
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(super) struct Client {
    stream: BufReader<TcpStream>,
    headers: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Response {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        serde_json::from_str(&self.body).expect("JSON")
    }
}

impl Client {
    /// On behalf of nobody if there is no account.
    pub(super) fn connect(address: SocketAddr, account: &str) -> Client {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        let headers = if account.is_empty() { String::new() } else { format!("authorization: Bearer {account}\r\n") };
        Client { stream: BufReader::new(stream), headers: headers.into_bytes() }
    }

    pub(super) fn with(mut self, header: &str) -> Client {
        self.headers.extend(format!("{header}\r\n").into_bytes());
        self
    }

    /// A header whose value is no text.
    pub(super) fn with_bytes(mut self, name: &str, value: &[u8]) -> Client {
        self.headers.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        self
    }

    pub(super) fn post(&mut self, path: &str) -> Response {
        self.post_text(path, "")
    }

    pub(super) fn post_text(&mut self, path: &str, body: &str) -> Response {
        self.send("POST", path, body);
        self.response().expect("a response")
    }

    pub(super) fn send(&mut self, method: &str, path: &str, body: &str) {
        let Client { stream, headers } = self;
        let length = body.len();
        let first = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        let last = format!("content-length: {length}\r\n\r\n{body}");
        stream.get_mut().write_all(&[first.as_bytes(), headers, last.as_bytes()].concat()).expect("sent");
    }

    /// `None` when the server closes without one.
    pub(super) fn response(&mut self) -> Option<Response> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some(Response { status, headers, body: String::from_utf8(body).ok()? })
    }

    /// Reads so many bytes of a body that has no end.
    pub(super) fn read(&mut self, bytes: usize) {
        self.stream.read_exact(&mut vec![0; bytes]).expect("a body");
    }

    /// Sends bytes as they are.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("sent");
    }

    /// Reads so many bytes as they are.
    pub(super) fn read_text(&mut self, bytes: usize) -> String {
        let mut read = vec![0; bytes];
        self.stream.read_exact(&mut read).expect("a body");
        String::from_utf8(read).expect("text")
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(self) {
        let stream = self.stream.into_inner();
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO)).expect("a socket");
    }
}
