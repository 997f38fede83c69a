//! Every type that a handler may return, with every attribute and on a paid route: what is counted and captured is what
//! the client is answered.

use std::borrow::Cow;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::error::{self, InternalError};
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, BytesMut, Form, Html, Json, Redirect, ServiceConfig};
use actix_web::{
    CustomizeResponder, Either, Error, HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError,
};
use monitor_runtime::actix::PaidRoute;
use monitor_runtime::{Outcome, detect_anomalies, instrument, sample_value, track_latency, with_credits};
use serde::ser::Error as _;

use super::server::Server;
use crate::support::Purse;

monitor_runtime::metrics! {
    /// Handlers that ran, by what is counted of them
    counter CALLS = "answers_calls_total" { counted: &'static str };
    /// Handlers that ran, by how they ended
    counter OUTCOMES = "answers_outcomes_total" { #[label(max = 2)] on: &str, outcome: Outcome };
    /// Time of handlers, in seconds
    histogram LATENCY = "answers_latency_seconds";
}

/// It turns out not to be any JSON, or any form, when it is asked.
struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("on purpose"))
    }
}

/// A responder of the program's own.
struct Own(u16);

impl Responder for Own {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        answer(self.0)
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a status")
}

fn answer(code: u16) -> HttpResponse {
    HttpResponse::build(status(code)).finish()
}

/// An error that says which status it has, and is answered with another.
#[derive(Debug)]
struct Says {
    status: u16,
    response: u16,
}

impl fmt::Display for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "on purpose")
    }
}

impl ResponseError for Says {
    fn status_code(&self) -> StatusCode {
        status(self.status)
    }

    fn error_response(&self) -> HttpResponse {
        answer(self.response)
    }
}

fn internal(code: u16) -> InternalError<&'static str> {
    InternalError::from_response("on purpose", answer(code))
}

/// A case: its name, the status that is answered, what the handler returns.
macro_rules! answers {
    ($($name:ident $status:literal $ty:ty => $body:expr;)*) => {
        $(mod $name {
            use super::*;

            async fn bare() -> $ty {
                $body
            }

            #[instrument(counter = CALLS, counted = "success")]
            async fn success() -> $ty { $body }

            #[instrument(counter = CALLS, on = "failure", counted = "failure", histogram = LATENCY_BY)]
            async fn failure() -> $ty {
                $body
            }

            #[track_latency(LATENCY)]
            async fn latency() -> $ty { $body }

            #[detect_anomalies("answers")]
            async fn anomalies() -> $ty {
                $body
            }

            #[instrument(counter = OUTCOMES, on = "any", labels(on = "any"), outcome)]
            async fn outcome() -> $ty { $body }

            #[with_credits(cost = 5, operation = "answers")]
            async fn paid() -> Result<$ty, Error> { Ok($body) }

            #[with_credits(cost = 5, operation = "answers, given on")]
            #[instrument(counter = CALLS, counted = "given on")]
            async fn given_on() -> Result<$ty, Error> {
                let answer = bare().await;
                Ok(answer)
            }

            pub(super) fn configure(app: &mut ServiceConfig) {
                let at = |way| format!(concat!("/answers/", stringify!($name), "/{}"), way);
                app.route(&at("success"), web::post().to(success))
                    .route(&at("failure"), web::post().to(failure))
                    .route(&at("latency"), web::post().to(latency))
                    .route(&at("anomalies"), web::post().to(anomalies))
                    .route(&at("outcome"), web::post().to(outcome))
                    .route(&at("paid"), web::post().to(paid))
                    .route(&at("given_on"), web::post().to(given_on))
                    .service(
                        web::resource(at("route"))
                            .wrap(PaidRoute::cost(5).operation("answers"))
                            .route(web::post().to(bare)),
                    );
            }
        })*

        const ANSWERS: &[(&str, u16)] = &[$((stringify!($name), $status)),*];

        pub(super) fn configure(app: &mut ServiceConfig) {
            $(app.configure($name::configure);)*
            configure_errors(app);
        }
    };
}

monitor_runtime::metrics! {
    /// Time of handlers, in seconds
    histogram LATENCY_BY = "answers_latency_by_seconds" { counted: &'static str };
}

answers! {
    response_200 200 HttpResponse => answer(200);
    response_302 302 HttpResponse => answer(302);
    response_404 404 HttpResponse => answer(404);
    response_500 500 HttpResponse => answer(500);
    response_of_text 503 HttpResponse<String> => HttpResponse::with_body(status(503), String::new());
    low_level 502 actix_web::dev::Response<BoxBody> => actix_web::dev::Response::new(status(502));
    builder_200 200 HttpResponseBuilder => HttpResponse::Ok();
    builder_409 409 HttpResponseBuilder => HttpResponse::Conflict();
    builder_500 500 HttpResponseBuilder => HttpResponse::InternalServerError();
    text 200 String => "text".to_owned();
    literal 200 &'static str => "text";
    cow 200 Cow<'static, str> => Cow::Borrowed("text");
    bytes 200 Bytes => Bytes::from_static(b"text");
    bytes_mut 200 BytesMut => BytesMut::from("text");
    octets 200 Vec<u8> => b"text".to_vec();
    slice 200 &'static [u8] => b"text";
    html 200 Html => Html::new("text");
    json 200 Json<u8> => Json(1);
    json_that_is_none 500 Json<Unwritable> => Json(Unwritable);
    form 200 Form<[(u8, u8); 1]> => Form([(1, 2)]);
    form_that_is_none 400 Form<Unwritable> => Form(Unwritable);
    redirect 303 Redirect => Redirect::to("/").see_other();
    redirect_that_fails 500 Redirect => Redirect::to("/").using_status_code(status(500));
    pair_201 201 (String, StatusCode) => (String::new(), status(201));
    pair_404 404 (Json<u8>, StatusCode) => (Json(1), status(404));
    pair_503 503 (HttpResponse, StatusCode) => (answer(200), status(503));
    pair_that_saves 200 (HttpResponse, StatusCode) => (answer(500), status(200));
    customized 201 CustomizeResponder<Json<u8>> => Json(1).customize().with_status(status(201));
    customized_404 404 CustomizeResponder<Json<u8>> => Json(1).customize().with_status(status(404));
    customized_503 503 CustomizeResponder<&'static str> => "text".customize().with_status(status(503));
    customized_header 200 CustomizeResponder<String> => String::new().customize().insert_header(("x-a", "b"));
    customized_wrongly 500 CustomizeResponder<String> => String::new().customize().insert_header(("x a", "b"));
    either_left 500 Either<HttpResponse, Json<u8>> => Either::Left(answer(500));
    either_right 200 Either<HttpResponse, Json<u8>> => Either::Right(Json(1));
    either_nested 404 Either<String, Either<HttpResponse, Own>> => Either::Right(Either::Left(answer(404)));
    either_own 502 Either<String, Either<HttpResponse, Own>> => Either::Right(Either::Right(Own(502)));
    option_some 200 Option<Json<u8>> => Some(Json(1));
    option_none 404 Option<Json<u8>> => None;
    option_response 500 Option<HttpResponse> => Some(answer(500));
    option_text 404 Option<String> => None;
    option_own 404 Option<Own> => None;
    option_of_either 404 Option<Either<String, Json<u8>>> => None;
    own_200 200 Own => Own(200);
    own_418 418 Own => Own(418);
    own_503 503 Own => Own(503);
    hidden_200 200 impl Responder => Json(1);
    hidden_404 404 impl Responder => answer(404);
    hidden_503 503 impl Responder => Json(1).customize().with_status(status(503));
    internal_404 404 InternalError<&'static str> => InternalError::new("on purpose", status(404));
    result_ok 200 Result<HttpResponse, Error> => Ok(answer(200));
    result_404 404 Result<HttpResponse, Error> => Ok(answer(404));
    result_err 403 Result<HttpResponse, Error> => Err(error::ErrorForbidden("on purpose"));
    result_nothing 204 Result<(), Error> => Ok(());
    result_none 404 Result<Option<Json<u8>>, Error> => Ok(None);
    result_customized 503 Result<CustomizeResponder<Json<u8>>, Error> =>
        Ok(Json(1).customize().with_status(status(503)));
    result_hidden 502 Result<impl Responder, Error> => Ok(Own(502));
    result_result 500 Result<Result<String, Says>, Error> => Ok(Err(Says { status: 500, response: 500 }));
    result_either 500 Result<Either<HttpResponse, Json<u8>>, Error> => Ok(Either::Left(answer(500)));
}

/// A case: its name, the status that is answered, the error that the handler returns.
macro_rules! errors {
    ($($name:ident $status:literal $ty:ty => $error:expr;)*) => {
        $(mod $name {
            use super::*;

            async fn bare() -> Result<HttpResponse, $ty> { Err($error) }

            #[instrument(counter = CALLS, counted = "success")]
            async fn success() -> Result<HttpResponse, $ty> { Err($error) }

            #[instrument(counter = CALLS, on = "failure", counted = "failure", histogram = LATENCY_BY)]
            async fn failure() -> Result<&'static str, $ty> {
                if std::hint::black_box(true) {
                    return Err($error);
                }
                Ok("text")
            }

            #[track_latency(LATENCY)]
            async fn latency() -> Result<Json<u8>, $ty> { Err($error) }

            #[detect_anomalies("answers")]
            async fn anomalies() -> Result<HttpResponse, $ty> {
                Err($error)
            }

            #[instrument(counter = OUTCOMES, on = "any", labels(on = "any"), outcome)]
            async fn outcome() -> Result<HttpResponse, $ty> { Err($error) }

            #[with_credits(cost = 5, operation = "answers")]
            async fn paid() -> Result<HttpResponse, Error> {
                bare().await?;
                Ok(answer(200))
            }

            #[with_credits(cost = 5, operation = "answers, given on")]
            #[instrument(counter = CALLS, counted = "given on")]
            async fn given_on() -> Result<Json<u8>, Error> {
                let error: $ty = $error;
                Err(error.into())
            }

            pub(super) fn configure(app: &mut ServiceConfig) {
                let at = |way| format!(concat!("/answers/", stringify!($name), "/{}"), way);
                app.route(&at("success"), web::post().to(success))
                    .route(&at("failure"), web::post().to(failure))
                    .route(&at("latency"), web::post().to(latency))
                    .route(&at("anomalies"), web::post().to(anomalies))
                    .route(&at("outcome"), web::post().to(outcome))
                    .route(&at("paid"), web::post().to(paid))
                    .route(&at("given_on"), web::post().to(given_on))
                    .service(
                        web::resource(at("route"))
                            .wrap(PaidRoute::cost(5).operation("answers"))
                            .route(web::post().to(bare)),
                    );
            }
        })*

        const ERRORS: &[(&str, u16)] = &[$((stringify!($name), $status)),*];

        fn configure_errors(app: &mut ServiceConfig) {
            $(app.configure($name::configure);)*
        }
    };
}

errors! {
    err_says_404 404 Says => Says { status: 404, response: 404 };
    err_says_nothing 404 Says => Says { status: 500, response: 404 };
    err_says_less 503 Says => Says { status: 500, response: 503 };
    err_redirects 303 Says => Says { status: 303, response: 303 };
    err_redirects_silently 307 Says => Says { status: 500, response: 307 };
    err_is_fine 200 Says => Says { status: 200, response: 200 };
    err_internal_303 303 InternalError<&'static str> => internal(303);
    err_internal_404 404 InternalError<&'static str> => internal(404);
    err_internal_500 500 InternalError<&'static str> => internal(500);
    err_any_303 303 Error => internal(303).into();
    err_any_304 304 Error => internal(304).into();
    err_any_silently 404 Error => Says { status: 500, response: 404 }.into();
    err_any_502 502 Error => error::ErrorBadGateway("on purpose");
    err_boxed 404 Box<dyn ResponseError> => Box::new(Says { status: 404, response: 404 });
    err_of_the_system 404 std::io::Error => std::io::ErrorKind::NotFound.into();
    err_of_anything 500 Box<dyn std::error::Error> => "on purpose".into();
}

/// What is counted, and of which calls.
#[derive(Debug, PartialEq)]
struct Counted {
    success: u64,
    failure: u64,
    latency: u64,
    given_on: u64,
    /// Asked for only where they may change: the whole page is made for it.
    exceptions: Option<f64>,
    outcomes: Vec<(Outcome, u64)>,
}

fn counted(way: &str) -> Counted {
    let calls = |counted| CALLS.with(CALLS { counted }).value();
    let outcomes = [Outcome::Success, Outcome::Refused, Outcome::Failure];
    let exceptions = [("endpoint", "answers"), ("reason", "exception")];
    Counted {
        success: calls("success"),
        failure: calls("failure"),
        latency: LATENCY.with(LATENCY {}).count() + LATENCY_BY.with(LATENCY_BY { counted: "failure" }).count(),
        given_on: calls("given on"),
        exceptions: (way == "anomalies")
            .then(|| sample_value("anomaly_detection_triggered_total", &exceptions).unwrap_or(0.0)),
        outcomes: outcomes.map(|outcome| (outcome, OUTCOMES.with(OUTCOMES { on: "any", outcome }).value())).into(),
    }
}

#[test]
fn what_is_counted_and_captured_is_what_the_client_is_answered() {
    let purse = Purse::with(10_000);
    let server = Server::start(&purse.credits);
    let mut client = server.client(&purse.name);
    let (mut wrong, mut paid) = (Vec::new(), 0);
    let cases = ANSWERS.iter().map(|case| (case, false)).chain(ERRORS.iter().map(|case| (case, true)));
    for (&(name, status), is_error) in cases {
        let outcome = match Outcome::of_status(status) {
            Outcome::Success if is_error => Outcome::Refused,
            outcome => outcome,
        };
        let (success, failure) = (u64::from(outcome == Outcome::Success), u64::from(outcome == Outcome::Failure));
        for way in ["success", "failure", "latency", "anomalies", "outcome", "paid", "given_on", "route"] {
            let mut expected = counted(way);
            match way {
                "success" => expected.success += success,
                "failure" => (expected.failure, expected.latency) = (expected.failure + failure, expected.latency + 1),
                "latency" => expected.latency += 1,
                "anomalies" => expected.exceptions = expected.exceptions.map(|before| before + failure as f64),
                "given_on" => expected.given_on += success,
                _ => {}
            }
            if way == "outcome"
                && let Some(known) = expected.outcomes.iter_mut().find(|known| known.0 == outcome)
            {
                known.1 += 1;
            }
            let response = client.post(&format!("/answers/{name}/{way}"));
            let used = match way {
                "paid" | "given_on" | "route" => 5 * success as i64,
                _ => 0,
            };
            paid += used;
            let mut said = |what: &str, is: bool| {
                if !is {
                    wrong.push(format!("{name} {way} ({status}): {what}"))
                }
            };
            said(&format!("answered {}", response.status), response.status == status);
            let told = response.header("x-credits-used").map_or(0, |used| used.parse().expect("a number"));
            said(&format!("{told} used, it says, of {used}"), told == used);
            let found = counted(way);
            said(&format!("{found:?} instead of {expected:?}"), found == expected);
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    purse.settles_at(paid);
    for operation in ["answers", "answers, given on"] {
        assert_eq!(sample_value("credit_charged_errors_total", &[("operation", operation)]), Some(0.0));
    }
}
