//! Our attributes above and below those of actix-web, of tokio and of the test harness.

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, Error, HttpResponse, Responder, error, get, post, web};
use monitor_runtime::actix::OnBehalf;
use monitor_runtime::credits::{AccountId, Credits, Grant, Memory};
use monitor_runtime::{Outcome, assert_delta};

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "handlers_calls_total" { kind: &'static str };
    /// Calls by outcome
    counter OUTCOMES = "handlers_outcomes_total" { outcome: Outcome, #[label(max = 9)] name: &str };
    /// Seconds
    histogram LATENCY = "handlers_latency_seconds";
}

#[get("/below/{name}")]
#[monitor_runtime::instrument(counter = CALLS, kind = "below")]
async fn below(name: web::Path<String>) -> actix_web::Result<HttpResponse> {
    match name.as_str() {
        "ada" => Ok(HttpResponse::Ok().body("hello")),
        "eve" => Err(error::ErrorForbidden("no")),
        _ => Ok(HttpResponse::NotFound().finish()),
    }
}

#[monitor_runtime::instrument(counter = CALLS, kind = "above")]
#[monitor_runtime::track_latency(LATENCY)]
#[get("/above")]
async fn above() -> impl Responder {
    "hello"
}

#[post("/labelled/{name}")]
#[monitor_runtime::instrument(counter = OUTCOMES, on = "any", name = name.clone(), outcome)]
async fn labelled(name: web::Path<String>) -> Result<String, Error> {
    let name = name.into_inner();
    if name == "eve" {
        return Err(error::ErrorPaymentRequired("no credits"));
    }
    if name == "bob" {
        return Err(error::ErrorInternalServerError("broken"));
    }
    Ok(name)
}

#[monitor_runtime::instrument(counter = CALLS, kind = "route")]
async fn route(body: String) -> HttpResponse {
    if body.is_empty() { HttpResponse::BadRequest().finish() } else { HttpResponse::Ok().finish() }
}

#[post("/paid/below/{status}")]
#[monitor_runtime::with_credits(cost = 5, operation = "below")]
async fn paid_below(status: web::Path<u16>) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(*status).unwrap_or_default()).finish()
}

#[monitor_runtime::with_credits(cost = 5, operation = "above")]
#[post("/paid/above/{status}")]
async fn paid_above(status: web::Path<u16>) -> actix_web::Result<HttpResponse> {
    let status = StatusCode::from_u16(*status).map_err(error::ErrorBadRequest)?;
    Ok(HttpResponse::build(status).finish())
}

#[post("/paid/inside/{status}")]
#[monitor_runtime::with_credits(cost = 5, operation = "inside")]
#[monitor_runtime::instrument(counter = OUTCOMES, on = "any", name = "inside", outcome)]
async fn paid_inside(status: web::Path<u16>) -> actix_web::Result<(String, StatusCode)> {
    let status = StatusCode::from_u16(*status).map_err(error::ErrorBadRequest)?;
    Ok((status.to_string(), status))
}

#[post("/paid/outside/{status}")]
#[monitor_runtime::instrument(counter = OUTCOMES, on = "any", name = "outside", outcome)]
#[monitor_runtime::with_credits(cost = 5, operation = "outside")]
async fn paid_outside(status: web::Path<u16>) -> actix_web::Result<impl Responder> {
    let status = StatusCode::from_u16(*status).map_err(error::ErrorBadRequest)?;
    Ok(HttpResponse::build(status).finish())
}

#[tokio::main(flavor = "current_thread")]
#[monitor_runtime::instrument(counter = CALLS, kind = "main below")]
async fn main_below() -> Result<u8, std::num::ParseIntError> {
    let number: u8 = "5".parse()?;
    Ok(number)
}

#[monitor_runtime::instrument(counter = CALLS, kind = "main above")]
#[tokio::main(flavor = "current_thread")]
async fn main_above() -> Result<u8, std::num::ParseIntError> {
    let number: u8 = "5".parse()?;
    Ok(number)
}

#[actix_web::test]
async fn handlers_are_judged_by_their_status_wherever_the_attribute_stands() {
    let app = App::new().service(below).service(above).service(labelled).route("/route", web::post().to(route));
    let app = init_service(app).await;
    let get = |path: &str| TestRequest::get().uri(path).to_request();
    let post = |path: &str| TestRequest::post().uri(path).to_request();

    for (path, counted) in [("/below/ada", 1), ("/below/eve", 0), ("/below/bob", 0)] {
        assert_delta!(CALLS { kind: "below" }, counted, call_service(&app, get(path)).await);
    }
    assert_delta!(CALLS { kind: "above" }, 1, {
        let answer = assert_delta!(LATENCY {}, 1, call_service(&app, get("/above")).await);
        assert_eq!(answer.status(), StatusCode::OK);
    });
    let names = [("ada", Outcome::Success), ("eve", Outcome::Refused), ("bob", Outcome::Failure)];
    for (name, outcome) in names {
        let path = format!("/labelled/{name}");
        assert_delta!(OUTCOMES { outcome, name }, 1, call_service(&app, post(&path)).await);
    }
    let full = TestRequest::post().uri("/route").set_payload("body").to_request();
    assert_delta!(CALLS { kind: "route" }, 1, call_service(&app, full).await);
    assert_delta!(CALLS { kind: "route" }, 0, call_service(&app, post("/route")).await);
}

#[actix_web::test]
async fn a_handler_is_paid_for_by_its_status_wherever_the_attribute_stands() {
    for (number, route) in ["below", "above", "inside", "outside"].into_iter().enumerate() {
        let credits = Credits::new(Memory::new());
        let account = AccountId::new(format!("ada-{number}")).expect("a name");
        credits.grant(Grant::new(account.clone(), 12)).wait().expect("granted");
        let name = account.to_string();
        let routes = (paid_below, paid_above, paid_inside, paid_outside);
        let on_behalf = OnBehalf::of(move |_| Some(name.clone())).ledger(credits.clone());
        let app = init_service(App::new().service(routes).wrap(on_behalf)).await;
        for (status, answered, used) in [(200, 200, 5), (404, 404, 5), (500, 500, 5), (201, 201, 10), (200, 402, 10)] {
            let request = TestRequest::post().uri(&format!("/paid/{route}/{status}")).to_request();
            let answer = call_service(&app, request).await;
            assert_eq!(answer.status().as_u16(), answered, "{route}");
            // What is given back is so a moment later.
            while credits.balance(account.clone()).await.is_ok_and(|balance| balance.held > 0) {
                tokio::task::yield_now().await;
            }
            assert_eq!(credits.balance(account.clone()).await.map(|balance| balance.available), Ok(12 - used));
        }
    }
    // The lowest attribute is outermost: only so it sees that credits were refused.
    let refused = |name| OUTCOMES.with(OUTCOMES { outcome: Outcome::Refused, name }).value();
    assert_eq!((refused("inside"), refused("outside")), (2, 1));
}

#[test]
fn a_main_is_counted_wherever_the_attribute_stands() {
    assert_delta!(CALLS { kind: "main below" }, 1, assert_eq!(main_below(), Ok(5)));
    assert_delta!(CALLS { kind: "main above" }, 1, assert_eq!(main_above(), Ok(5)));
}

#[test]
#[monitor_runtime::instrument(counter = CALLS, kind = "test")]
fn a_test_below_which_the_attribute_stands() {
    assert_eq!(CALLS.with(CALLS { kind: "test" }).value(), 0);
}

#[monitor_runtime::instrument(counter = CALLS, kind = "test")]
#[should_panic(expected = "on purpose")]
#[test]
fn a_test_above_which_the_attribute_stands() {
    panic!("on purpose");
}

#[monitor_runtime::instrument(counter = CALLS, kind = "tokio")]
#[tokio::test]
async fn a_test_of_tokio_above_which_the_attribute_stands() -> Result<(), String> {
    tokio::task::yield_now().await;
    Ok(())
}

#[tokio::test]
#[monitor_runtime::instrument(counter = CALLS, kind = "tokio spawned")]
async fn a_future_can_be_spawned() {
    #[monitor_runtime::instrument(counter = CALLS, kind = "spawned")]
    async fn spawned(name: String) -> Result<usize, String> {
        tokio::task::yield_now().await;
        Ok(name.len())
    }
    let answer = assert_delta!(CALLS { kind: "spawned" }, 1, tokio::spawn(spawned("ada".to_owned())).await);
    assert_eq!(answer.ok(), Some(Ok(3)));
}
