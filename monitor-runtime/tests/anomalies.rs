//! What is found of watched functions and blocks, and where it can be seen; time is moved by hand.
#![cfg(feature = "test-util")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use monitor_runtime::anomaly::{self, Detector, Kind, Limits, Observed, Reason, Severity};
use monitor_runtime::clock::Manual;
use monitor_runtime::{Outcome, ToOutcome, Watched, detect_anomalies, sample_value};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};

fn counted(endpoint: &str, reason: &str) -> f64 {
    sample_value("anomaly_detection_triggered_total", &[("endpoint", endpoint), ("reason", reason)])
        .unwrap_or_else(|| panic!("{endpoint} {reason} is not on the page"))
}

fn error_rate(endpoint: &str) -> f64 {
    sample_value("api_error_rate", &[("endpoint", endpoint)]).expect("a gauge")
}

fn threshold(endpoint: &str) -> f64 {
    sample_value("api_response_time_threshold", &[("endpoint", endpoint)]).expect("a gauge")
}

/// Polls a future that is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

struct Refusal;
impl ToOutcome for Refusal {
    fn outcome(&self) -> Outcome {
        Outcome::Refused
    }
}

#[test]
fn an_error_is_an_exception_and_a_refusal_is_none() {
    #[detect_anomalies("fn_errors")]
    fn charge(credits: i64) -> Result<i64, String> {
        if credits < 0 { Err("no".to_owned()) } else { Ok(credits) }
    }
    #[detect_anomalies("fn_errors")]
    async fn refuse() -> Result<(), Refusal> {
        Err(Refusal)
    }
    let _time = Manual::start();
    assert!(charge(3).is_ok());
    assert_eq!(counted("fn_errors", "exception"), 0.0);
    assert!(charge(-1).is_err());
    assert!(charge(-1).is_err());
    assert!(now(refuse()).is_err());
    assert_eq!(counted("fn_errors", "exception"), 2.0);
    assert_eq!(error_rate("fn_errors"), 0.5);
    for quiet in
        ["server_error", "panic", "high_latency", "error_rate_spike", "latency_shift", "traffic_spike", "traffic_drop"]
    {
        assert_eq!(counted("fn_errors", quiet), 0.0, "{quiet}");
    }
}

#[test]
fn a_panic_is_a_panic_and_goes_on() {
    #[detect_anomalies("fn_panics")]
    fn explode(really: bool) -> u8 {
        assert!(!really, "on purpose");
        1
    }
    let _time = Manual::start();
    assert!(catch_unwind(|| explode(true)).is_err());
    assert_eq!(explode(false), 1);
    assert_eq!(counted("fn_panics", "panic"), 1.0);
    assert_eq!(counted("fn_panics", "exception"), 0.0);
}

#[test]
fn a_call_over_its_threshold_is_slow() {
    let time = Manual::start();
    #[detect_anomalies("fn_slow", latency_threshold = "500ms")]
    fn work(time: &Manual, takes: Duration) {
        time.advance(takes);
    }
    work(&time, MS * 500);
    assert_eq!(counted("fn_slow", "high_latency"), 0.0);
    work(&time, MS * 501);
    assert_eq!(counted("fn_slow", "high_latency"), 1.0);
    assert_eq!(threshold("fn_slow"), 0.5);
}

#[test]
fn a_call_without_a_threshold_is_slow_after_a_second() {
    let time = Manual::start();
    let work = |takes| detect_anomalies("scope_slow").run(|| time.advance(takes));
    work(MS * 999);
    work(MS * 1_001);
    assert_eq!(counted("scope_slow", "high_latency"), 1.0);
    assert_eq!(threshold("scope_slow"), 1.0);
}

#[test]
fn a_function_that_returns_a_future_is_judged_to_its_end() {
    #[detect_anomalies("fn_future", latency_threshold = 1)]
    fn later(time: &Manual) -> impl Future<Output = Result<(), String>> {
        async {
            time.advance(SECOND * 2);
            Err::<(), _>("no".to_owned())
        }
    }
    let time = Manual::start();
    let future = later(&time);
    assert_eq!(counted("fn_future", "high_latency"), 0.0);
    assert!(now(future).is_err());
    assert_eq!([counted("fn_future", "high_latency"), counted("fn_future", "exception")], [1.0, 1.0]);
}

#[test]
fn a_block_is_judged_by_what_it_gives() {
    let _time = Manual::start();
    let block = || detect_anomalies("scope_results").latency_threshold(0.5).error_threshold(0.01);
    assert_eq!(block().run(|| Ok::<_, String>(1)), Ok(1));
    assert_eq!(block().run(|| Err::<u8, _>("no")), Err("no"));
    assert_eq!(now(block().watch(async { Err::<u8, _>(2) })), Err(2));
    assert_eq!(now(block().watch(async { "fine" })), "fine");
    block().start().finish(Outcome::Failure);
    block().start().finish(Outcome::Refused);
    assert_eq!(counted("scope_results", "exception"), 3.0);
    assert!(catch_unwind(|| block().run(|| -> () { panic!("on purpose") })).is_err());
    assert_eq!(counted("scope_results", "panic"), 1.0);
    assert_eq!(anomaly::endpoints().iter().filter(|state| state.endpoint == "scope_results").count(), 1);
}

#[test]
fn what_is_dropped_tells_a_panic_from_a_cancellation() {
    let time = Manual::start();
    let name = "scope_dropped";
    drop(detect_anomalies(name).start());
    let polled = {
        let mut future = pin!(detect_anomalies(name).watch(std::future::pending::<()>()));
        future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    };
    assert!(polled);
    drop(detect_anomalies(name).watch(async {}));
    assert_eq!([counted(name, "panic"), counted(name, "exception"), error_rate(name)], [0.0; 3]);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _call = detect_anomalies(name).start();
        panic!("on purpose");
    }));
    assert!(caught.is_err());
    assert_eq!(counted(name, "panic"), 1.0);
    assert_eq!(error_rate(name), 1.0 / 3.0, "two were cancelled, and the one never polled was no call");
    let call = detect_anomalies(name).start();
    time.advance(SECOND * 3);
    drop(call);
    assert_eq!(counted(name, "high_latency"), 1.0, "too long already when it was dropped");
}

/// A name with some history: `calls` a second of 10 ms each for half an hour, and then what a test does.
struct Service<'a> {
    time: &'a Manual,
    watched: Watched,
    calls: Cell<u64>,
}

impl<'a> Service<'a> {
    fn new(time: &'a Manual, name: &'static str) -> Self {
        Service { time, watched: detect_anomalies(name).ready(), calls: Cell::new(0) }
    }

    /// Serves for so long: calls a second, of which every so many fails, of so many milliseconds.
    fn serve(&self, lasts: Duration, calls_a_second: u32, one_fails_of: u64, takes_ms: u32) {
        let gap = SECOND / calls_a_second;
        let takes = MS * takes_ms;
        for _ in 0..(lasts.as_nanos() / gap.as_nanos()) {
            let number = self.calls.get() + 1;
            self.calls.set(number);
            let call = self.watched.start();
            // Latencies differ a little, as they do.
            self.time.advance(takes + MS / 10 * (number % 20) as u32);
            let fails = one_fails_of > 0 && number.is_multiple_of(one_fails_of);
            call.finish(if fails { Outcome::Failure } else { Outcome::Success });
            self.time.advance(gap.saturating_sub(takes));
        }
    }
}

fn found(name: &str, reason: Reason) -> anomaly::Anomaly {
    anomaly::tick();
    let all = anomaly::recent();
    *all.iter().find(|anomaly| anomaly.endpoint == name && anomaly.reason == reason).unwrap_or_else(|| {
        panic!(
            "no {reason:?} of {name}: {:?}",
            all.iter().filter(|anomaly| anomaly.endpoint == name).collect::<Vec<_>>()
        )
    })
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_burst_of_errors_is_an_episode_with_a_start_and_an_end() {
    let time = Manual::start();
    let service = Service::new(&time, "episode_errors");
    service.serve(MINUTE * 60, 10, 1_000, 10);
    service.serve(MINUTE * 5, 10, 2, 10);
    let spike = found("episode_errors", Reason::ErrorRateSpike);
    assert_eq!((spike.until, spike.severity), (None, Severity::Critical));
    assert!(spike.count >= 4, "once a minute: {}", spike.count);
    assert!(error_rate("episode_errors") > 0.4);
    assert_eq!(counted("episode_errors", "error_rate_spike"), spike.count as f64);
    service.serve(MINUTE * 20, 10, 1_000, 10);
    assert!(found("episode_errors", Reason::ErrorRateSpike).until.is_some());
}

#[test]
fn slower_answers_are_a_shift() {
    let time = Manual::start();
    let service = Service::new(&time, "episode_latency");
    service.serve(MINUTE * 60, 10, 0, 10);
    assert!(threshold("episode_latency") < 0.5, "learned: {}", threshold("episode_latency"));
    service.serve(MINUTE * 3, 10, 0, 90);
    let shift = found("episode_latency", Reason::LatencyShift);
    assert!(shift.observed > 0.05 && shift.expected < 0.02, "{shift:?}");
}

#[test]
fn traffic_that_comes_or_goes_is_an_episode() {
    let time = Manual::start();
    let service = Service::new(&time, "episode_traffic");
    // Three whole days are seen before traffic is judged.
    service.serve(HOUR * 75, 1, 0, 10);
    service.serve(MINUTE * 10, 20, 0, 10);
    let spike = found("episode_traffic", Reason::TrafficSpike);
    assert!(spike.observed > 10.0 && spike.expected < 2.0, "{spike:?}");
    service.serve(HOUR * 2, 1, 0, 10);
    assert!(found("episode_traffic", Reason::TrafficSpike).until.is_some());
    // Nobody calls: only the ticks of scrapes are left.
    for _ in 0..60 {
        time.advance(SECOND * 15);
        anomaly::tick();
    }
    let drop = found("episode_traffic", Reason::TrafficDrop);
    assert!(drop.observed < 0.2 && drop.expected > 0.5, "{drop:?}");
}

#[test]
fn what_was_learned_from_a_log_is_known_from_the_first_calls_on() {
    let mut log = Detector::new(Limits::NONE);
    for second in 0..4 * 86_400 {
        let latency = 0.01 + 0.001 * (second % 10) as f64;
        log.observe(1_767_571_200_000 + second * 1_000, latency, Observed::Success, &mut Vec::new());
    }
    assert!(anomaly::learn("episode_log", b"no state").is_err());
    anomaly::learn("episode_log", &log.state()).expect("a state");
    let time = Manual::start();
    for _ in 0..2 {
        detect_anomalies("episode_log").run(|| ());
        time.advance(SECOND);
    }
    assert!((threshold("episode_log") / log.threshold() - 1.0).abs() < 0.01);
    // Then nobody calls, which is unlike the days that the log was of.
    for _ in 0..6 {
        time.advance(SECOND * 10);
        anomaly::tick();
    }
    assert_eq!(found("episode_log", Reason::TrafficDrop).until, None);
}

#[test]
fn events_tell_of_every_call_but_at_most_once_a_second() {
    let time = Manual::start();
    let events = anomaly::subscribe(10_000);
    for _ in 0..100 {
        assert!(detect_anomalies("events_a_second").run(|| Err::<(), _>(())).is_err());
        time.advance(MS * 50);
    }
    time.advance(SECOND);
    anomaly::tick();
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).filter(|e| e.endpoint == "events_a_second").collect();
    assert_eq!(told.iter().map(|event| event.calls).sum::<u64>(), 100);
    assert!(told.len() <= 7, "5 s and a bit: {}", told.len());
    assert!(told.iter().all(|event| event.verdict.kind == Kind::Single && event.verdict.reason == Reason::Exception));
    assert_eq!(counted("events_a_second", "exception"), 100.0);
    assert_eq!(events.lost(), 0);
}

/// Events of the anomalies, as their fields in text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: LayerContext<'_, S>) {
        struct Fields(BTreeMap<&'static str, String>);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                self.0.insert(field.name(), format!("{value:?}"));
            }
        }
        if event.metadata().target() == "monitor_runtime::anomaly" {
            let mut fields = Fields(BTreeMap::from([("level", event.metadata().level().to_string())]));
            event.record(&mut fields);
            self.0.lock().expect("no panic").push(fields.0);
        }
    }
}

#[test]
fn what_is_found_is_an_event_for_tracing_with_its_fields() {
    let log = Log::default();
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let time = Manual::start();
    detect_anomalies("logged").latency_threshold(0.5).run(|| time.advance(SECOND * 2));
    let mut events = log.0.lock().expect("no panic").clone();
    // Places that disagree are told to whoever watches first.
    events.retain(|event| event.contains_key("endpoint"));
    let [event] = &events[..] else { panic!("one event: {events:?}") };
    let says = |field: &str| event.get(field).unwrap_or_else(|| panic!("no {field} in {event:?}")).as_str();
    let fields = ["level", "endpoint", "reason", "observed", "expected", "severity", "calls"].map(says);
    assert_eq!(fields, ["WARN", r#""logged""#, r#""high_latency""#, "2.0", "0.5", r#""warning""#, "1"]);
    assert!(says("since").parse::<f64>().expect("seconds") > 1.5e9, "{event:?}");
}

#[test]
fn a_callback_is_called_on_another_thread_and_survives_its_own_panic() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut first = true;
    let guard = anomaly::on_event(1_000, move |event| {
        if event.endpoint == "callback" {
            let _ = sender.send((event.verdict.reason, std::thread::current().id()));
            assert!(!std::mem::take(&mut first), "on purpose");
        }
    })
    .expect("a thread");
    let _time = Manual::start();
    detect_anomalies("callback").start().finish(Outcome::Panic);
    detect_anomalies("callback").start().finish(Outcome::Failure);
    for reason in [Reason::Panic, Reason::Exception] {
        let (told, thread) = receiver.recv_timeout(SECOND * 30).expect("it is called");
        assert_eq!(told, reason);
        assert_ne!(thread, std::thread::current().id());
    }
    drop(guard);
}

#[test]
fn a_slow_subscriber_loses_events_that_are_counted_on_the_page() {
    let time = Manual::start();
    let before = sample_value("monitor_anomaly_events_lost_total", &[]).unwrap_or(0.0);
    let slow = anomaly::subscribe(1);
    for _ in 0..5 {
        detect_anomalies("slow_subscriber").start().finish(Outcome::Failure);
        time.advance(SECOND * 2);
    }
    // Other tests' events are lost to it too.
    assert!(slow.lost() >= 4, "{}", slow.lost());
    assert!(sample_value("monitor_anomaly_events_lost_total", &[]).expect("a counter") >= before + 4.0);
}

mod limits {
    use super::*;
    use monitor_runtime::anomaly::WatchError;

    #[detect_anomalies("limits_conflict", error_threshold = 0.2)]
    fn first() {}
    #[detect_anomalies("limits_conflict", error_threshold = 0.3)]
    fn second() {}
    #[detect_anomalies("limits_conflict")]
    fn third() {}

    #[test]
    fn two_places_with_different_limits_are_an_error_that_names_both() {
        first();
        second();
        third();
        let errors = anomaly::check().expect_err("two places").0;
        let conflict: Vec<String> =
            errors.iter().map(ToString::to_string).filter(|text| text.contains("`limits_conflict`")).collect();
        let [text] = &conflict[..] else { panic!("once: {conflict:?}") };
        let says = |part: &str| assert!(text.contains(part), "{text} lacks {part}");
        says("`limits_conflict` has error_threshold = 0.2 at monitor-runtime/tests/anomalies.rs:");
        says("and other limits, error_threshold = 0.3, at monitor-runtime/tests/anomalies.rs:");
        let refused = sample_value("monitor_instrumentation_errors_total", &[("kind", "watch_refused")]);
        assert!(refused.expect("a counter") >= 1.0);
    }

    #[test]
    fn a_limit_that_cannot_be_is_named_and_not_taken() {
        let _time = Manual::start();
        for wrong in [-1.0, 0.0, f64::NAN, f64::INFINITY, 90_000.0] {
            let error = anomaly::limits("limits_wrong").latency_threshold(wrong).give().expect_err("out of range");
            assert!(error.to_string().contains("`latency_threshold` cannot be"), "{error}");
        }
        let error = anomaly::limits("limits_wrong").error_threshold(1.1).give().expect_err("out of range");
        assert!(error.to_string().contains("over 0 and at most 1"), "{error}");
        detect_anomalies("limits_wrong").error_threshold(-0.5).run(|| ());
        assert_eq!(threshold("limits_wrong"), 1.0);
        let wrong = anomaly::check().expect_err("limits_wrong").0;
        assert!(wrong.iter().any(|e| matches!(e, WatchError::Limit { name, .. } if name == "limits_wrong")));
    }

    #[test]
    fn limits_given_in_code_hold_and_a_muted_reason_is_quiet() {
        let time = Manual::start();
        anomaly::limits("limits_given").latency_threshold(2.0).mute(Reason::Exception).give().expect("legal");
        let events = anomaly::subscribe(10_000);
        detect_anomalies("limits_given")
            .run(|| {
                time.advance(SECOND + MS * 500);
                Err::<(), _>(())
            })
            .expect_err("as it was given");
        assert_eq!([counted("limits_given", "high_latency"), counted("limits_given", "exception")], [0.0, 0.0]);
        assert_eq!(threshold("limits_given"), 2.0);
        assert_eq!(error_rate("limits_given"), 1.0, "muted is not unseen");
        assert!(std::iter::from_fn(|| events.try_next()).all(|event| event.endpoint != "limits_given"));
    }

    #[test]
    fn a_name_that_cannot_be_is_judged_with_the_overflow() {
        detect_anomalies("_mine").start().finish(Outcome::Failure);
        let wrong = anomaly::check().expect_err("a bad name").to_string();
        assert!(wrong.contains("\"_mine\" at monitor-runtime/tests/anomalies.rs:"), "{wrong}");
        assert!(counted("_overflow", "exception") >= 1.0);
    }

    #[test]
    fn the_functions_that_are_watched_are_known() {
        let watched = anomaly::watched();
        let first = watched.iter().find(|place| place.function == "first").expect("it is listed");
        assert_eq!((first.name, first.latency_threshold, first.error_threshold), ("limits_conflict", None, Some(0.2)));
        assert_eq!(first.place.file, file!());
    }
}

#[cfg(feature = "actix")]
mod requests {
    use super::*;
    use actix_web::body::BoxBody;
    use actix_web::dev::{Service, ServiceResponse};
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
    use actix_web::{App, Error, HttpResponse, error, web};
    use monitor_runtime::actix::Monitor;

    fn quiet(endpoint: &str, but: &[&str]) {
        for reason in Reason::ALL.map(Reason::as_str).iter().filter(|reason| !but.contains(reason)) {
            assert_eq!(counted(endpoint, reason), 0.0, "{endpoint} {reason}");
        }
    }

    #[actix_web::test]
    async fn a_handler_that_answers_500_is_a_server_error() {
        let _time = Manual::start();
        let app = init_service(
            App::new().wrap(Monitor::default()).service(
                web::scope("/anomalies")
                    .route("/error", web::get().to(HttpResponse::InternalServerError))
                    .route("/err", web::get().to(|| async { Err::<&str, Error>(error::ErrorBadGateway("down")) })),
            ),
        )
        .await;
        for path in ["/anomalies/error", "/anomalies/err"] {
            for _ in 0..3 {
                call_service(&app, TestRequest::get().uri(path).to_request()).await;
            }
            assert_eq!(counted(path, "server_error"), 3.0);
            assert_eq!(error_rate(path), 1.0);
            quiet(path, &["server_error"]);
        }
    }

    #[actix_web::test]
    async fn a_handler_that_takes_over_a_second_is_slow() {
        let time = std::rc::Rc::new(Manual::start());
        let clock = std::rc::Rc::clone(&time);
        let app = init_service(
            App::new()
                .wrap_fn(move |request, inner| {
                    // Inside of the middleware, as if the handler took the time.
                    clock.advance(MS * 1_200);
                    inner.call(request)
                })
                .wrap(Monitor::default())
                .route("/anomalies/slow", web::get().to(|| async { "at last" })),
        )
        .await;
        call_service(&app, TestRequest::get().uri("/anomalies/slow").to_request()).await;
        assert_eq!(counted("/anomalies/slow", "high_latency"), 1.0);
        assert_eq!(threshold("/anomalies/slow"), 1.0);
        quiet("/anomalies/slow", &["high_latency"]);
        drop(time);
    }

    #[actix_web::test]
    async fn a_refusal_and_a_redirect_are_traffic() {
        let _time = Manual::start();
        let app = init_service(App::new().wrap(Monitor::default()).route(
            "/anomalies/{status}",
            web::get().to(|status: web::Path<u16>| async move {
                HttpResponse::build(StatusCode::from_u16(*status).expect("a status")).finish()
            }),
        ))
        .await;
        for status in ["401", "402", "404", "429", "302", "200"] {
            call_service(&app, TestRequest::get().uri(&format!("/anomalies/{status}")).to_request()).await;
        }
        assert_eq!(error_rate("/anomalies/{status}"), 0.0);
        quiet("/anomalies/{status}", &[]);
    }

    #[actix_web::test]
    async fn a_panic_and_a_client_that_left_are_told_apart() {
        let _time = Manual::start();
        let app = init_service(App::new().wrap(Monitor::default()).route(
            "/anomalies/odd/{how}",
            web::get().to(|how: web::Path<String>| async move {
                assert_ne!(*how, "panic", "on purpose");
                std::future::pending::<()>().await;
                "never"
            }),
        ))
        .await;
        let mut call = Box::pin(app.call(TestRequest::get().uri("/anomalies/odd/leave").to_request()));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(call);
        let panics = catch_unwind(AssertUnwindSafe(|| {
            let mut call = Box::pin(app.call(TestRequest::get().uri("/anomalies/odd/panic").to_request()));
            let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }));
        assert!(panics.is_err());
        assert_eq!(counted("/anomalies/odd/{how}", "panic"), 1.0);
        assert_eq!(error_rate("/anomalies/odd/{how}"), 0.5);
        quiet("/anomalies/odd/{how}", &["panic"]);
    }

    #[actix_web::test]
    async fn a_websocket_is_no_slow_request() {
        let time = std::rc::Rc::new(Manual::start());
        let clock = std::rc::Rc::clone(&time);
        let app = init_service(
            App::new()
                .wrap_fn(move |request, inner| {
                    clock.advance(SECOND * 30);
                    inner.call(request)
                })
                .wrap(Monitor::default())
                .route("/anomalies/socket", web::get().to(HttpResponse::SwitchingProtocols)),
        )
        .await;
        call_service(&app, TestRequest::get().uri("/anomalies/socket").to_request()).await;
        quiet("/anomalies/socket", &[]);
    }

    #[actix_web::test]
    async fn an_error_of_an_inner_middleware_is_judged_by_its_response() {
        let _time = Manual::start();
        let app = init_service(
            App::new()
                .wrap_fn(|request, _| {
                    let refuse = request.path().ends_with("402");
                    drop(request);
                    std::future::ready(Err::<ServiceResponse<BoxBody>, _>(if refuse {
                        error::ErrorPaymentRequired("no credits")
                    } else {
                        error::ErrorInternalServerError("broken")
                    }))
                })
                .wrap(Monitor::default())
                .route("/anomalies/inner/{status}", web::get().to(|| async { "never" })),
        )
        .await;
        for path in ["/anomalies/inner/402", "/anomalies/inner/500"] {
            assert!(try_call_service(&app, TestRequest::get().uri(path).to_request()).await.is_err());
        }
        assert_eq!(counted("/anomalies/inner/{status}", "server_error"), 1.0);
        quiet("/anomalies/inner/{status}", &["server_error"]);
    }

    #[test]
    fn an_error_of_actix_in_a_watched_block_is_judged_by_its_response() {
        let _time = Manual::start();
        let block = |error| detect_anomalies("scope_actix").run(|| Err::<(), Error>(error));
        assert!(block(error::ErrorNotFound("nothing")).is_err());
        assert_eq!(counted("scope_actix", "exception"), 0.0);
        assert!(block(error::ErrorBadGateway("down")).is_err());
        assert_eq!(counted("scope_actix", "exception"), 1.0);
    }
}

#[cfg(feature = "actix")]
#[actix_web::test]
async fn what_was_found_is_json_for_whoever_has_the_token() {
    use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
    use monitor_runtime::actix::anomalies;
    let _time = Manual::start();
    detect_anomalies("json").latency_threshold(0.5).start().finish(Outcome::Failure);
    let token = "s3cret".parse().expect("a token");
    let app = init_service(actix_web::App::new().service(anomalies("/monitoring/anomalies").bearer_token(token))).await;
    let get = || TestRequest::get().uri("/monitoring/anomalies");
    assert_eq!(call_service(&app, get().to_request()).await.status(), 401);
    let bearer = ("authorization", "Bearer s3cret");
    let post = TestRequest::post().uri("/monitoring/anomalies").insert_header(bearer).to_request();
    assert_eq!(call_service(&app, post).await.status(), 405);
    let answer = call_service(&app, get().insert_header(bearer).to_request()).await;
    assert_eq!(answer.status(), 200);
    let body: serde_json::Value = read_body_json(answer).await;
    assert_eq!(body["version"], 1);
    let of = |list: &str| {
        let all = body[list].as_array().expect("a list");
        all.iter().find(|one| one["endpoint"] == "json").unwrap_or_else(|| panic!("{body}")).clone()
    };
    let endpoint = of("endpoints");
    assert_eq!(endpoint["error_rate"], 1.0);
    assert_eq!(endpoint["latency_threshold"], 0.5);
    assert_eq!(endpoint["configured"]["error_threshold"], serde_json::Value::Null);
    let found = of("anomalies");
    assert_eq!((&found["reason"], &found["count"]), (&"exception".into(), &1.into()));
}
