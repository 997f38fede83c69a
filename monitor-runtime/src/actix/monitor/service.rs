//! The middleware as actix-web sees it: a request comes, its future is polled, a response or an error goes.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpMessage};
use pin_project_lite::pin_project;

use super::body::MonitorBody;
use super::settings::Monitor;
use super::watched::{Watched, Worker};

impl<S, B> Transform<S, ServiceRequest> for Monitor
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<MonitorBody<B>>;
    type Error = Error;
    type Transform = MonitorService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(MonitorService { inner, worker: Rc::new(Worker::new(self.settings.clone())) }))
    }
}

/// The service that [`Monitor`] makes around another.
pub struct MonitorService<S> {
    inner: S,
    worker: Rc<Worker>,
}

impl<S> std::fmt::Debug for MonitorService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonitorService").finish_non_exhaustive()
    }
}

/// Stands in a request's extensions once it is watched: an inner middleware of ours leaves it alone.
struct IsWatched;

impl<S, B> Service<ServiceRequest> for MonitorService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<MonitorBody<B>>;
    type Error = Error;
    type Future = MonitorFuture<S::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let watched =
            self.worker.settings.records(request.path()) && request.extensions_mut().insert(IsWatched).is_none();
        let mut watched = watched.then(|| Watched::start(&self.worker, &request));
        let inner = guarded(&mut watched, || self.inner.call(request));
        MonitorFuture { inner, watched }
    }
}

pin_project! {
    /// A request that is being served.
    pub struct MonitorFuture<F> {
        // Dropped first: what the request does while it is dropped is still its own.
        #[pin]
        inner: F,
        watched: Option<Watched>,
    }
}

impl<F> std::fmt::Debug for MonitorFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonitorFuture").finish_non_exhaustive()
    }
}

impl<F, B> Future for MonitorFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<MonitorBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        let Poll::Ready(result) = guarded(this.watched, || inner.poll(context)) else { return Poll::Pending };
        let watched = this.watched.take();
        Poll::Ready(match result {
            Ok(response) => {
                let begun = watched.and_then(|mut watched| watched.respond(&response));
                let (head, status) = (response.request().method() == actix_web::http::Method::HEAD, response.status());
                Ok(response.map_body(|_, body| MonitorBody::new(body, begun, head, status)))
            }
            Err(error) => {
                if let Some(mut watched) = watched {
                    watched.end(error.as_response_error().status_code());
                }
                Err(error)
            }
        })
    }
}

/// Runs a step of a request; if it panics, the request is recorded and the panic goes on.
///
/// The future itself is dropped only after the runtime has caught the panic, when nothing tells it from a client that
/// left.
fn guarded<T>(watched: &mut Option<Watched>, step: impl FnOnce() -> T) -> T {
    struct OnPanic<'a>(&'a mut Option<Watched>);
    impl Drop for OnPanic<'_> {
        fn drop(&mut self) {
            if let Some(mut watched) = self.0.take() {
                watched.end(StatusCode::INTERNAL_SERVER_ERROR);
            }
        }
    }
    let guard = OnPanic(watched);
    let done = step();
    std::mem::forget(guard);
    done
}
