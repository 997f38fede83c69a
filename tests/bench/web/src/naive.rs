//! What one writes by hand with `prometheus`: a middleware that looks its labels up in both families on every request.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready as try_ready};
use std::time::Instant;

use actix_web::Error;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use prometheus::{HistogramVec, IntCounterVec, register_histogram_vec, register_int_counter_vec};

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("requests_total", "h", &["endpoint", "method", "status"]).expect("the name is free")
});
static LATENCY: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!("latency_seconds", "h", &["endpoint", "method"]).expect("the name is free")
});

pub struct Naive;

pub struct NaiveService<S> {
    inner: S,
}

impl<S, B> Transform<S, ServiceRequest> for Naive
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type InitError = ();
    type Transform = NaiveService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(NaiveService { inner }))
    }
}

impl<S, B> Service<ServiceRequest> for NaiveService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = NaiveFuture<S::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        NaiveFuture { inner: self.inner.call(request), start: Instant::now() }
    }
}

pin_project_lite::pin_project! {
    pub struct NaiveFuture<F> {
        #[pin]
        inner: F,
        start: Instant,
    }
}

impl<F, B> Future for NaiveFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = try_ready!(this.inner.poll(context))?;
        let seconds = this.start.elapsed().as_secs_f64();
        let request = response.request();
        let pattern = request.match_pattern().unwrap_or_default();
        let method = request.method().as_str();
        REQUESTS.with_label_values(&[pattern.as_str(), method, response.status().as_str()]).inc();
        LATENCY.with_label_values(&[pattern.as_str(), method]).observe(seconds);
        Poll::Ready(Ok(response))
    }
}
