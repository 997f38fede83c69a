//! Bodies that are streamed and connections that are upgraded, by a paid function and on a paid route: they are paid when
//! their headers are ready, and not before.

use std::future::ready;

use actix_web::body::BodyStream;
use actix_web::web::{self, Bytes, Data, Path, Payload, ServiceConfig};
use actix_web::{Error, HttpResponse, get};
use futures_util::stream;
use monitor_runtime::actix::PaidRoute;
use monitor_runtime::credits::{AccountId, Balance, Credits, CreditsError, Held, Operation};
use monitor_runtime::{scope, with_credits};
use tokio::sync::Semaphore;

use super::server::{Client, Server, State};
use crate::support::{Purse, eventually};

/// Lets those through that wait before their headers.
static GATE: Semaphore = Semaphore::const_new(0);

/// What a handler does before its headers are ready.
async fn prepared(bodies: State, when: &str) {
    bodies.begin();
    match when {
        "now" => {}
        "gate" => GATE.acquire().await.expect("it is never closed").forget(),
        _ => std::future::pending().await,
    }
}

async fn endless(bodies: State, when: Path<String>) -> HttpResponse {
    prepared(bodies, &when).await;
    let chunks = stream::repeat_with(|| Ok::<_, Error>(Bytes::from(vec![b'x'; 16 * 1024])));
    HttpResponse::Ok().body(BodyStream::new(chunks))
}

/// Sends back what it gets: what a websocket is before its frames.
async fn echo(bodies: State, when: Path<String>, payload: Payload) -> HttpResponse {
    prepared(bodies, &when).await;
    HttpResponse::SwitchingProtocols().upgrade("websocket").streaming(payload)
}

#[get("/function/endless/{when}")]
#[with_credits(cost = 5, operation = "http endless")]
async fn paid_endless(bodies: State, when: Path<String>) -> HttpResponse {
    endless(bodies, when).await
}

#[get("/function/echo/{when}")]
#[with_credits(cost = 5, operation = "http echo")]
async fn paid_echo(bodies: State, when: Path<String>, payload: Payload) -> HttpResponse {
    echo(bodies, when, payload).await
}

/// A credit for each chunk that was sent, of those that are held.
struct Metered {
    held: Option<Held>,
    chunks: i64,
}

impl Drop for Metered {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            // Nobody waits for it: the ledger's keeper does.
            drop(held.capture_part(self.chunks));
        }
    }
}

#[get("/metered/{chunks}")]
async fn metered(chunks: Path<i64>, credits: Data<Credits>) -> Result<HttpResponse, CreditsError> {
    let account = AccountId::new(scope::current().account().ok_or(CreditsError::NoAccount)?)?;
    let most = chunks.into_inner();
    let held = credits.hold(&account, &Operation::new("http metered")?, most).await?;
    let chunks = stream::unfold(Metered { held: Some(held), chunks: 0 }, move |mut metered| {
        let next = (metered.chunks < most).then(|| {
            metered.chunks += 1;
            (Ok::<_, Error>(Bytes::from(vec![b'x'; 256 * 1024])), metered)
        });
        ready(next)
    });
    Ok(HttpResponse::Ok().body(BodyStream::new(chunks)))
}

pub(super) fn configure(app: &mut ServiceConfig) {
    let route = |path| web::resource(path).wrap(PaidRoute::cost(5));
    app.service((paid_endless, paid_echo, metered))
        .service(route("/route/endless/{when}").route(web::get().to(endless)))
        .service(route("/route/echo/{when}").route(web::get().to(echo)));
}

/// All that is paid here, with headers that come at that time.
fn paths(when: &str) -> [String; 4] {
    ["/function/endless", "/route/endless", "/function/echo", "/route/echo"].map(|path| format!("{path}/{when}"))
}

fn client(server: &Server, account: &str, path: &str) -> Client {
    let client = server.client(account);
    if path.contains("echo") { client.with("connection: upgrade").with("upgrade: websocket") } else { client }
}

#[test]
fn a_stream_and_an_upgrade_are_paid_when_their_headers_are_ready() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    for (n, path) in paths("now").iter().enumerate() {
        let mut client = client(&server, &purse.name, path);
        client.send("GET", path, "");
        let response = client.response().expect("headers");
        let status = if path.contains("echo") { 101 } else { 200 };
        assert_eq!((response.status, response.header("x-credits-used")), (status, Some("5")), "{path}");
        // Paid, and nothing of it is held, while it goes on.
        let paid = 5 * (n as i64 + 1);
        purse.settles_at(paid);
        if path.contains("echo") {
            for text in ["a", "word or two"] {
                client.write(text.as_bytes());
                assert_eq!(client.read_text(text.len()), text);
            }
        } else {
            client.read(100_000);
        }
        // What becomes of it then changes nothing.
        client.reset();
        purse.settles_at(paid);
    }
}

#[test]
fn who_cannot_pay_gets_no_stream_and_no_upgrade() {
    let purse = Purse::with(4);
    let server = Server::start(&purse.credits);
    for path in paths("now") {
        let mut client = client(&server, &purse.name, &path);
        client.send("GET", &path, "");
        assert_eq!(client.response().expect("a refusal").status, 402, "{path}");
    }
    assert_eq!(server.bodies.began(), 0);
    purse.settles_at(0);
}

#[test]
fn a_client_that_is_gone_before_the_headers_pays_only_if_it_left_quietly() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    // Reset: what was under way is dropped.
    for (n, path) in paths("never").iter().enumerate() {
        let mut client = client(&server, &purse.name, path);
        client.send("GET", path, "");
        eventually("the body has begun", || server.bodies.began() == n as u64 + 1);
        assert_eq!(purse.balance(), Balance { available: 95, held: 5 });
        client.reset();
        purse.settles_at(0);
    }
    // Closed in good order, which may be a client that only has nothing more to say: it is served to the end.
    let began = server.bodies.began();
    for (n, path) in paths("gate").iter().enumerate() {
        let mut client = client(&server, &purse.name, path);
        client.send("GET", path, "");
        eventually("the body has begun", || server.bodies.began() == began + n as u64 + 1);
        drop(client);
        GATE.add_permits(1);
        purse.settles_at(5 * (n as i64 + 1));
    }
}

#[test]
fn a_hold_that_moves_into_the_stream_pays_for_what_was_sent() {
    let purse = Purse::with(1_000);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    client.send("GET", "/metered/1000", "");
    assert_eq!(client.response().expect("headers").status, 200);
    assert_eq!(purse.balance(), Balance { available: 0, held: 1_000 });
    client.read(2_000_000);
    client.reset();
    eventually("nothing is held", || purse.balance().held == 0);
    let paid = purse.captured();
    assert!((8..1_000).contains(&paid), "{paid} chunks");
    purse.settles_at(paid);
}
