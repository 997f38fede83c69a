//! The peers, each as its manual says: the handle kept where it offers one, the lookup where users write it.

use std::sync::LazyLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::{counter::Counter, family::Family, histogram::Histogram};
use tracing_subscriber::prelude::*;

use crate::{BUCKETS, work};

/// Installs what is installed once a process.
pub fn prepare() -> PrometheusHandle {
    autometrics::settings::AutometricsSettings::builder().init();
    fastrace::set_reporter(Nowhere, fastrace::collector::Config::default());
    tracing_subscriber::registry().with(Nothing).init();
    PrometheusBuilder::new().set_buckets(&BUCKETS).and_then(|b| b.install_recorder()).expect("the first recorder")
}

struct Nowhere;
impl fastrace::collector::Reporter for Nowhere {
    fn report(&mut self, spans: Vec<fastrace::collector::SpanRecord>) {
        std::hint::black_box(spans);
    }
}

struct Nothing;
impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Nothing {}

static SESSIONS: LazyLock<prometheus::IntCounterVec> = LazyLock::new(|| {
    prometheus::register_int_counter_vec!("sessions", "Sessions opened", &["auth_method"]).expect("a free name")
});
static SESSION: LazyLock<prometheus::IntCounter> = LazyLock::new(|| SESSIONS.with_label_values(&["password"]));
static LATENCY: LazyLock<prometheus::HistogramVec> = LazyLock::new(|| {
    prometheus::register_histogram_vec!("latency", "Seconds", &["auth_method"], BUCKETS.to_vec()).expect("a free name")
});
static OPERATION: LazyLock<prometheus::Histogram> = LazyLock::new(|| LATENCY.with_label_values(&["password"]));

#[inline]
pub fn prometheus_kept() {
    SESSION.inc();
}

#[inline]
pub fn prometheus_looked_up() {
    SESSIONS.with_label_values(&["password"]).inc();
}

#[inline]
pub fn prometheus_observe(duration: Duration) {
    OPERATION.observe(duration.as_secs_f64());
}

#[inline]
pub fn prometheus_observe_looked_up(duration: Duration) {
    LATENCY.with_label_values(&["password"]).observe(duration.as_secs_f64());
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Method {
    auth_method: &'static str,
}
static CLIENT_SESSIONS: LazyLock<Family<Method, Counter>> = LazyLock::new(Family::default);
static CLIENT_LATENCY: LazyLock<Family<Method, Histogram>> =
    LazyLock::new(|| Family::new_with_constructor(|| Histogram::new(BUCKETS)));

#[inline]
pub fn prometheus_client() {
    CLIENT_SESSIONS.get_or_create(&Method { auth_method: "password" }).inc();
}

#[inline]
pub fn prometheus_client_observe(duration: Duration) {
    CLIENT_LATENCY.get_or_create(&Method { auth_method: "password" }).observe(duration.as_secs_f64());
}

#[inline]
pub fn metrics_counter() {
    metrics::counter!("user_sessions", "auth_method" => "password").increment(1);
}

#[inline]
pub fn metrics_observe(duration: Duration) {
    metrics::histogram!("user_latency", "auth_method" => "password").record(duration.as_secs_f64());
}

#[derive(Clone, Copy, PartialEq, Debug, measured::FixedCardinalityLabel)]
enum Auth {
    Password,
    Token,
}
#[derive(Clone, Copy, PartialEq, Debug, measured::LabelGroup)]
#[label(set = AuthSet)]
struct AuthLabels {
    auth_method: Auth,
}
static MEASURED_SESSIONS: LazyLock<measured::CounterVec<AuthSet>> =
    LazyLock::new(|| measured::CounterVec::with_label_set(AuthSet::new()));
static MEASURED_LATENCY: LazyLock<measured::HistogramVec<AuthSet, 14>> = LazyLock::new(|| {
    let buckets = measured::metric::histogram::Thresholds::with_buckets(BUCKETS);
    measured::HistogramVec::with_label_set_and_metadata(AuthSet::new(), buckets)
});

#[inline]
pub fn measured_counter() {
    MEASURED_SESSIONS.inc(AuthLabels { auth_method: std::hint::black_box(Auth::Password) });
}

#[inline]
pub fn measured_observe(duration: Duration) {
    MEASURED_LATENCY.observe_duration(AuthLabels { auth_method: std::hint::black_box(Auth::Token) }, duration);
}

#[autometrics::autometrics]
pub fn autometrics(x: u64) -> u64 {
    work(x)
}

#[autometrics::autometrics]
pub async fn autometrics_async(x: u64) -> u64 {
    work(x)
}

#[tracing::instrument(skip_all)]
pub fn tracing(x: u64) -> u64 {
    work(x)
}

#[tracing::instrument(skip_all)]
pub async fn tracing_async(x: u64) -> u64 {
    work(x)
}

#[fastrace::trace]
pub fn fastrace(x: u64) -> u64 {
    work(x)
}
