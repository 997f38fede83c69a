//! One request on its way: it is recorded when its response begins, or when it is dropped without one.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::{ResourceMap, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header::HeaderName};

use super::found::Found;
use super::route::{Route, chosen_by};
use super::settings::Settings;
use super::upload::Waited;
use crate::actix::own::OwnPages;
use crate::anomaly::Observed;
use crate::builtin::{API_REQUEST_ERRORS, API_REQUESTS_IN_FLIGHT, API_RESPONSE_BODIES_CUT, API_RESPONSE_BODY};
use crate::clock;
use crate::health::{self, Trouble};
use crate::metrics::{GaugeSeries, TraceId};
use crate::watch;

/// What one worker's copy of the middleware keeps.
pub(super) struct Worker {
    pub(super) settings: Arc<Settings>,
    /// The app's routes, for requests that leave no response to read the route from.
    routes: OnceCell<ResourceMap>,
    in_flight: GaugeSeries,
    found: Found,
    own_pages: OwnPages,
    /// What requests that are over kept their state in.
    #[expect(clippy::vec_box, reason = "the boxes go from request to request")]
    spare: RefCell<Vec<Box<Kept>>>,
}

impl Worker {
    /// As many as actix-web itself keeps of its requests.
    const SPARE: usize = 128;
    /// The room for longer paths is given back.
    const LONGEST_PATH: usize = 1024;

    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Worker {
            routes: OnceCell::new(),
            in_flight: API_REQUESTS_IN_FLIGHT.with(API_REQUESTS_IN_FLIGHT {}),
            found: Found::new(&settings),
            own_pages: OwnPages::default(),
            settings,
            spare: RefCell::default(),
        }
    }

    /// The route that a path matches, whatever the guards.
    fn route_of(&self, path: &str) -> Rc<Route> {
        let routes = self.routes.get();
        let pattern = routes.and_then(|routes| routes.match_pattern(path));
        self.found.with_pattern(&self.settings, pattern.as_deref(), || routes?.match_name(path))
    }

    /// Whether a request is to be left alone: one for a page of the toolkit's own, unless they are counted.
    #[inline]
    pub(super) fn leaves_out(&self, request: &ServiceRequest) -> bool {
        !self.settings.counts_own_pages && self.own_pages.have(request)
    }

    fn record(&self, kept: &Kept, route: &Route, status: StatusCode, end: End) {
        let series = route.series(&self.settings, &kept.method, status);
        series.requests.inc();
        // A websocket ends when one side likes.
        let timed = status != StatusCode::SWITCHING_PROTOCOLS;
        let seconds = match timed.then(|| kept.trace_id.or_else(|| self.settings.current_trace_id())) {
            None => clock::seconds_since(kept.start),
            Some(None) => series.latency.observe_since(kept.start),
            Some(Some(trace_id)) => {
                let seconds = clock::seconds_since(kept.start);
                series.latency.observe_traced(seconds, trace_id);
                seconds
            }
        };
        let is_error = self.settings.is_error(status);
        if is_error {
            let (endpoint, method) = (route.endpoint(&self.settings), self.settings.method(&kept.method));
            API_REQUEST_ERRORS.with_chosen(API_REQUEST_ERRORS { endpoint, method }, chosen_by(method, status)).inc();
        }
        let observed = match end {
            End::Panicked => Observed::Panic,
            End::Left => Observed::Cancelled,
            End::Answered if is_error => Observed::ServerError,
            End::Answered if status.is_client_error() => Observed::Refused,
            End::Answered => Observed::Success,
        };
        // That a client sends its body slowly is not for the endpoint to answer for.
        let waited = kept.waited.as_ref().map_or(0.0, |waited| waited.seconds());
        let latency = if timed { (seconds - waited).max(0.0) } else { f64::NAN };
        watch::observe(series.endpoint, kept.start, seconds, latency, observed, kept.told);
    }

    /// The body is over, whether it was sent to its end or not.
    #[cold]
    fn record_body(&self, kept: &Kept) {
        let Some(route) = &kept.route else { return };
        let (endpoint, method) = (route.endpoint(&self.settings), self.settings.method(&kept.method));
        let by = chosen_by(method, kept.status);
        if kept.left != Left::NOTHING {
            API_RESPONSE_BODIES_CUT.with_chosen(API_RESPONSE_BODIES_CUT { endpoint, method }, by).inc();
        }
        if self.settings.times_bodies {
            let seconds = clock::seconds_since(kept.start);
            API_RESPONSE_BODY.with_chosen(API_RESPONSE_BODY { endpoint, method }, by).observe(seconds);
        }
    }

    /// There is no response, but a status.
    #[cold]
    fn record_without_response(&self, kept: &Kept, status: StatusCode, end: End) {
        // A handler may be panicking: a second panic that came out of here would abort the process.
        let record = || {
            let route = self.route_of(&kept.path);
            if !route.skipped {
                self.record(kept, &route, status, end);
            }
        };
        health::caught(Trouble::RecordPanicked, record);
    }
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a response, or an error that becomes one.
    Answered,
    Panicked,
    /// Its client left.
    Left,
}

/// A status that no response has: the client left before there was one.
const CLIENT_LEFT: u16 = 499;

/// One request that is being served, until its response's body is dropped. The gauge counts it as long as it lives.
pub(super) struct Watched {
    worker: Rc<Worker>,
    /// There until the drop, which hands it to the next request. In a box because it moves with the request's future
    /// and with the response, from hand to hand.
    kept: Option<Box<Kept>>,
}

/// What is known of a request.
#[derive(Default)]
struct Kept {
    stage: Stage,
    left: Left,
    /// Whether a watched function within it has failed, and told it: one failing call is one event.
    told: bool,
    /// When it came; once its body is sent, when that began.
    start: u64,
    method: Method,
    /// Its route is found by this where there is no response. Copied, because a share of the request's own costs more.
    path: String,
    trace_id: Option<TraceId>,
    /// How long its client had it wait for its body, if it has one.
    waited: Option<Rc<Waited>>,
    /// Known once it is recorded.
    route: Option<Rc<Route>>,
    status: StatusCode,
}

#[derive(Clone, Copy, Default)]
enum Stage {
    /// Not recorded yet.
    #[default]
    Served,
    /// Recorded, and there is a body.
    Sent,
    Over,
}

/// How many bytes of a body have to be sent yet.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left(pub(super) u64);

impl Left {
    pub(super) const NOTHING: Left = Left(0);
    /// As many as come.
    pub(super) const UNKNOWN: Left = Left(u64::MAX);
}

impl Watched {
    pub(super) fn start(worker: &Rc<Worker>, request: &mut ServiceRequest) -> Self {
        worker.routes.get_or_init(|| request.resource_map().clone());
        worker.in_flight.inc();
        let start = clock::ticks();
        let spare = worker.spare.borrow_mut().pop();
        let mut kept = spare.unwrap_or_default();
        kept.start = start;
        if kept.method != *request.method() {
            kept.method.clone_from(request.method());
        }
        kept.path.push_str(request.path());
        kept.trace_id = trace_id_of(request);
        kept.waited = Waited::of(request);
        Watched { worker: Rc::clone(worker), kept: Some(kept) }
    }

    /// The response's headers are there, and its body is about to be sent. `None` if it is not to be recorded.
    pub(super) fn respond<B>(mut self, response: &ServiceResponse<B>) -> Option<Self> {
        let kept = self.kept.as_deref_mut()?;
        kept.stage = Stage::Over;
        let route = self.worker.found.route(&self.worker.settings, response.request(), &kept.path);
        if route.skipped {
            return None;
        }
        self.worker.record(kept, &route, response.status(), End::Answered);
        kept.route = Some(route);
        kept.status = response.status();
        kept.stage = Stage::Sent;
        kept.left = Left::NOTHING;
        if self.worker.settings.times_bodies {
            kept.start = clock::ticks();
        }
        Some(self)
    }

    /// There is no response, but a status.
    pub(super) fn end(mut self, status: StatusCode, end: End) {
        if let Some(kept) = self.kept.as_deref_mut() {
            kept.stage = Stage::Over;
            self.worker.record_without_response(kept, status, end);
        }
    }

    /// A watched function within it has told of its failure.
    #[cold]
    pub(super) fn is_told(&mut self) {
        if let Some(kept) = self.kept.as_deref_mut() {
            kept.told = true;
        }
    }

    /// Whether the time that the body takes is asked for.
    pub(super) fn times_body(&self) -> bool {
        self.worker.settings.times_bodies
    }

    /// Whether the request asks for no body.
    pub(super) fn to_head(&self) -> bool {
        self.kept.as_deref().is_some_and(|kept| kept.method == Method::HEAD)
    }

    /// So much of the body is to be sent.
    pub(super) fn has_to_send(&mut self, left: Left) {
        if let Some(kept) = self.kept.as_deref_mut() {
            kept.left = left;
        }
    }

    /// So much of the body was sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some(kept) = self.kept.as_deref_mut()
            && kept.left != Left::UNKNOWN
        {
            kept.left = Left(kept.left.0.saturating_sub(bytes as u64));
        }
    }

    /// The body was sent to its end.
    pub(super) fn sent_all(&mut self) {
        if let Some(kept) = self.kept.as_deref_mut() {
            kept.left = Left::NOTHING;
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Some(mut kept) = self.kept.take() else { return };
        match kept.stage {
            Stage::Served => {
                if let Ok(left) = StatusCode::from_u16(CLIENT_LEFT) {
                    self.worker.record_without_response(&kept, left, End::Left);
                }
            }
            Stage::Sent => {
                if kept.left != Left::NOTHING || self.worker.settings.times_bodies {
                    self.worker.record_body(&kept);
                }
            }
            Stage::Over => {}
        }
        self.worker.in_flight.dec();
        let mut spare = self.worker.spare.borrow_mut();
        if spare.len() < Worker::SPARE && kept.path.capacity() <= Worker::LONGEST_PATH {
            kept.stage = Stage::Served;
            kept.told = false;
            kept.path.clear();
            kept.route = None;
            kept.waited = None;
            spare.push(kept);
        }
    }
}

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace that the request's client says it belongs to.
fn trace_id_of(request: &ServiceRequest) -> Option<TraceId> {
    let header = request.headers().get(&TRACEPARENT)?;
    TraceId::from_traceparent(header.to_str().ok()?)
}
