//! The middleware as actix-web sees it: a request comes, its future is polled, a response or an error goes.

use std::cell::Cell;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpMessage};
use pin_project_lite::pin_project;

use super::body::followed;
use super::settings::Monitor;
use super::watched::{End, Watched, Worker};

impl<S, B> Transform<S, ServiceRequest> for Monitor
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = MonitorService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        let worker = Rc::new(Worker::new(self.settings.clone()));
        ready(Ok(MonitorService { inner, worker, counted: Counted::new() }))
    }
}

/// The service that [`Monitor`] makes around another.
pub struct MonitorService<S> {
    inner: S,
    worker: Rc<Worker>,
    #[expect(dead_code, reason = "held for its drop")]
    counted: Counted,
}

thread_local! {
    /// The services of this kind on this thread, where they stay.
    static SERVICES: Cell<usize> = const { Cell::new(0) };
}

/// One of [`SERVICES`].
struct Counted;

impl Counted {
    fn new() -> Self {
        SERVICES.set(SERVICES.get() + 1);
        Counted
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        SERVICES.set(SERVICES.get() - 1);
    }
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
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = MonitorFuture<S::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        // Alone on its thread, it can neither be within another nor have one within it.
        let watched = self.worker.settings.records(|| request.path())
            && (SERVICES.get() == 1 || request.extensions_mut().insert(IsWatched).is_none());
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
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<BoxBody>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        // The response is looked at where it was put and moved once: each time that it moves it is copied.
        let mut polled = guarded(this.watched, || inner.poll(context));
        let mut watched = None;
        match &mut polled {
            Poll::Pending => {}
            Poll::Ready(Ok(response)) => {
                watched = this.watched.take().and_then(|watched| watched.respond(response));
            }
            Poll::Ready(Err(error)) => {
                if let Some(watched) = this.watched.take() {
                    Unanswered::watch(watched, error);
                }
            }
        }
        polled.map_ok(|response| {
            response.map_body(|head, body| match watched {
                Some(watched) => followed(body.boxed(), watched, head.status),
                None => body.boxed(),
            })
        })
    }
}

/// A request whose error goes out, and becomes a response further out, where its status is known. An error that overrides
/// its response alone says 500 of itself, whatever it is answered with; making the response here would take it away from
/// there.
struct Unanswered {
    watched: Cell<Option<Watched>>,
    /// What the error says, in case that no response is made of it.
    status: StatusCode,
}

impl Unanswered {
    #[cold]
    fn watch(watched: Watched, error: &mut Error) {
        let status = error.as_response_error().status_code();
        if status != StatusCode::INTERNAL_SERVER_ERROR {
            return watched.end(status, End::Answered);
        }
        let unanswered = Unanswered { watched: Cell::new(Some(watched)), status };
        error.add_response_mapper(move |response| {
            unanswered.answered(response.status());
            response
        });
    }

    fn answered(&self, status: StatusCode) {
        if let Some(watched) = self.watched.take() {
            watched.end(status, End::Answered);
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.answered(self.status);
    }
}

/// Runs a step of a request; if it panics, the request is recorded and the panic goes on.
///
/// The future itself is dropped only after the runtime has caught the panic, when nothing tells it from a client that
/// left.
#[inline(always)]
fn guarded<T>(watched: &mut Option<Watched>, step: impl FnOnce() -> T) -> T {
    struct OnPanic<'a>(&'a mut Option<Watched>);
    impl Drop for OnPanic<'_> {
        fn drop(&mut self) {
            if let Some(watched) = self.0.take() {
                watched.end(StatusCode::INTERNAL_SERVER_ERROR, End::Panicked);
            }
        }
    }
    let guard = OnPanic(watched);
    let done = step();
    std::mem::forget(guard);
    done
}
