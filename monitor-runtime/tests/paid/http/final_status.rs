//! Paid calls whose request is answered otherwise than their value said: the answer that is sent decides, as far as
//! `OnBehalf` sees it.

use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::web::{self, Json, Path, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, Responder, ResponseError, error};
use monitor_runtime::actix::PaidRoute;
use monitor_runtime::credits::CreditsError;
use monitor_runtime::scope;
use monitor_runtime::{sample_value, with_credits};
use serde_json::json;

use super::server::{Kind, Server, State};
use crate::support::{Purse, eventually};

/// What a handler has at the end, whatever was said before.
fn answer(code: u16) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(code).expect("a status")).finish()
}

#[with_credits(cost = 5, operation = "final")]
async fn response() -> HttpResponse {
    answer(200)
}

#[with_credits(cost = 5, operation = "final")]
async fn given<R: Responder>(responder: R) -> Result<R, Error> {
    Ok(responder)
}

#[with_credits(cost = 5, operation = "final")]
fn at_once(code: u16) -> Result<impl Responder, Error> {
    Ok(answer(code).customize())
}

#[with_credits(cost = 5, operation = "final")]
fn boxed(code: u16) -> Pin<Box<dyn Future<Output = Result<Option<HttpResponse>, Error>>>> {
    Box::pin(ready(Ok((code < 400).then(|| answer(code)))))
}

#[expect(clippy::manual_async_fn, reason = "the form is what is tried")]
#[with_credits(cost = 5, operation = "final")]
fn hidden(code: u16) -> impl Future<Output = actix_web::Result<(Json<u8>, StatusCode)>> {
    async move { Ok((Json(1), StatusCode::from_u16(code).map_err(error::ErrorBadRequest)?)) }
}

/// A step on the way to an answer.
#[with_credits(cost = 5, operation = "final step")]
async fn step() -> Result<u32, CreditsError> {
    Ok(1)
}

async fn fails_after_its_step() -> Result<HttpResponse, Error> {
    step().await?;
    Err(error::ErrorBadGateway("something else"))
}

async fn waits_after_its_answer(bodies: State) -> HttpResponse {
    let response = response().await;
    bodies.begin();
    std::future::pending::<()>().await;
    response
}

async fn panics_after_its_answer() -> HttpResponse {
    let _response = response().await;
    tokio::task::yield_now().await;
    panic!("on purpose");
}

async fn in_a_task() -> Result<HttpResponse, Error> {
    let task = tokio::spawn(scope::carry(step()));
    task.await.map_err(error::ErrorInternalServerError)??;
    Ok(answer(200))
}

async fn in_a_task_on_its_own() -> Result<HttpResponse, Error> {
    let task = tokio::spawn(step());
    task.await.map_err(error::ErrorInternalServerError)??;
    Ok(answer(200))
}

#[with_credits(cost = 5, operation = "final abandoned")]
async fn gives_back(bodies: State) -> HttpResponse {
    bodies.begin();
    std::future::pending().await
}

/// Work that goes on whoever waits for it.
#[with_credits(cost = 5, on_drop = "capture", operation = "final gone on")]
async fn goes_on(bodies: State) -> HttpResponse {
    let done = web::block(move || {
        bodies.begin();
        std::thread::sleep(Duration::from_millis(50));
    });
    done.await.map_or_else(|error| error.error_response(), |()| answer(200))
}

#[with_credits(cost = 5, on_drop = "capture", operation = "final gone on")]
async fn goes_on_and_panics(bodies: State) -> HttpResponse {
    bodies.begin();
    tokio::task::yield_now().await;
    panic!("on purpose");
}

#[with_credits(cost = 5, on_drop = "capture", operation = "final gone on")]
async fn goes_on_for_less(bodies: State) -> actix_web::Result<HttpResponse> {
    monitor_runtime::credits::charge(2)?;
    bodies.begin();
    std::future::pending().await
}

async fn never(bodies: State) -> HttpResponse {
    bodies.begin();
    std::future::pending().await
}

pub(super) fn configure(app: &mut ServiceConfig) {
    let generic = |code: Path<u16>| async move { given(answer(*code).customize()).await };
    let sync = |code: Path<u16>| async move { at_once(*code) };
    app.route("/final/generic/{code}", web::post().to(generic))
        .route("/final/sync/{code}", web::post().to(sync))
        .route("/final/boxed/{code}", web::post().to(|code: Path<u16>| boxed(*code)))
        .route("/final/hidden/{code}", web::post().to(|code: Path<u16>| hidden(*code)))
        .route("/final/step", web::post().to(fails_after_its_step))
        .route("/final/waits", web::post().to(waits_after_its_answer))
        .route("/final/panics", web::post().to(panics_after_its_answer))
        .route("/final/task", web::post().to(in_a_task))
        .route("/final/task-on-its-own", web::post().to(in_a_task_on_its_own))
        .route("/final/abandoned", web::post().to(gives_back))
        .route("/final/gone-on", web::post().to(goes_on))
        .route("/final/gone-on-and-panics", web::post().to(goes_on_and_panics))
        .route("/final/gone-on-for-less", web::post().to(goes_on_for_less))
        .service(
            web::resource("/final/route-gone-on")
                .wrap(PaidRoute::cost(5).operation("final gone on").capture_on_drop())
                .route(web::post().to(never)),
        );
    // A middleware between the call and `OnBehalf` that answers otherwise than the handler.
    app.service(
        web::scope("/final/late/{how}")
            .route("/response", web::post().to(response))
            .service(
                web::resource("/route")
                    .wrap(PaidRoute::cost(5).operation("final"))
                    .route(web::post().to(async || answer(201))),
            )
            .wrap_fn(|request, inner| {
                let how = request.match_info().get("how").unwrap_or_default().to_owned();
                let served = inner.call(request);
                async move {
                    let response: ServiceResponse<_> = served.await?;
                    match how.as_str() {
                        "fails" => Err(error::ErrorInternalServerError("the session was not saved")),
                        "turns" => {
                            let (request, _): (HttpRequest, _) = response.into_parts();
                            Ok(ServiceResponse::new(request, answer(503)).map_into_right_body())
                        }
                        _ => Ok(response.map_into_left_body()),
                    }
                }
            }),
    );
}

fn charged_errors(operation: &str) -> f64 {
    sample_value("credit_charged_errors_total", &[("operation", operation)]).unwrap_or(0.0)
}

#[test]
fn what_a_middleware_or_a_responder_answers_in_the_end_decides() {
    let purse = Purse::with(1_000);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    let mut paid = 0;
    let mut is = |path: String, status: u16, pays: bool| {
        let response = client.post(&path);
        let used = pays.then_some("5");
        assert_eq!((response.status, response.header("x-credits-used")), (status, used), "{path}");
        paid += if pays { 5 } else { 0 };
        purse.settles_at(paid);
    };
    for paying in ["response", "route"] {
        let status = if paying == "route" { 201 } else { 200 };
        is(format!("/final/late/stays/{paying}"), status, true);
        is(format!("/final/late/fails/{paying}"), 500, false);
        is(format!("/final/late/turns/{paying}"), 503, false);
    }
    for paying in ["generic", "sync", "hidden"] {
        for (status, pays) in [(200, true), (303, true), (404, false), (500, false)] {
            is(format!("/final/{paying}/{status}"), status, pays);
        }
    }
    is("/final/boxed/200".to_owned(), 200, true);
    is("/final/boxed/500".to_owned(), 404, false);
    assert_eq!(charged_errors("final"), 0.0);
}

#[test]
fn a_step_that_succeeded_is_paid_although_its_request_fails_and_that_is_counted() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    let response = server.client(&purse.name).post("/final/step");
    assert_eq!(response.status, 502);
    purse.settles_at(5);
    assert_eq!(charged_errors("final step"), 1.0);
}

#[test]
fn a_request_that_ends_without_an_answer_gives_back_what_waited_for_it() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    client.send("POST", "/final/waits", "");
    eventually("the call has returned", || server.bodies.began() == 1);
    assert_eq!(purse.balance().held, 5);
    client.reset();
    purse.settles_at(0);
    let mut client = server.client(&purse.name);
    client.send("POST", "/final/panics", "");
    assert!(client.response().is_none());
    purse.settles_at(0);
}

#[test]
fn a_program_without_a_scope_is_told_apart_from_a_user_without_an_account() {
    let purse = Purse::with(100);
    let server = Server::of(&purse.credits, Kind::WithoutOnBehalf);
    let mut client = server.client(&purse.name);
    for path in ["/answer/200", "/route/7", "/scope/less?7", "/final/generic/200", "/final/task"] {
        let response = client.post(path);
        let problem = response.json();
        assert_eq!((response.status, &problem["title"]), (500, &json!("Credits could not be held")), "{path}");
        assert!(!response.body.contains("Sign in"), "{}", response.body);
    }
    // An account that was named needs no scope, but for the ledger.
    assert_eq!(client.post("/for-the-firm").status, 500);
    assert_eq!(server.bodies.began(), 0);

    let server = Server::start(&purse.credits);
    assert_eq!(server.client("").post("/answer/200").status, 401);
    let mut client = server.client(&purse.name);
    assert_eq!(client.post("/final/task").status, 200);
    assert_eq!(client.post("/final/task-on-its-own").status, 500, "nothing was carried");
    purse.settles_at(5);
}

#[test]
fn a_client_that_leaves_pays_for_work_that_goes_on_where_the_program_says_so() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    let leave = |path: &str| {
        let (mut client, began) = (server.client(&purse.name), server.bodies.began());
        client.send("POST", path, "");
        eventually("the body has begun", || server.bodies.began() == began + 1);
        client.reset();
    };
    leave("/final/abandoned");
    purse.settles_at(0);
    leave("/final/gone-on");
    purse.settles_at(5);
    leave("/final/route-gone-on");
    purse.settles_at(10);
    // What the body has said so far.
    leave("/final/gone-on-for-less");
    purse.settles_at(12);
    // Who stays pays once, and a panic is not a client that left.
    let mut client = server.client(&purse.name);
    assert_eq!(client.post("/final/gone-on").header("x-credits-used"), Some("5"));
    purse.settles_at(17);
    client.send("POST", "/final/gone-on-and-panics", "");
    assert!(client.response().is_none());
    purse.settles_at(17);
    let abandoned = |operation: &str, credits| {
        sample_value("credit_abandoned_total", &[("operation", operation), ("credits", credits)])
    };
    assert_eq!(abandoned("final abandoned", "voided"), Some(1.0));
    assert_eq!((abandoned("final gone on", "captured"), abandoned("final gone on", "voided")), (Some(3.0), Some(0.0)));
}
