//! Callbacks that panic: whatever the application gives to the toolkit, the request is served as without it, and a handler
//! that panics itself does not take the process with it.

use std::fmt::{Arguments, Debug};
use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::{App, HttpRequest, HttpResponse, Responder, rt, web};
use monitor_runtime::activity::Activity;
use monitor_runtime::actix::{Monitor, OnBehalf, PaidRoute};
use monitor_runtime::prometheus::Registry;
use monitor_runtime::{
    LabelBuffer, LabelValue, Outcome, ToOutcome, anomaly, detect_anomalies, instrument, metrics, scope,
};
use socket2::SockRef;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{Page, Server, eventually, sample};

const ON_PURPOSE: &str = "a callback that panics on purpose";

/// Without the backtraces of panics on purpose.
pub(crate) fn quiet() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // To find the names of a backtrace takes seconds.
            let meant = |text: &str| text.contains("on purpose") || text.contains("out of bounds");
            let text = info.payload().downcast_ref::<&str>().copied();
            let text = text.or_else(|| info.payload().downcast_ref::<String>().map(String::as_str));
            if text.is_some_and(|text| !meant(text)) {
                hook(info);
            }
        }));
    });
}

/// What is dropped with it panics too.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{ON_PURPOSE}, once more");
    }
}

/// A label that cannot be had.
#[derive(Clone, Copy, Debug)]
struct NoLabel;

impl LabelValue for NoLabel {
    fn text<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        panic!("{ON_PURPOSE}")
    }
}

metrics! {
    /// Calls of a function with a label that cannot be had
    counter LABELLED = "callbacks_labelled_total" { label: NoLabel };
    /// Calls of a function whose value cannot say how it ended
    counter JUDGED = "callbacks_judged_total";
}

/// A response that cannot say how its call ended.
struct Unsayable(HttpResponse);

impl ToOutcome for Unsayable {
    fn outcome(&self) -> Outcome {
        panic!("{ON_PURPOSE}")
    }
}

impl Responder for Unsayable {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

/// What the handler does: returns, panics, or waits until its client leaves.
async fn ends(request: &HttpRequest) -> HttpResponse {
    match request.match_info().query("ends") {
        "panics" => panic!("a handler that panics on purpose"),
        "waits" => {
            rt::time::sleep(Duration::from_secs(600)).await;
            HttpResponse::Ok().finish()
        }
        "fails" => HttpResponse::InternalServerError().body("served"),
        _ => HttpResponse::Ok().body("served"),
    }
}

async fn plain(request: HttpRequest) -> HttpResponse {
    ends(&request).await
}

#[instrument(counter = LABELLED, label = NoLabel)]
async fn labelled(request: HttpRequest) -> HttpResponse {
    ends(&request).await
}

#[instrument(counter = LABELLED, label = LABELS[request.path().len()])]
async fn labelled_by_expression(request: HttpRequest) -> HttpResponse {
    ends(&request).await
}

static LABELS: [NoLabel; 0] = [];

#[instrument(counter = JUDGED)]
async fn judged(request: HttpRequest) -> Unsayable {
    Unsayable(ends(&request).await)
}

async fn watched(request: HttpRequest) -> Unsayable {
    detect_anomalies("callbacks_watched").watch(async move { Unsayable(ends(&request).await) }).await
}

/// `Judged` is for values that say it themselves.
async fn timed(request: HttpRequest) -> HttpResponse {
    let activity = Activity::builder().registry(&Registry::new()).clock(|| panic!("{ON_PURPOSE}")).build();
    let activity = activity.expect("settings");
    activity.seen("ada");
    activity.signed_in("ada", "password");
    ends(&request).await
}

fn nobody(_: &ServiceRequest) -> Option<String> {
    panic!("{ON_PURPOSE}")
}

/// A subscriber that panics when it is told of an anomaly.
struct Panics;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Panics {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        assert!(event.metadata().target() != "monitor_runtime::anomaly", "{ON_PURPOSE}");
        let mut text = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn Debug| {
            push(&mut text, format_args!("{field}={value:?} "))
        });
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

fn push(text: &mut String, part: Arguments<'_>) {
    std::fmt::Write::write_fmt(text, part).expect("it is written to memory");
}

static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn app(app: &mut web::ServiceConfig) {
    app.route("/plain/{ends}", web::get().to(plain))
        .route("/labelled/{ends}", web::get().to(labelled))
        .route("/expression/{ends}", web::get().to(labelled_by_expression))
        .route("/judged/{ends}", web::get().to(judged))
        .route("/watched/{ends}", web::get().to(watched))
        .route("/timed/{ends}", web::get().to(timed))
        .service(web::scope("/account").wrap(OnBehalf::of(nobody)).route(
            "/{ends}",
            web::get().to(async |request| {
                assert_eq!(scope::current().account(), None);
                plain(request).await
            }),
        ));
}

fn monitor() -> Monitor {
    Monitor::builder()
        .error_when(|_| panic!("{ON_PURPOSE}"))
        .trace_id(|| std::panic::panic_any(Bomb))
        .build()
        .expect("settings")
}

#[test]
fn a_callback_that_panics_costs_neither_the_request_nor_the_process() {
    quiet();
    let subscriber = tracing_subscriber::registry().with(Panics);
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets it");
    let _told = anomaly::on_event(100, |_| panic!("{ON_PURPOSE}")).expect("a thread");
    let server = Server::start(|| App::new().wrap(monitor()).service(web::scope("/callbacks").configure(app)));
    let kinds = [
        ("plain", &["error_rule_panicked", "trace_id_panicked"][..]),
        ("labelled", &["label_panicked"]),
        ("expression", &["label_panicked"]),
        ("judged", &["outcome_panicked"]),
        ("watched", &["outcome_panicked"]),
        ("timed", &["activity_clock_panicked"]),
        ("account", &["account_panicked"]),
    ];
    let troubles = |kind: &str| sample("monitor_instrumentation_errors_total", &[("kind", kind)]);
    for (path, kinds) in kinds {
        for _ in 0..2 {
            let before: Vec<f64> = kinds.iter().map(|kind| troubles(kind)).collect();
            let answer = server.get(&format!("/callbacks/{path}/returns"));
            assert_eq!(answer, Some((200, "served".to_owned())), "{path}");
            for (kind, before) in kinds.iter().zip(before) {
                assert!(troubles(kind) > before, "{path}: {kind}");
            }
        }
        assert_eq!(server.get(&format!("/callbacks/{path}/fails")), Some((500, "served".to_owned())), "{path}");
        // The panic of the handler goes on, and ends its connection and nothing else.
        assert_eq!(server.get(&format!("/callbacks/{path}/panics")), None, "{path}");
        let mut leaves = server.connect();
        let head = format!("GET /callbacks/{path}/waits HTTP/1.1\r\nHost: test\r\n\r\n");
        leaves.write_all(head.as_bytes()).expect("a request");
        // It has come when the next one of its connection's thread is answered, or soon after.
        std::thread::sleep(Duration::from_millis(50));
        // Broken off: after a plain end of what it sends, a client may still read.
        SockRef::from(&leaves).set_linger(Some(Duration::ZERO)).expect("a socket option");
        drop(leaves);
        let of = |status: u16| format!("endpoint=\"/callbacks/{path}/{{ends}}\",method=\"GET\",status=\"{status}\"");
        eventually("the client that left", || Page::read().get(&format!("api_requests_total{{{}}}", of(499))) == 1.0);
        let page = Page::read();
        assert_eq!(page.get(&format!("api_requests_total{{{}}}", of(200))), 2.0, "{path}");
        assert_eq!(page.get(&format!("api_requests_total{{{}}}", of(500))), 2.0, "{path}");
        // A status is judged as without the rule that panics.
        let errors = format!("api_request_errors_total{{endpoint=\"/callbacks/{path}/{{ends}}\",method=\"GET\"}}");
        assert_eq!(page.get(&errors), 2.0, "{path}");
    }
    // What was told of the failures panicked too.
    assert!(troubles("log_panicked") > 0.0);
    eventually("the callback", || troubles("event_callback_panicked") > 1.0);
    let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    for kind in ["error_rule", "trace_id", "label", "outcome", "activity_clock", "account", "event_callback"] {
        let of_kind = logged.iter().filter(|text| text.contains(&format!("kind=\"{kind}_panicked\""))).count();
        assert_eq!(of_kind, 1, "{kind}: {logged:?}");
    }
}

#[test]
fn a_price_that_panics_is_refused_and_not_guessed() {
    quiet();
    let server = Server::start(|| {
        let paid = PaidRoute::priced(|_: &ServiceRequest| -> i64 { panic!("{ON_PURPOSE}") });
        App::new()
            .service(
                web::scope("/priced")
                    .wrap(paid)
                    .route("/{ends}", web::get().to(async || -> HttpResponse { unreachable!("it is not paid for") })),
            )
            .wrap(Monitor::default())
    });
    let before = sample("monitor_instrumentation_errors_total", &[("kind", "price_panicked")]);
    let (status, _) = server.get("/priced/returns").expect("an answer");
    assert!((400..600).contains(&status), "{status}");
    assert_eq!(sample("monitor_instrumentation_errors_total", &[("kind", "price_panicked")]), before + 1.0);
}
