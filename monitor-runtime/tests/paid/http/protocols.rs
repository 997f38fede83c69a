//! What becomes of a paid call whose client is gone, over HTTP/2, as far as actix-web lets it be known. Over HTTP/1.1 see
//! `streams` and `strays`.

use std::time::Duration;

use actix_web::web::{Bytes, ServiceConfig};
use actix_web::{HttpResponse, post};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use monitor_runtime::{sample_value, with_credits};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, block_in_place};

use super::server::{Kind, Server, State};
use crate::support::{Purse, eventually};

/// Lets those through that are being served.
static GATE: Semaphore = Semaphore::const_new(0);

#[post("/protocols/gate")]
#[with_credits(cost = 5, operation = "http 2")]
async fn gate(bodies: State) -> HttpResponse {
    bodies.begin();
    GATE.acquire().await.expect("it is never closed").forget();
    HttpResponse::Ok().body("done")
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(gate);
}

struct Client {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    account: String,
}

impl Client {
    async fn connect(server: &Server, account: &str) -> Client {
        let stream = TcpStream::connect(server.address).await.expect("a connection");
        // Dropped, it is reset.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket");
        let (requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        Client { requests, connection: tokio::spawn(connection), account: account.to_owned() }
    }

    async fn send(&self, path: &str) -> (ResponseFuture, SendStream<Bytes>) {
        let request = http_02::Request::post(format!("http://test{path}"));
        let request = request.header("authorization", format!("Bearer {}", self.account)).body(()).expect("a request");
        let mut requests = self.requests.clone().ready().await.expect("a stream");
        requests.send_request(request, true).expect("sent")
    }

    /// Frames are read in their order: when this is answered, what was sent before it was seen.
    async fn is_served(&self) {
        let (response, _) = self.send("/free").await;
        assert_eq!(response.await.expect("a response").status(), 200);
    }
}

/// With HTTP/2, actix-web serves each stream in a task of its own, and tells nobody that the stream was reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_2_a_call_is_served_to_its_end_and_paid_whatever_becomes_of_its_client() {
    let purse = Purse::with(100);
    let server = block_in_place(|| Server::of(&purse.credits, Kind::Http2));
    let begins = |number| block_in_place(|| eventually("the body has begun", || server.bodies.began() == number));
    let answered = || {
        let labels = [("endpoint", "/protocols/gate"), ("method", "POST"), ("status", "200")];
        sample_value("api_requests_total", &labels).unwrap_or(0.0)
    };

    // A stream that is reset.
    let client = Client::connect(&server, &purse.name).await;
    let (response, mut stream) = client.send("/protocols/gate").await;
    begins(1);
    stream.send_reset(Reason::CANCEL);
    client.is_served().await;
    assert_eq!(purse.balance().held, 5, "it is served on");
    GATE.add_permits(1);
    block_in_place(|| purse.settles_at(5));
    block_in_place(|| eventually("it is counted", || answered() == 1.0));
    assert!(response.await.is_err(), "the client has no answer");

    // A connection that is lost.
    let _ = client.send("/protocols/gate").await;
    begins(2);
    client.connection.abort();
    assert!(client.connection.await.is_err());
    drop(client.requests);
    let client = Client::connect(&server, &purse.name).await;
    client.is_served().await;
    GATE.add_permits(1);
    block_in_place(|| purse.settles_at(10));
    block_in_place(|| eventually("it is counted", || answered() == 2.0));

    // A client that says goodbye, and waits for what it asked for.
    let (response, _) = client.send("/protocols/gate").await;
    begins(3);
    drop(client.requests);
    GATE.add_permits(1);
    let response = response.await.expect("a response");
    assert_eq!((response.status().as_u16(), &response.headers()["x-credits-used"]), (200, &"5".parse().expect("text")));
    block_in_place(|| purse.settles_at(15));
    drop(client.connection);
    block_in_place(move || drop(server));
}
