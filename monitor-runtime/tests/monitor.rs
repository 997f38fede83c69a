//! What the middleware records of a request, whatever becomes of it; in process, one request at a time.
#![cfg(feature = "actix")]

use std::future::{Ready, ready};
use std::task::Poll;

use actix_web::body::{self, BodyStream, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
use actix_web::web::{self, Bytes};
use actix_web::{App, Error, HttpResponse, error, middleware};
use monitor_runtime::actix::Monitor;
use monitor_runtime::sample_value;

/// What the page says of one endpoint.
fn requests(endpoint: &str, method: &str, status: &str) -> f64 {
    let labels = [("endpoint", endpoint), ("method", method), ("status", status)];
    sample_value("api_requests_total", &labels).unwrap_or(0.0)
}
fn latencies(endpoint: &str, method: &str) -> f64 {
    sample_value("api_request_latency_seconds_count", &[("endpoint", endpoint), ("method", method)]).unwrap_or(0.0)
}
fn cut_bodies(endpoint: &str) -> f64 {
    sample_value("api_response_bodies_cut_total", &[("endpoint", endpoint), ("method", "GET")]).unwrap_or(0.0)
}

#[actix_web::test]
async fn a_response_is_recorded_by_its_route_method_and_status() {
    let app = init_service(
        App::new().wrap(Monitor::default()).service(
            web::scope("/plain")
                .route("/{id}", web::get().to(|| async { "hello" }))
                .route("/{id}", web::post().to(|| async { Err::<&str, Error>(error::ErrorConflict("no")) })),
        ),
    )
    .await;
    for _ in 0..3 {
        call_service(&app, TestRequest::get().uri("/plain/7").to_request()).await;
    }
    call_service(&app, TestRequest::post().uri("/plain/8").to_request()).await;
    assert_eq!(requests("/plain/{id}", "GET", "200"), 3.0);
    assert_eq!(requests("/plain/{id}", "POST", "409"), 1.0);
    assert_eq!(latencies("/plain/{id}", "GET"), 3.0);
}

#[actix_web::test]
async fn routes_of_one_name_or_of_none_are_told_apart() {
    let hello = || web::get().to(|| async { "hello" });
    let app = init_service(
        App::new()
            .wrap(Monitor::default())
            .service(web::resource("/names/a/{id}").name("same").route(hello()))
            .service(web::resource("/names/b/{id}").name("same").route(hello()))
            .service(web::scope("/names/in").service(web::resource("/{id}").name("same").route(hello())))
            .service(web::resource("/names/none").route(hello())),
    )
    .await;
    let endpoints = ["a/{id}", "b/{id}", "in/{id}", "none"].map(|end| format!("/names/{end}"));
    for round in 1..=3 {
        for endpoint in &endpoints {
            let path = endpoint.replace("{id}", &round.to_string());
            call_service(&app, TestRequest::get().uri(&path).to_request()).await;
            assert_eq!(requests(endpoint, "GET", "200"), f64::from(round), "{endpoint}");
        }
        // What a route's guards refuse has its endpoint, and what matches none has not.
        call_service(&app, TestRequest::post().uri("/names/a/1").to_request()).await;
        assert_eq!(requests("/names/a/{id}", "POST", "405"), f64::from(round));
        call_service(&app, TestRequest::patch().uri("/names/nowhere").to_request()).await;
        assert_eq!(requests("_unmatched", "PATCH", "404"), f64::from(round));
    }
}

#[actix_web::test]
async fn routes_without_a_name_are_called_by_their_pattern_each_time() {
    let hello = || web::to(|| async { "hello" });
    let app = init_service(
        App::new()
            .wrap(Monitor::default())
            .route("/unnamed", hello())
            .route("/unnamed/{id}", hello())
            .route(r"/unnamed/{id:\d{2}}/of/{owner}", hello())
            .route("/unnamed/{id}/tail/{rest}*", hello())
            .service(web::scope("/unnamed/{a}/x").route("", hello()).route("/one", hello()).route("/{id}", hello()))
            .service(web::scope("/unnamed/{a}/y").route("/one", hello()).route("/{id}", hello()))
            // The same text and the same names, told apart by a header.
            .service(web::resource("/unnamed/guarded/by/{x}").guard(actix_web::guard::Header("a", "1")).route(hello()))
            .service(web::resource("/unnamed/guarded/{by}/{x}").route(hello()))
            // What is within takes another path for it than came.
            .service(
                web::scope("/unnamed/trimmed")
                    .wrap(middleware::NormalizePath::trim())
                    .route("/a", hello())
                    .route("/a/{id}", hello()),
            ),
    )
    .await;
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..3 {
        for (path, header, endpoint) in [
            ("/unnamed", "0", "/unnamed"),
            ("/unnamed/1", "0", "/unnamed/{id}"),
            ("/unnamed/%41b", "0", "/unnamed/{id}"),
            ("/unnamed/12/of/ada", "0", r"/unnamed/{id:\d{2}}/of/{owner}"),
            ("/unnamed/1/tail/a/b/c", "0", "/unnamed/{id}/tail/{rest}*"),
            ("/unnamed/1/x", "0", "/unnamed/{a}/x"),
            ("/unnamed/1/x/one", "0", "/unnamed/{a}/x/one"),
            ("/unnamed/1/x/two", "0", "/unnamed/{a}/x/{id}"),
            ("/unnamed/1/y/one", "0", "/unnamed/{a}/y/one"),
            ("/unnamed/x/y/y", "0", "/unnamed/{a}/y/{id}"),
            ("/unnamed/guarded/by/1", "1", "/unnamed/guarded/by/{x}"),
            ("/unnamed/guarded/by/1", "0", "/unnamed/guarded/{by}/{x}"),
            ("/unnamed/trimmed/a/", "0", "/unnamed/trimmed/a"),
            ("/unnamed/trimmed/a/7/", "0", "/unnamed/trimmed/a/{id}"),
            ("/unnamed/trimmed/a/7", "0", "/unnamed/trimmed/a/{id}"),
        ] {
            call_service(&app, TestRequest::get().uri(path).insert_header(("a", header)).to_request()).await;
            *counts.entry(endpoint).or_insert(0.0) += 1.0;
            assert_eq!(requests(endpoint, "GET", "200"), counts[endpoint], "{path} {header}");
        }
    }
}

#[actix_web::test]
async fn a_resource_of_several_patterns_is_called_by_its_first_each_time() {
    let hello = || web::to(|| async { "hello" });
    let app = init_service(
        App::new()
            .wrap(Monitor::default())
            // The same path, told apart by a header: nothing else of a request says which of them it met.
            .service(web::resource("/several/b").guard(actix_web::guard::Header("a", "1")).route(hello()))
            .service(web::resource(["/several/a", "/several/b"]).route(hello())),
    )
    .await;
    for round in 1..=3 {
        for (header, endpoint) in [("1", "/several/b"), ("0", "/several/a")] {
            call_service(&app, TestRequest::get().uri("/several/b").insert_header(("a", header)).to_request()).await;
            assert_eq!(requests(endpoint, "GET", "200"), f64::from(round), "{header}");
        }
    }
}

#[actix_web::test]
async fn what_matches_no_route_shares_one_endpoint() {
    let app = init_service(App::new().wrap(Monitor::builder().only("/nowhere/").build().expect("valid"))).await;
    for n in 0..50 {
        call_service(&app, TestRequest::get().uri(&format!("/nowhere/{n}")).to_request()).await;
        call_service(&app, TestRequest::get().uri(&format!("/elsewhere/{n}")).to_request()).await;
    }
    assert_eq!(requests("_unmatched", "GET", "404"), 50.0);
    let odd = Method::from_bytes(b"FROBNICATE").expect("a token");
    call_service(&app, TestRequest::default().method(odd).uri("/nowhere/x").to_request()).await;
    assert_eq!(requests("_unmatched", "_OTHER", "404"), 1.0);
}

#[actix_web::test]
async fn a_refusal_of_an_inner_middleware_is_recorded() {
    let app = init_service(
        App::new().service(
            web::scope("/guarded")
                .wrap_fn(|request, _| {
                    drop(request);
                    ready(Err::<ServiceResponse, _>(error::ErrorUnauthorized("who are you?")))
                })
                .wrap(Monitor::default())
                .route("/{id}", web::get().to(|| async { "never" })),
        ),
    )
    .await;
    let refused = try_call_service(&app, TestRequest::get().uri("/guarded/1").to_request()).await;
    assert!(refused.is_err(), "the error goes on");
    assert_eq!(requests("/guarded/{id}", "GET", "401"), 1.0);
}

#[actix_web::test]
async fn wrapped_twice_it_records_once() {
    let app = init_service(
        App::new()
            .wrap(Monitor::default())
            .wrap(Monitor::default())
            .service(web::scope("/twice").wrap(Monitor::default()).route("/x", web::get().to(|| async { "once" }))),
    )
    .await;
    call_service(&app, TestRequest::get().uri("/twice/x").to_request()).await;
    assert_eq!(requests("/twice/x", "GET", "200"), 1.0);
    assert_eq!(latencies("/twice/x", "GET"), 1.0);
}

#[actix_web::test]
async fn a_dropped_request_is_a_client_that_left() {
    let app = init_service(App::new().wrap(Monitor::default()).route(
        "/dropped/{id}",
        web::get().to(|| async {
            std::future::pending::<()>().await;
            "never"
        }),
    ))
    .await;
    let mut request = Box::pin(app.call(TestRequest::get().uri("/dropped/1").to_request()));
    let polled = std::future::poll_fn(|context| Poll::Ready(request.as_mut().poll(context).is_pending())).await;
    assert!(polled);
    drop(request);
    assert_eq!(requests("/dropped/{id}", "GET", "499"), 1.0);
}

#[actix_web::test]
async fn a_panic_is_a_500_and_goes_on() {
    let app = init_service(App::new().wrap(Monitor::default()).route(
        "/panics/{id}",
        web::get().to(|id: web::Path<u32>| async move {
            assert_ne!(*id, 1, "on purpose");
            "fine"
        }),
    ))
    .await;
    let call = std::panic::AssertUnwindSafe(app.call(TestRequest::get().uri("/panics/1").to_request()));
    let mut call = Box::pin(call.0);
    let panicked = std::future::poll_fn(|context| {
        let step = std::panic::AssertUnwindSafe(|| call.as_mut().poll(context).is_ready());
        Poll::Ready(std::panic::catch_unwind(step).is_err())
    })
    .await;
    assert!(panicked);
    drop(call);
    assert_eq!(requests("/panics/{id}", "GET", "500"), 1.0);
    assert_eq!(requests("/panics/{id}", "GET", "499"), 0.0);
}

#[actix_web::test]
async fn a_body_that_is_cut_off_is_counted_beside_its_request() {
    let endless = || {
        let chunks = futures_util::stream::repeat_with(|| Ok::<_, Error>(Bytes::from_static(b"chunk")));
        ready(HttpResponse::Ok().body(BodyStream::new(chunks)))
    };
    let app = init_service(
        App::new()
            .wrap(Monitor::default())
            .route("/streamed/endless", web::get().to(endless))
            .route("/streamed/whole", web::get().to(|| async { "whole" })),
    )
    .await;
    let response = call_service(&app, TestRequest::get().uri("/streamed/endless").to_request()).await;
    assert_eq!(requests("/streamed/endless", "GET", "200"), 1.0, "counted with its headers");
    let mut sent = Box::pin(response.into_body());
    for _ in 0..3 {
        std::future::poll_fn(|context| sent.as_mut().poll_next(context)).await;
    }
    assert_eq!(cut_bodies("/streamed/endless"), 0.0);
    drop(sent);
    assert_eq!(cut_bodies("/streamed/endless"), 1.0);

    let response = call_service(&app, TestRequest::get().uri("/streamed/whole").to_request()).await;
    let read = body::to_bytes(response.into_body()).await;
    assert!(read.is_ok_and(|bytes| bytes == "whole"));
    assert_eq!(cut_bodies("/streamed/whole"), 0.0);
}

#[actix_web::test]
async fn other_middlewares_keep_their_hands_on_the_request() {
    // `NormalizePath` writes to the request inside ours: it must be the only one that holds it.
    let app = init_service(
        App::new()
            .wrap(middleware::NormalizePath::trim())
            .wrap(Monitor::default())
            .route("/normal/{id}", web::get().to(|| async { "hello" })),
    )
    .await;
    let response = call_service(&app, TestRequest::get().uri("/normal/1/").to_request()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(requests("/normal/{id}", "GET", "200"), 1.0);
}

#[actix_web::test]
async fn names_skips_and_errors_are_as_told() {
    let monitor = Monitor::builder()
        .endpoint("/told/{id}", "told")
        .skip("/told/skipped/{x}")
        .error_when(|status| status == StatusCode::NOT_FOUND)
        .time_bodies(true)
        .build()
        .expect("valid");
    fn answer(status: StatusCode) -> Ready<HttpResponse> {
        ready(HttpResponse::build(status).body("x"))
    }
    let app = init_service(
        App::new()
            .wrap(monitor)
            .route("/told/{id}", web::get().to(|| answer(StatusCode::NOT_FOUND)))
            .route("/told/skipped/{x}", web::get().to(|| answer(StatusCode::OK))),
    )
    .await;
    for path in ["/told/1", "/told/skipped/1"] {
        let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert!(body::to_bytes(response.into_body()).await.is_ok());
    }
    let labels = [("endpoint", "told"), ("method", "GET")];
    assert_eq!(requests("told", "GET", "404"), 1.0);
    assert_eq!(sample_value("api_request_errors_total", &labels), Some(1.0));
    assert_eq!(sample_value("api_response_body_seconds_count", &labels), Some(1.0));
    assert_eq!(requests("/told/skipped/{x}", "GET", "200"), 0.0);
}

#[actix_web::test]
async fn a_known_route_is_on_the_page_before_its_first_request() {
    let _monitor = Monitor::builder().known("/known/{id}", &["GET", "POST"]).build().expect("valid");
    let labels = [("endpoint", "/known/{id}"), ("method", "POST"), ("status", "500")];
    assert_eq!(sample_value("api_requests_total", &labels), Some(0.0));
    assert_eq!(sample_value("api_request_latency_seconds_count", &labels[..2]), Some(0.0));
    let wrong = Monitor::builder().known("/x", &["GE T"]).build().expect_err("no method").to_string();
    assert_eq!(wrong, "`known(\"GE T\")`: a method is a token, such as `GET`");
}

#[cfg(feature = "test-util")]
#[actix_web::test]
async fn a_slow_upload_is_no_high_latency_of_the_endpoint() {
    use std::rc::Rc;
    use std::time::Duration;

    use actix_web::dev::Payload;
    use monitor_runtime::clock::Manual;

    const LATE: Duration = Duration::from_secs(10);
    let time = Rc::new(Manual::start());
    let by_handler = Rc::clone(&time);
    let app = init_service(
        App::new()
            .wrap(Monitor::default())
            .route("/upload/read", web::post().to(|body: Bytes| async move { body }))
            .route(
                "/upload/dropped",
                web::post().to(|body: web::Payload| async move {
                    drop(body);
                    "unread"
                }),
            )
            .route(
                "/upload/slow",
                web::post().to(move |body: Bytes| {
                    by_handler.advance(LATE);
                    async move { body }
                }),
            ),
    )
    .await;
    // A client that sends the second half of its body ten seconds later.
    let upload = |path: &str, time: Rc<Manual>| {
        let mut step = 0;
        let stream = futures_util::stream::poll_fn(move |context| {
            step += 1;
            match step {
                1 => Poll::Ready(Some(Ok(Bytes::from_static(b"half ")))),
                2 => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                3 => {
                    time.advance(LATE);
                    Poll::Ready(Some(Ok(Bytes::from_static(b"and half"))))
                }
                _ => Poll::Ready(None),
            }
        });
        let payload: Payload = Payload::Stream { payload: Box::pin(stream) };
        TestRequest::post().uri(path).to_request().replace_payload(payload).0
    };
    let high = |endpoint: &str| {
        let labels = [("endpoint", endpoint), ("reason", "high_latency")];
        sample_value("anomaly_detection_triggered_total", &labels).unwrap_or(0.0)
    };
    for path in ["/upload/read", "/upload/dropped", "/upload/slow"] {
        monitor_runtime::anomaly::limits(path).latency_threshold(1.0).give().expect("limits");
        let response = call_service(&app, upload(path, Rc::clone(&time))).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let body = body::to_bytes(response.into_body()).await.expect("a body");
        assert_eq!(&body[..], if path == "/upload/dropped" { &b"unread"[..] } else { b"half and half" });
    }
    assert_eq!((high("/upload/read"), high("/upload/dropped"), high("/upload/slow")), (0.0, 0.0, 1.0));
    // The time that the request took is still told.
    let sum = [("endpoint", "/upload/read"), ("method", "POST")];
    assert!(sample_value("api_request_latency_seconds_sum", &sum).is_some_and(|seconds| seconds >= 10.0));
}
