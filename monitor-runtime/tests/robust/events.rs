//! One event for one failing call, though a watched function and the route that it serves both fail by it.

use std::sync::Mutex;
use std::time::Duration;

use actix_web::error::ErrorInternalServerError;
use actix_web::{App, HttpResponse, web};
use monitor_runtime::actix::Monitor;
use monitor_runtime::{anomaly, detect_anomalies};

use crate::support::{Server, sample};

async fn charge() -> Result<(), std::io::Error> {
    actix_web::rt::task::yield_now().await;
    Err(std::io::Error::other("on purpose"))
}

async fn fails() -> actix_web::Result<HttpResponse> {
    detect_anomalies("events_charge").watch(charge()).await.map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().finish())
}

async fn recovers() -> HttpResponse {
    let charged = detect_anomalies("events_recovered").watch(charge()).await;
    HttpResponse::Ok().body(charged.is_err().to_string())
}

async fn panics() -> HttpResponse {
    detect_anomalies("events_panics").run(|| -> () { panic!("a function that panics on purpose") });
    HttpResponse::Ok().finish()
}

async fn muted() -> actix_web::Result<HttpResponse> {
    detect_anomalies("events_muted").watch(charge()).await.map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().finish())
}

async fn alone() -> HttpResponse {
    HttpResponse::InternalServerError().finish()
}

#[test]
fn a_failing_call_is_one_event_and_counted_by_its_function_and_its_route() {
    crate::callbacks::quiet();
    anomaly::limits("events_muted").mute(anomaly::Reason::Exception).give().expect("limits");
    let told = anomaly::subscribe(1_000);
    let server = Server::start(|| {
        App::new().wrap(Monitor::default()).service(
            web::scope("/events")
                .route("/fails", web::get().to(fails))
                .route("/recovers", web::get().to(recovers))
                .route("/panics", web::get().to(panics))
                .route("/muted", web::get().to(muted))
                .route("/alone", web::get().to(alone)),
        )
    });
    for path in ["fails", "recovers", "panics", "muted", "alone"] {
        server.get(&format!("/events/{path}"));
    }
    let found = Mutex::new(Vec::new());
    let of_this_test = |event: &anomaly::Event| event.endpoint.trim_start_matches('/').starts_with("events");
    while let Some(event) = told.next_within(Duration::from_millis(200)) {
        if of_this_test(&event) {
            found.lock().expect("one thread").push((event.endpoint, event.verdict.reason.as_str()));
        }
    }
    let mut found = found.into_inner().expect("one thread");
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("/events/alone", "server_error"),
            ("/events/muted", "server_error"),
            ("events_charge", "exception"),
            ("events_panics", "panic"),
            ("events_recovered", "exception"),
        ]
    );
    let counted = |endpoint: &str, reason: &str| {
        sample("anomaly_detection_triggered_total", &[("endpoint", endpoint), ("reason", reason)])
    };
    assert_eq!((counted("events_charge", "exception"), counted("/events/fails", "server_error")), (1.0, 1.0));
    assert_eq!((counted("events_panics", "panic"), counted("/events/panics", "panic")), (1.0, 1.0));
    assert_eq!((counted("events_recovered", "exception"), counted("/events/recovers", "server_error")), (1.0, 0.0));
}
