//! Requests that are sent again: at once after they failed, while the first still runs, and when it has run for longer than
//! a hold lives. In every ledger.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, error, post, web};
use monitor_runtime::actix::PaidRoute;
use monitor_runtime::credits::{self, AccountId, Balance, Credits, CreditsError, Grant, Memory};
use monitor_runtime::with_credits;

use super::server::{Server, State};
use crate::support::eventually;

/// Short for a hold, and long for a machine that is busy.
const LIFETIME: Duration = Duration::from_secs(3);

#[post("/again/slow/{milliseconds}")]
#[with_credits(cost = 5, operation = "again slow")]
async fn slow(bodies: State, milliseconds: web::Path<u64>) -> HttpResponse {
    bodies.begin();
    tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
    HttpResponse::Ok().finish()
}

/// Its paid part waits on the thread.
#[post("/again/sync/{status}")]
async fn sync(status: web::Path<u16>) -> actix_web::Result<HttpResponse> {
    #[with_credits(cost = 5, operation = "again sync")]
    fn work(fails: bool) -> Result<(), CreditsError> {
        if fails { Err(CreditsError::InvalidLifetime) } else { Ok(()) }
    }
    work(*status >= 400)?;
    Ok(HttpResponse::Ok().finish())
}

/// Charges nothing where the status is 204.
#[post("/again/charged/{status}")]
#[with_credits(cost = 5, operation = "again charged")]
async fn charged(status: web::Path<u16>) -> actix_web::Result<HttpResponse> {
    if *status == 204 {
        credits::charge(0).map_err(error::ErrorInternalServerError)?;
    }
    Ok(HttpResponse::build(StatusCode::from_u16(*status).map_err(error::ErrorBadRequest)?).finish())
}

/// Two paid steps and an answer; whichever is told to fail does.
#[post("/again/steps/{fails}")]
async fn steps(bodies: State, fails: web::Path<String>) -> actix_web::Result<HttpResponse> {
    #[with_credits(cost = 2, operation = "again first")]
    async fn first(bodies: &State) -> Result<(), CreditsError> {
        bodies.begin();
        Ok(())
    }
    #[with_credits(cost = 3, operation = "again second")]
    async fn second(fails: bool) -> Result<(), CreditsError> {
        if fails { Err(CreditsError::InvalidLifetime) } else { Ok(()) }
    }
    first(&bodies).await?;
    match (second(fails.as_str() == "second").await, fails.as_str()) {
        (Err(_), "second") => Ok(HttpResponse::BadGateway().finish()),
        (second, _) => {
            second?;
            // The same once more, under a key of its own.
            first(&bodies).await?;
            Ok(if fails.as_str() == "answer" { HttpResponse::Conflict() } else { HttpResponse::Ok() }.finish())
        }
    }
}

/// The second step fails, and the answer is given without it.
#[post("/again/without")]
async fn without(bodies: State) -> HttpResponse {
    #[with_credits(cost = 2, operation = "again without")]
    async fn first(bodies: &State) -> Result<(), CreditsError> {
        bodies.begin();
        Ok(())
    }
    #[with_credits(cost = 100, operation = "again too dear")]
    async fn second() -> Result<(), CreditsError> {
        Ok(())
    }
    match (first(&bodies).await, second().await) {
        (Ok(()), Err(_)) => HttpResponse::Ok().finish(),
        (Err(refused), _) => actix_web::ResponseError::error_response(&refused),
        other => panic!("{other:?}"),
    }
}

async fn route(status: web::Path<u16>) -> actix_web::Result<HttpResponse> {
    Ok(HttpResponse::build(StatusCode::from_u16(*status).map_err(error::ErrorBadRequest)?).finish())
}

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service((slow, sync, charged, steps, without)).service(
        web::resource("/again/route/{status}")
            .wrap(PaidRoute::cost(5).operation("again route"))
            .route(web::post().to(route)),
    );
}

fn account(credits: &Credits, granted: i64) -> AccountId {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("again-{}-{}", std::process::id(), NUMBER.fetch_add(1, SeqCst));
    let account = AccountId::new(name).expect("a name");
    credits.grant(Grant::new(account.clone(), granted)).wait().expect("granted");
    account
}

fn left(credits: &Credits, account: &AccountId, available: i64) {
    let balance = Balance { available, held: 0 };
    eventually("all is settled", || credits.balance(account.clone()).wait() == Ok(balance));
    assert_eq!(credits.verify().wait().expect("verified").violations, []);
}

/// Credits for one request. It fails, and is sent again as soon as its answer is there: never refused, with a key or
/// without.
fn prompt_retries(credits: &Credits, times: u32) {
    let server = Server::start(credits);
    let account = account(credits, 5);
    // The status that fails, whatever answers it: a response, an error, a refusal, a price of nothing, a route.
    let pairs = [
        ("/answer/500", "/answer/200"),
        ("/answer/502", "/answer/200"),
        ("/answer/404", "/answer/200"),
        ("/again/sync/500", "/again/sync/200"),
        ("/again/charged/204", "/again/charged/200"),
        ("/again/route/503", "/again/route/200"),
    ];
    let mut refused = Vec::new();
    for round in 0..times {
        for (number, (fails, works)) in pairs.iter().enumerate() {
            let key = (round % 2 == 0).then(|| format!("idempotency-key: {round}-{number}"));
            let client = server.client(account.as_str());
            let mut client = if let Some(key) = &key { client.with(key) } else { client };
            let first = client.post(fails);
            assert!(first.status >= 400 || first.status == 204, "{fails}: {first:?}");
            let second = client.post(works);
            if second.status == 200 {
                credits.grant(Grant::new(account.clone(), 5)).wait().expect("granted");
            } else {
                refused.push((*works, key, second.status));
                // So that the next is not refused for this one.
                eventually("its credits are back", || {
                    credits.balance(account.clone()).wait().is_ok_and(|balance| balance.available == 5)
                });
            }
        }
    }
    let sent = times as usize * pairs.len();
    assert!(refused.is_empty(), "{} of {sent} prompt retries were refused: {:?}", refused.len(), refused.first());
    left(credits, &account, 5);
}

/// Credits for one request, which runs for longer than two lives of its hold: while it does, nothing else is served, with
/// its key or without, and it is paid once.
fn one_at_a_time(credits: &Credits) {
    let server = Server::start(credits);
    let account = account(credits, 5);
    let path = format!("/again/slow/{}", (LIFETIME * 2 + LIFETIME / 3).as_millis());
    let begun = server.bodies.began();
    let mut first = server.client(account.as_str()).with("idempotency-key: k");
    first.send("POST", &path, "");
    eventually("its body runs", || server.bodies.began() == begun + 1);
    let begin = Instant::now();
    let answered = thread::spawn(move || first.response().expect("an answer").status);
    let mut sent = 0;
    while begin.elapsed() < LIFETIME * 2 {
        let again = server.client(account.as_str()).with("idempotency-key: k").post(&path);
        assert_eq!(again.status, 409, "{again:?}");
        let other = server.client(account.as_str()).post(&path);
        assert_eq!(other.status, 402, "{other:?}");
        sent += 1;
        thread::sleep(Duration::from_millis(150));
    }
    assert!(sent > 3);
    assert_eq!(answered.join().expect("no panic"), 200);
    assert_eq!(server.bodies.began(), begun + 1, "one body ran");
    left(credits, &account, 0);
    let again = server.client(account.as_str()).with("idempotency-key: k").post(&path);
    assert_eq!(again.status, 409, "it was paid: {again:?}");
}

/// Two paid steps under one key. A request that fails is paid in no part, so that it can be sent again; one that succeeds
/// is paid in all its parts, once.
fn steps_are_paid_together(credits: &Credits) {
    let server = Server::start(credits);
    let account = account(credits, 12);
    let client = |key: &str| server.client(account.as_str()).with(&format!("idempotency-key: {key}"));
    let balance = || credits.balance(account.clone()).wait().expect("a balance");
    for round in 0..10 {
        let key = format!("k{}", round % 2);
        for fails in ["second", "answer", "second"] {
            let failed = client(&key).post(&format!("/again/steps/{fails}"));
            assert_eq!(failed.status, if fails == "second" { 502 } else { 409 }, "{failed:?}");
            assert!(failed.header("x-credits-used").is_none(), "{failed:?}");
            assert_eq!(balance(), Balance { available: 12, held: 0 }, "its credits are back when its answer is");
        }
    }
    let paid = client("k1").post("/again/steps/none");
    assert_eq!((paid.status, paid.header("x-credits-used")), (200, Some("7")), "{paid:?}");
    let begun = server.bodies.began();
    for fails in ["none", "second", "answer"] {
        let again = client("k1").post(&format!("/again/steps/{fails}"));
        assert_eq!(again.status, 409, "{again:?}");
    }
    // A step that failed where the answer did not is not tried again: the request was served.
    assert_eq!(client("other").post("/again/without").status, 200);
    assert_eq!(client("other").post("/again/without").status, 409);
    assert_eq!(server.bodies.began(), begun + 1, "nothing ran that was paid before");
    left(credits, &account, 3);
}

fn with(ledger: impl credits::Ledger) -> Credits {
    Credits::builder(ledger).hold_lifetime(LIFETIME).build()
}

/// The same in this process, without a server.
fn prompt_calls(credits: &Credits, times: u32) {
    #[with_credits(cost = 5, operation = "prompt")]
    async fn work(fails: bool) -> Result<(), CreditsError> {
        if fails { Err(CreditsError::InvalidLifetime) } else { Ok(()) }
    }
    let account = account(credits, 5);
    let scope = monitor_runtime::scope::Scope::of(account.as_str()).ledger(credits.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let refused = runtime.block_on(scope.around(async {
        let mut refused = 0;
        for _ in 0..times {
            assert_eq!(work(true).await, Err(CreditsError::InvalidLifetime));
            match work(false).await {
                Ok(()) => drop(credits.grant(Grant::new(account.clone(), 5)).wait()),
                Err(_) => refused += 1,
            }
        }
        refused
    }));
    assert_eq!(refused, 0, "of {times} calls after a failed one");
}

#[test]
fn a_prompt_retry_is_served() {
    let credits = with(Memory::new());
    prompt_calls(&credits, 1_000);
    prompt_retries(&credits, 100);
}

#[test]
fn a_request_that_outlives_its_hold_is_alone_and_is_paid_once() {
    one_at_a_time(&with(Memory::new()));
}

#[test]
fn the_steps_of_a_request_with_a_key_are_paid_together() {
    steps_are_paid_together(&with(Memory::new()));
}

#[cfg(feature = "sqlite")]
mod in_a_file {
    use monitor_runtime::credits::Sqlite;

    use super::*;

    fn in_a_file(check: impl Fn(&Credits)) {
        let folder = tempfile::tempdir().expect("a folder");
        check(&with(Sqlite::open(folder.path().join("credits.db")).expect("a ledger")));
    }

    #[test]
    fn a_prompt_retry_is_served() {
        in_a_file(|credits| {
            prompt_calls(credits, 200);
            prompt_retries(credits, 30);
        });
    }

    #[test]
    fn a_request_that_outlives_its_hold_is_alone_and_is_paid_once() {
        in_a_file(one_at_a_time);
    }

    #[test]
    fn the_steps_of_a_request_with_a_key_are_paid_together() {
        in_a_file(steps_are_paid_together);
    }
}

#[cfg(feature = "postgres")]
mod in_a_server {
    use monitor_runtime::credits::Postgres;

    use super::*;

    fn in_a_server(check: impl Fn(&Credits)) {
        check(&with(Postgres::open(&servers::Postgres::shared().database()).expect("a ledger")));
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run runs it"]
    fn a_prompt_retry_is_served() {
        in_a_server(|credits| {
            prompt_calls(credits, 200);
            prompt_retries(credits, 30);
        });
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run runs it"]
    fn a_request_that_outlives_its_hold_is_alone_and_is_paid_once() {
        in_a_server(one_at_a_time);
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run runs it"]
    fn the_steps_of_a_request_with_a_key_are_paid_together() {
        in_a_server(steps_are_paid_together);
    }
}
