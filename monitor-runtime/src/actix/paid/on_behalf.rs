//! The middleware that knows on whose behalf a request is served, and tells what it was charged.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready as polled};

use actix_web::Error;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use pin_project_lite::pin_project;

use crate::activity;
use crate::actix::own::OwnPages;
use crate::credits::Credits;
use crate::health::{Trouble, caught};
use crate::open_calls::{RequestEnd, Settles};
use crate::outcome::{Outcome, ToOutcome};
use crate::paid::{charged_in_vain, know_operations};
use crate::scope::{InScope, Scope};

/// Opens a [scope](crate::scope) around each request: the account that it is served for, and the ledger that it pays
/// from. `#[with_credits]` and [`PaidRoute`](super::PaidRoute) read it. The account is
/// [seen](crate::activity::seen): it is an active user, and nothing else is needed for that.
///
/// The application says which account a request belongs to:
///
/// ```no_run
/// use actix_web::dev::ServiceRequest;
/// use actix_web::{App, HttpResponse, HttpServer, post};
/// use monitor_runtime::actix::{Monitor, OnBehalf};
/// use monitor_runtime::credits::{Credits, CreditsError, Memory};
/// use monitor_runtime::with_credits;
///
/// #[post("/reports")]
/// #[with_credits(cost = 5)]
/// async fn report() -> actix_web::Result<HttpResponse> {
///     Ok(HttpResponse::Ok().body("a report"))
/// }
///
/// fn account(request: &ServiceRequest) -> Option<String> {
///     let token = request.headers().get("authorization")?.to_str().ok()?;
///     // look the token up: whose is it?
/// #   Some(token.to_owned())
/// }
///
/// # async fn run() -> std::io::Result<()> {
/// let credits = Credits::new(Memory::new());
/// HttpServer::new(move || {
///     App::new()
///         .service(report)
///         .wrap(OnBehalf::of(account).ledger(credits.clone()))
///         // a session middleware goes here
///         .wrap(Monitor::default())
/// })
/// .bind(("127.0.0.1", 8080))?
/// .run()
/// .await
/// # }
/// ```
///
/// # In which order
/// What is wrapped last is outermost. `OnBehalf` comes before (inside) the middleware that opens sessions, so that the
/// session is there when the account is asked for, and [`Monitor`](super::super::Monitor) comes last, so that it counts
/// also what the others refuse. With `actix-session`, the function is
/// `|request| request.get_session().get::<String>("user").ok().flatten()`.
///
/// An account that only an asynchronous look-up knows is found by a middleware between the two, which leaves it in the
/// request's extensions for the function to read.
///
/// # What it settles
/// It sees the answer of a request, so it settles the calls whose value is an answer or becomes one:
/// [`with_credits`](crate::with_credits#what-is-captured). The response waits until what is captured is durable. A
/// middleware that changes answers (`ErrorHandlers`, say) therefore belongs within it.
///
/// # What it answers
/// Without an account nothing is refused here; work that costs something is, with 401. Where `OnBehalf` itself is missing,
/// paid work is answered 500, and the error is logged. What was charged is in the headers
/// `X-Credits-Used` and `X-Credits-Remaining` of the response, when something was, and only of the request's own account.
///
/// The header `Idempotency-Key` makes a request one that is paid once, see
/// [`with_credits`](crate::with_credits#sent-twice).
pub struct OnBehalf<F> {
    settings: Rc<Settings<F>>,
}

struct Settings<F> {
    account: F,
    ledger: Option<Credits>,
}

impl<F> OnBehalf<F> {
    /// Asks `account` whose a request is; `None` is nobody's.
    pub fn of<A>(account: F) -> OnBehalf<F>
    where
        F: Fn(&ServiceRequest) -> Option<A>,
        A: Into<Arc<str>>,
    {
        know_operations();
        OnBehalf { settings: Rc::new(Settings { account, ledger: None }) }
    }

    /// The ledger that accounts pay from.
    #[must_use]
    pub fn ledger(self, ledger: Credits) -> OnBehalf<F>
    where
        F: Clone,
    {
        let account = self.settings.account.clone();
        OnBehalf { settings: Rc::new(Settings { account, ledger: Some(ledger) }) }
    }
}

impl<F> fmt::Debug for OnBehalf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnBehalf").field("ledger", &self.settings.ledger).finish_non_exhaustive()
    }
}

impl<S, B, F, A> Transform<S, ServiceRequest> for OnBehalf<F>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    F: Fn(&ServiceRequest) -> Option<A> + 'static,
    A: Into<Arc<str>>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = OnBehalfService<S, F>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        // Its families are on the page before the first request.
        activity::global();
        ready(Ok(OnBehalfService { inner, settings: Rc::clone(&self.settings), own_pages: OwnPages::default() }))
    }
}

/// The service that [`OnBehalf`] makes around another.
pub struct OnBehalfService<S, F> {
    inner: S,
    settings: Rc<Settings<F>>,
    own_pages: OwnPages,
}

impl<S, F> fmt::Debug for OnBehalfService<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnBehalfService").finish_non_exhaustive()
    }
}

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static USED: HeaderName = HeaderName::from_static("x-credits-used");
static REMAINING: HeaderName = HeaderName::from_static("x-credits-remaining");

impl<F> Settings<F> {
    fn scope<A>(&self, request: &ServiceRequest) -> Scope
    where
        F: Fn(&ServiceRequest) -> Option<A>,
        A: Into<Arc<str>>,
    {
        // Nobody's where it panics: what costs something is then refused.
        let account =
            caught(Trouble::AccountPanicked, || (self.account)(request).map(Into::<Arc<str>>::into)).flatten();
        let mut scope = account.map_or(Scope::NOBODY, Scope::of);
        if let Some(ledger) = &self.ledger {
            scope = scope.ledger(ledger.clone());
        }
        if let Some(id) = text(request.headers(), &REQUEST_ID) {
            scope = scope.request(id);
        }
        let mut keys = request.headers().get_all(&IDEMPOTENCY_KEY);
        if let Some(key) = keys.next() {
            // Bytes that are not text, and two keys, become a key that every ledger refuses.
            let key = std::str::from_utf8(key.as_bytes()).ok().filter(|_| keys.next().is_none());
            scope = scope.idempotency_key(key.unwrap_or("\0"));
        }
        scope
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

impl<S, B, F, A> Service<ServiceRequest> for OnBehalfService<S, F>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    F: Fn(&ServiceRequest) -> Option<A> + 'static,
    A: Into<Arc<str>>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = OnBehalfFuture<S::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let end = Arc::new(RequestEnd::default());
        let scope = self.settings.scope(&request).ends(Arc::clone(&end));
        // Who looks at a page of the toolkit's own does not use the service.
        if let Some(account) = scope.account().filter(|_| !self.own_pages.have(&request)) {
            activity::seen(account);
        }
        let inner = scope.run(|| self.inner.call(request));
        OnBehalfFuture { inner: scope.around(inner), end, answer: None, settling: Vec::new() }
    }
}

pin_project! {
    /// A request that is being served on somebody's behalf.
    pub struct OnBehalfFuture<F: Future> {
        #[pin]
        inner: InScope<F>,
        end: Arc<RequestEnd>,
        // There while what it settles is waited for.
        answer: Option<F::Output>,
        settling: Vec<Settles>,
    }

    impl<F: Future> PinnedDrop for OnBehalfFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            this.project().end.open.dropped();
        }
    }
}

/// While it lives, a panic ends the calls that wait for an answer: there will be none.
struct OnPanic<'a>(&'a RequestEnd);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        // What is given back is not waited for.
        drop(self.0.open.answered(Outcome::Panic));
    }
}

impl<F: Future> fmt::Debug for OnBehalfFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnBehalfFuture").finish_non_exhaustive()
    }
}

impl<F, B> Future for OnBehalfFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.answer.is_none() {
            let panics = OnPanic(this.end);
            let polled = this.inner.as_mut().poll(context);
            mem::forget(panics);
            let answer = polled!(polled);
            let outcome = match &answer {
                Ok(response) => response.outcome(),
                Err(error) => error.outcome(),
            };
            // What was captured before the answer was known; the calls that it ends go by it.
            if outcome != Outcome::Success {
                let scope = this.inner.as_ref().get_ref().scope();
                this.end.receipt.operations().iter().for_each(|operation| charged_in_vain(operation, scope));
            }
            *this.settling = this.end.open.answered(outcome);
            *this.answer = Some(answer);
        }
        while let Some(settles) = this.settling.last_mut() {
            polled!(settles.as_mut().poll(context));
            this.settling.pop();
        }
        let Some(mut answer) = this.answer.take() else { unreachable!("a future is polled until it is ready") };
        if let (Ok(response), Some(charged)) = (&mut answer, this.end.receipt.charged()) {
            response.headers_mut().insert(USED.clone(), HeaderValue::from(charged.used));
            response.headers_mut().insert(REMAINING.clone(), HeaderValue::from(charged.remaining));
        }
        Poll::Ready(answer)
    }
}
