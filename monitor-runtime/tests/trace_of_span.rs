//! The trace of a request without a `traceparent`: that of the current span, where a subscriber gives spans one.
#![cfg(feature = "actix")]

use actix_web::dev::Service;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use monitor_runtime::actix::Monitor;
use monitor_runtime::{Format, TraceId, encode, prometheus};
use tracing::span::{Attributes, Id};
use tracing::{Instrument, Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// Gives each span a trace, as a layer for OpenTelemetry does.
struct Traces;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Traces {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let trace = TraceId::new([id.into_u64() as u8 | 0x80; 16]);
        if let (Some(span), Some(trace)) = (context.span(id), trace) {
            span.extensions_mut().insert(trace);
        }
    }
}

/// What one writes for the subscriber that one has.
fn current_trace() -> Option<TraceId> {
    Span::current().with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        let extensions = span.extensions();
        extensions.get::<TraceId>().copied()
    })?
}

#[actix_web::test]
async fn the_current_span_s_trace_rides_on_the_bucket() {
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(Traces));
    let traced = |span: Span| span.with_subscriber(|(id, _)| TraceId::new([id.into_u64() as u8 | 0x80; 16])).flatten();
    let span = tracing::info_span!("request");
    let trace = traced(span.clone()).expect("the subscriber gives one");
    let app = init_service(
        App::new()
            .wrap(Monitor::builder().trace_id(current_trace).build().expect("valid"))
            .wrap_fn(move |request, service| service.call(request).instrument(span.clone()))
            .route("/spans/{id}", web::get().to(|| async { "hello" })),
    )
    .await;
    call_service(&app, TestRequest::get().uri("/spans/1").to_request()).await;
    let exemplar_of = |trace: TraceId| {
        let mut page = Vec::new();
        encode(prometheus::default_registry(), Format::OpenMetrics, &mut page).expect("a vector takes everything");
        let page = String::from_utf8(page).expect("text");
        let wanted = format!("# {{trace_id=\"{trace}\"}} ");
        page.lines().filter(|line| line.contains(&wanted)).map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = exemplar_of(trace);
    assert!(
        matches!(&lines[..], [line] if line.starts_with("api_request_latency_seconds_bucket{endpoint=\"/spans/{id}\"")),
        "{lines:?}"
    );

    // A request that says its own trace keeps it.
    let own = TraceId::new([7; 16]).expect("not zero");
    let header = ("traceparent", format!("00-{own}-00f067aa0ba902b7-01"));
    call_service(&app, TestRequest::get().uri("/spans/1").insert_header(header).to_request()).await;
    assert_eq!(exemplar_of(own).len(), 1);
}
