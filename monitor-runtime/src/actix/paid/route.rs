//! The middleware that makes a route a paid one, without an attribute.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::Method;
use actix_web::{Error, ResponseError};

use crate::credits::{Cost, CreditsError, Operation};
use crate::outcome::{ToOutcome, Verdict};
use crate::paid::{Name, PaidCall};

/// Makes the requests of a resource or a scope cost credits: held before the request goes on, captured when its response
/// is none of 4xx and 5xx and was not made of an error, given back in every other case.
///
/// ```
/// use actix_web::{App, HttpResponse, web};
/// use monitor_runtime::actix::{OnBehalf, PaidRoute};
/// # use monitor_runtime::credits::{Credits, Memory};
///
/// # let credits = Credits::new(Memory::new());
/// let app = App::new()
///     .service(
///         web::resource("/exports/{id}")
///             .wrap(PaidRoute::cost(5))
///             .route(web::post().to(HttpResponse::Ok)),
///     )
///     .service(
///         web::resource("/uploads")
///             .wrap(PaidRoute::priced(|request| request.query_string().len()).operation("upload"))
///             .route(web::post().to(HttpResponse::Ok)),
///     )
///     .wrap(OnBehalf::of(|_| Some("ada")).ledger(credits));
/// # drop(app);
/// ```
///
/// The account and the ledger are those of [`OnBehalf`](super::OnBehalf), which stands outside of it and settles by the answer
/// that leaves it. The operation is
/// the method and the route's pattern, such as `POST /exports/{id}`, unless it is given a name. The handler may call
/// [`credits::charge`](crate::credits::charge). What is streamed, or upgraded, is paid when its headers are ready, as with
/// [`with_credits`](crate::with_credits#streams-and-websockets).
pub struct PaidRoute {
    settings: Rc<Settings>,
}

struct Settings {
    price: Price,
    operation: Option<Result<Operation, CreditsError>>,
    served_when_down: bool,
    paid_when_dropped: bool,
}

type Price = Box<dyn Fn(&ServiceRequest) -> Result<i64, CreditsError>>;

impl PaidRoute {
    /// Each request costs so much.
    pub fn cost(cost: impl Cost) -> PaidRoute {
        let cost = cost.credits();
        PaidRoute::with(Box::new(move |_| cost.clone()))
    }

    /// A request costs what `price` says of it.
    pub fn priced<C: Cost>(price: impl Fn(&ServiceRequest) -> C + 'static) -> PaidRoute {
        PaidRoute::with(Box::new(move |request| price(request).credits()))
    }

    fn with(price: Price) -> PaidRoute {
        PaidRoute {
            settings: Rc::new(Settings { price, operation: None, served_when_down: false, paid_when_dropped: false }),
        }
    }

    /// What is paid for.
    #[must_use]
    pub fn operation(self, name: &str) -> PaidRoute {
        self.change(|settings| settings.operation = Some(Operation::new(name)))
    }

    /// While the store does not answer, requests are served unpaid, and counted in `credit_unpaid_total`.
    #[must_use]
    pub fn serve_when_down(self) -> PaidRoute {
        self.change(|settings| settings.served_when_down = true)
    }

    /// A request that is dropped after its handler has begun, because its client left or it took too long, is paid all the
    /// same: for work that goes on without the request, as in [`web::block`](actix_web::web::block). Counted in
    /// `credit_abandoned_total`.
    #[must_use]
    pub fn capture_on_drop(self) -> PaidRoute {
        self.change(|settings| settings.paid_when_dropped = true)
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> PaidRoute {
        if let Some(settings) = Rc::get_mut(&mut self.settings) {
            change(settings);
        }
        self
    }
}

impl fmt::Debug for PaidRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaidRoute").field("operation", &self.settings.operation).finish_non_exhaustive()
    }
}

impl Settings {
    fn call(&self, request: &ServiceRequest) -> PaidCall {
        let operation = self.operation.clone().unwrap_or_else(|| {
            let pattern = request.match_pattern();
            // An app whose scope is the root has the pattern "".
            let pattern = pattern.as_deref().filter(|pattern| !pattern.is_empty()).unwrap_or("/");
            Operation::new(format!("{} {pattern}", method(request.method())))
        });
        let call = PaidCall::named(Name::Given(operation), (self.price)(request));
        let call = if self.served_when_down { call.served_when_down() } else { call };
        if self.paid_when_dropped { call.paid_when_dropped() } else { call }
    }
}

/// A method that anybody can make up is no name.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "_OTHER",
    }
}

impl<S, B> Transform<S, ServiceRequest> for PaidRoute
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = PaidRouteService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(PaidRouteService { inner: Rc::new(inner), settings: Rc::clone(&self.settings) }))
    }
}

/// The service that [`PaidRoute`] makes around another.
pub struct PaidRouteService<S> {
    inner: Rc<S>,
    settings: Rc<Settings>,
}

impl<S> fmt::Debug for PaidRouteService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaidRouteService").finish_non_exhaustive()
    }
}

impl<S, B> Service<ServiceRequest> for PaidRouteService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (inner, call) = (Rc::clone(&self.inner), self.settings.call(&request));
        Box::pin(async move {
            let call = match call.hold().await {
                Ok(call) => call,
                // A response, because an `Err` would pass by what other middlewares do to responses.
                Err(refused) => return Ok(request.into_response(refused.error_response()).map_into_right_body()),
            };
            let served = call.run(|| inner.call(request));
            let served = call.around(served).await;
            call.settle(match &served {
                // A middleware around this one may still answer otherwise.
                Ok(response) => Verdict::Answer(response.outcome()),
                Err(error) => error.error_verdict(),
            })
            .await;
            served.map(ServiceResponse::map_into_left_body)
        })
    }
}
