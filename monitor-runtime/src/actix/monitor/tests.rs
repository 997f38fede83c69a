//! Requests of every kind, interleaved at random and dropped at any await: each is counted once, and none stays in
//! flight. More cases: `PROPTEST_CASES=10000 cargo test -p monitor-runtime --features actix --lib interleaved`.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Condition;
use actix_web::rt::System;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Bytes};
use actix_web::{App, Error, HttpMessage, HttpRequest, HttpResponse, error};
use futures_util::stream;
use proptest::prelude::*;

use super::Monitor;
use crate::builtin::{API_REQUEST_LATENCY, API_REQUESTS, API_REQUESTS_IN_FLIGHT, API_RESPONSE_BODIES_CUT};

/// What becomes of one request.
#[derive(Clone, Debug)]
struct Plan {
    /// How often its handler waits.
    awaits: usize,
    end: End,
    /// Its client leaves when the request, or its body, has been polled so often.
    leaves_after: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Whole,
    Error(u16),
    /// A body of so many pieces, each after a wait.
    Body(usize),
    /// The same, and then an error.
    BrokenBody(usize),
    Upgrade,
    Panic,
    /// Of a middleware within, before there is a future.
    PanicAtOnce,
    /// By a middleware within, as an `Err`.
    Refusal,
    Unmatched,
}

/// How many middlewares stand around the app, and around each of two scopes of which one is in the other.
type Wrapped = (usize, usize);

fn wrapped() -> impl Strategy<Value = Wrapped> {
    prop::sample::select(vec![(1, 0), (2, 0), (0, 1), (0, 2), (1, 1), (2, 2)])
}

fn plan() -> impl Strategy<Value = Plan> {
    let end = prop_oneof![
        Just(End::Whole),
        prop::sample::select(vec![400, 404, 503]).prop_map(End::Error),
        (0..4_usize).prop_map(End::Body),
        (0..4_usize).prop_map(End::BrokenBody),
        Just(End::Upgrade),
        Just(End::Panic),
        Just(End::PanicAtOnce),
        Just(End::Refusal),
        Just(End::Unmatched),
    ];
    let plan = (0..4_usize, end, prop::option::of(0..8_usize));
    plan.prop_map(|(awaits, end, leaves_after)| Plan { awaits, end, leaves_after })
}

impl Plan {
    /// Whether its response has a body that is not there as a whole.
    fn is_followed(&self) -> bool {
        matches!(self.end, End::Body(_) | End::BrokenBody(_) | End::Upgrade)
    }
}

const PATTERN: &str = "/interleaved/in/{id}";

fn plan_of(request: &HttpRequest) -> Plan {
    request.extensions().get::<Plan>().cloned().expect("each request has one")
}

/// Pending once, as whatever a handler awaits.
async fn wait() {
    let mut waited = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

async fn handler(request: HttpRequest) -> Result<HttpResponse, Error> {
    let plan = plan_of(&request);
    for _ in 0..plan.awaits {
        wait().await;
    }
    let pieces = |n: usize, broken: bool| {
        stream::unfold(0, move |sent| async move {
            wait().await;
            match sent < n {
                true => Some((Ok(Bytes::from_static(b"piece")), sent + 1)),
                false => (broken && sent == n).then(|| (Err(error::ErrorInternalServerError("broken")), sent + 1)),
            }
        })
    };
    match plan.end {
        End::Body(n) => Ok(HttpResponse::Ok().streaming(pieces(n, false))),
        End::BrokenBody(n) => Ok(HttpResponse::Ok().streaming(pieces(n, true))),
        End::Upgrade => {
            Ok(HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS).upgrade("websocket").streaming(pieces(9, false)))
        }
        End::Error(status) => {
            let status = StatusCode::from_u16(status).expect("a status");
            Err(error::InternalError::new("no", status).into())
        }
        // Without the hook that prints it.
        End::Panic => resume_unwind(Box::new("on purpose")),
        _ => Ok(HttpResponse::Ok().body("whole")),
    }
}

/// What the middleware counted; or what it should have counted.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counts {
    in_flight: f64,
    /// By endpoint and status.
    requests: BTreeMap<(&'static str, u16), f64>,
    latencies: f64,
    bodies_cut: f64,
}

const UNMATCHED: &str = "_unmatched";
const STATUSES: [u16; 8] = [101, 200, 400, 401, 404, 499, 500, 503];

impl Counts {
    /// Of this thread alone: others test beside this one.
    fn now() -> Counts {
        // Known, so that none of them is held back by what other tests count.
        macro_rules! here {
            ($family:ident $labels:tt) => {{
                $family.know(&$family $labels);
                $family.with($family $labels).here()
            }};
        }
        let (mut counts, method) = (Counts::default(), "GET");
        for endpoint in [PATTERN, UNMATCHED] {
            for status in STATUSES {
                counts.requests.insert((endpoint, status), here!(API_REQUESTS { endpoint, method, status }));
            }
            counts.latencies += here!(API_REQUEST_LATENCY { endpoint, method });
            counts.bodies_cut += here!(API_RESPONSE_BODIES_CUT { endpoint, method });
        }
        counts.in_flight = API_REQUESTS_IN_FLIGHT.with(API_REQUESTS_IN_FLIGHT {}).here();
        counts
    }

    fn begin(&mut self) {
        self.in_flight += 1.0;
    }

    /// A request has its status.
    fn answer(&mut self, plan: &Plan, status: u16) {
        let endpoint = if plan.end == End::Unmatched { UNMATCHED } else { PATTERN };
        *self.requests.entry((endpoint, status)).or_default() += 1.0;
        self.latencies += if status == 101 { 0.0 } else { 1.0 };
    }

    /// A request is over.
    fn end(&mut self) {
        self.in_flight -= 1.0;
    }
}

/// One request on its way.
enum Stage {
    Waiting,
    /// Polled so often.
    Served(Call, usize),
    /// Its body was polled so often.
    Sent(Pin<Box<BoxBody>>, usize),
    Over,
}

type Call = Pin<Box<dyn Future<Output = Result<ServiceResponse<BoxBody>, Error>>>>;
/// An app, whatever its type.
type Serve = Box<dyn Fn(&Plan) -> Call>;

fn app((app, scopes): Wrapped) -> Serve {
    let monitor = |wrapped: bool| Condition::new(wrapped, Monitor::default());
    let service = System::new().block_on(init_service(
        App::new().wrap(monitor(app > 0)).wrap(monitor(app > 1)).service(
            web::scope("/interleaved").wrap(monitor(scopes > 0)).service(
                web::scope("/in")
                    .wrap_fn(|request, inner| {
                        let plan = plan_of(request.request());
                        if plan.end == End::PanicAtOnce {
                            resume_unwind(Box::new("on purpose"));
                        }
                        let call = (plan.end != End::Refusal).then(|| inner.call(request));
                        async move {
                            match call {
                                Some(call) => call.await,
                                None => Err(error::ErrorUnauthorized("who are you?")),
                            }
                        }
                    })
                    .wrap(monitor(scopes > 1))
                    .route("/{id}", web::get().to(handler)),
            ),
        ),
    ));
    Box::new(move |plan| {
        let path = if plan.end == End::Unmatched { "/interleaved/in/1/nowhere" } else { "/interleaved/in/1" };
        let request = TestRequest::get().uri(path).to_request();
        request.extensions_mut().insert(plan.clone());
        let call = service.call(request);
        Box::pin(async move { Ok(call.await?.map_into_boxed_body()) })
    })
}

impl Stage {
    /// One step on, noting in `counts` what the middleware should have counted.
    fn step(self, plan: &Plan, serve: &Serve, counts: &mut Counts) -> Stage {
        let context = &mut Context::from_waker(Waker::noop());
        match self {
            Stage::Served(_, polled) | Stage::Sent(_, polled) if plan.leaves_after == Some(polled) => {
                self.leave(plan, counts)
            }
            Stage::Waiting => match catch_unwind(AssertUnwindSafe(|| serve(plan))) {
                Ok(call) => {
                    counts.begin();
                    Stage::Served(call, 0)
                }
                Err(_) => {
                    counts.answer(plan, 500);
                    Stage::Over
                }
            },
            Stage::Served(mut call, polled) => {
                match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
                    Ok(Poll::Pending) => Stage::Served(call, polled + 1),
                    Ok(Poll::Ready(Ok(response))) => {
                        counts.answer(plan, response.status().as_u16());
                        if !plan.is_followed() {
                            counts.end();
                        }
                        Stage::Sent(Box::pin(response.into_body()), 0)
                    }
                    Ok(Poll::Ready(Err(error))) => {
                        counts.answer(plan, error.as_response_error().status_code().as_u16());
                        counts.end();
                        Stage::Over
                    }
                    Err(_) => {
                        counts.answer(plan, 500);
                        counts.end();
                        // The future is there yet: whoever caught the panic drops it.
                        drop(call);
                        Stage::Over
                    }
                }
            }
            Stage::Sent(mut body, polled) => match body.as_mut().poll_next(context) {
                Poll::Ready(None) => {
                    if plan.is_followed() {
                        counts.end();
                    }
                    Stage::Over
                }
                // The server then ends the connection.
                Poll::Ready(Some(Err(_))) => Stage::Sent(body, polled).leave(plan, counts),
                Poll::Ready(Some(Ok(_))) | Poll::Pending => Stage::Sent(body, polled + 1),
            },
            Stage::Over => Stage::Over,
        }
    }

    /// The client is gone.
    fn leave(self, plan: &Plan, counts: &mut Counts) -> Stage {
        match self {
            Stage::Served(..) => {
                counts.answer(plan, 499);
                counts.end();
            }
            Stage::Sent(..) if plan.is_followed() => {
                // A websocket ends when one side likes.
                counts.bodies_cut += if plan.end == End::Upgrade { 0.0 } else { 1.0 };
                counts.end();
            }
            Stage::Waiting | Stage::Sent(..) | Stage::Over => {}
        }
        Stage::Over
    }
}

proptest! {
    #[test]
    fn interleaved_requests_are_counted_once_and_leave_nothing_in_flight(
        wrapped in wrapped(),
        plans in prop::collection::vec(plan(), 1..10),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 0..100),
    ) {
        let (serve, before) = (app(wrapped), Counts::now());
        let mut wanted = before.clone();
        let mut stages: Vec<Stage> = plans.iter().map(|_| Stage::Waiting).collect();
        for turn in turns {
            let n = turn.index(plans.len());
            let stage = std::mem::replace(&mut stages[n], Stage::Over);
            stages[n] = stage.step(&plans[n], &serve, &mut wanted);
            prop_assert_eq!(Counts::now(), wanted.clone(), "after a step of {:?}", plans[n]);
        }
        // Who is there yet leaves, in whatever order they came.
        for (plan, stage) in plans.iter().zip(stages) {
            stage.leave(plan, &mut wanted);
            prop_assert_eq!(Counts::now(), wanted.clone(), "after the end of {:?}", plan);
        }
        prop_assert_eq!(wanted.in_flight, before.in_flight);
    }
}
