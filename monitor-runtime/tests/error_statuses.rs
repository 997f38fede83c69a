//! Errors on a real socket, wherever they begin: the status that is recorded is the one that the client gets, and the
//! response is the one that the error has, untouched.
#![cfg(feature = "actix")]

use std::fmt;
use std::future::{Ready, ready};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use actix_web::dev::Payload;
use actix_web::error::{self, InternalError};
use actix_web::http::StatusCode;
use actix_web::web::{self, Json, JsonConfig};
use actix_web::{App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer, ResponseError};
use monitor_runtime::actix::Monitor;
use monitor_runtime::sample_value;

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a status")
}

fn answer(code: u16) -> HttpResponse {
    HttpResponse::build(status(code)).body("untouched")
}

/// It has another response than the status that it says.
#[derive(Debug)]
struct Says {
    status: u16,
    response: u16,
}

/// It is answered as what is in it.
#[derive(Debug)]
struct Holds(Error);

macro_rules! display {
    ($($error:ty)*) => {$(
        impl fmt::Display for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("untouched")
            }
        }
    )*};
}
display!(Says Holds);

impl ResponseError for Says {
    fn status_code(&self) -> StatusCode {
        status(self.status)
    }

    fn error_response(&self) -> HttpResponse {
        answer(self.response)
    }
}

impl ResponseError for Holds {
    fn error_response(&self) -> HttpResponse {
        self.0.error_response()
    }
}

const KINDS: [(&str, u16); 12] = [
    ("plain", 404),
    ("default", 500),
    ("response-alone", 404),
    ("response-alone-503", 503),
    ("redirect", 303),
    ("redirect-alone", 307),
    ("fine-alone", 200),
    ("internal", 409),
    ("internal-response", 404),
    ("internal-response-500", 500),
    ("nested", 410),
    ("nested-response", 502),
];

fn error(kind: &str) -> Error {
    match kind {
        "plain" => error::ErrorNotFound("untouched"),
        "default" => error::ErrorInternalServerError("untouched"),
        "response-alone" => Says { status: 500, response: 404 }.into(),
        "response-alone-503" => Says { status: 500, response: 503 }.into(),
        "redirect" => Says { status: 303, response: 303 }.into(),
        "redirect-alone" => Says { status: 500, response: 307 }.into(),
        "fine-alone" => Says { status: 500, response: 200 }.into(),
        "internal" => InternalError::new("untouched", status(409)).into(),
        "internal-response" => InternalError::from_response("", answer(404)).into(),
        "internal-response-500" => InternalError::from_response("", answer(500)).into(),
        "nested" => Holds(Says { status: 500, response: 410 }.into()).into(),
        "nested-response" => Holds(InternalError::from_response("", answer(502)).into()).into(),
        other => panic!("{other}"),
    }
}

fn kind(request: &HttpRequest) -> &str {
    request.match_info().get("kind").unwrap_or_default()
}

/// It is never there.
struct Extracted;

impl FromRequest for Extracted {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Err(error(kind(request))))
    }
}

fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (started, starts) = mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(|| {
                let json = JsonConfig::default().error_handler(|_, request| error(kind(request)));
                App::new()
                    .app_data(json)
                    .route(
                        "/handler/{kind}",
                        web::post().to(async |request: HttpRequest| Err::<&str, Error>(error(kind(&request)))),
                    )
                    .route("/extractor/{kind}", web::post().to(async |_: Extracted| "never"))
                    .route("/json/{kind}", web::post().to(async |_: Json<u8>| "never"))
                    .service(
                        web::resource("/middleware/{kind}")
                            .wrap_fn(|request, _| {
                                let error = error(kind(request.request()));
                                async move { Err::<actix_web::dev::ServiceResponse, Error>(error) }
                            })
                            .route(web::post().to(HttpResponse::Ok)),
                    )
                    .wrap(Monitor::default())
            });
            let server = server.workers(1).disable_signals().listen(listener).expect("a listener").run();
            started.send(()).expect("the test waits");
            server.await.expect("served");
        });
    });
    starts.recv().expect("the server starts");
    address
}

/// The status and the body.
fn post(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: 2\r\n\r\n[]"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

#[test]
fn the_status_of_an_error_is_the_one_that_the_client_gets() {
    let address = start();
    for place in ["handler", "extractor", "json", "middleware"] {
        for (kind, expected) in KINDS {
            let endpoint = format!("/{place}/{{kind}}");
            let recorded = |status: &str| {
                let labels = [("endpoint", endpoint.as_str()), ("method", "POST"), ("status", status)];
                sample_value("api_requests_total", &labels).unwrap_or(0.0)
            };
            let (all, ours) = (["200", "303", "307", "404", "409", "410", "500", "502", "503"], expected.to_string());
            let before = all.map(recorded);
            let (status, body) = post(address, &format!("/{place}/{kind}"));
            assert_eq!((status, body.contains("untouched")), (expected, true), "{place} {kind}: {body}");
            let after = all.map(recorded);
            for (status, (before, after)) in all.into_iter().zip(before.into_iter().zip(after)) {
                let added = if status == ours { 1.0 } else { 0.0 };
                assert_eq!(after - before, added, "{place} {kind}: recorded as {status}");
            }
        }
    }
}
