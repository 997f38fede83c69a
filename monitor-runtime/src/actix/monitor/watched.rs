//! One request on its way: it is recorded when its response begins, or when it is dropped without one.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::{ResourceMap, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header::HeaderName, uri::PathAndQuery};

use super::found::Found;
use super::settings::Settings;
use crate::builtin::{API_REQUEST_ERRORS, API_REQUESTS_IN_FLIGHT, API_RESPONSE_BODIES_CUT, API_RESPONSE_BODY};
use crate::clock;
use crate::metrics::{GaugeSeries, TraceId};

/// What one worker's copy of the middleware keeps.
pub(super) struct Worker {
    pub(super) settings: Arc<Settings>,
    /// The app's routes, for requests that leave no response to read the route from.
    routes: OnceCell<ResourceMap>,
    in_flight: GaugeSeries,
    found: Found,
    /// What requests that are over kept their state in.
    #[expect(clippy::vec_box, reason = "the boxes go from request to request")]
    spare: RefCell<Vec<Box<Kept>>>,
}

impl Worker {
    /// As many as actix-web itself keeps of its requests.
    const SPARE: usize = 128;

    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Worker {
            settings,
            routes: OnceCell::new(),
            in_flight: API_REQUESTS_IN_FLIGHT.with(API_REQUESTS_IN_FLIGHT {}),
            found: Found::default(),
            spare: RefCell::default(),
        }
    }

    /// The pattern that a path matches, whatever the guards.
    fn pattern_of(&self, path: &str) -> Option<String> {
        self.routes.get()?.match_pattern(path)
    }

    fn record(&self, kept: &Kept, pattern: Option<&str>, status: StatusCode) {
        let series = self.found.series(&self.settings, pattern, &kept.method, status);
        series.requests.inc();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            match kept.trace_id.or_else(|| self.settings.current_trace_id()) {
                None => drop(series.latency.observe_since(kept.start)),
                Some(trace_id) => series.latency.observe_traced(clock::seconds_since(kept.start), trace_id),
            }
        }
        if self.settings.is_error(status) {
            let (endpoint, method) = (self.settings.endpoint(pattern), self.settings.method(&kept.method));
            API_REQUEST_ERRORS.with(API_REQUEST_ERRORS { endpoint, method }).inc();
        }
    }

    /// The body is over, whether it was sent to its end or not.
    #[cold]
    fn record_body(&self, kept: &Kept) {
        let (endpoint, method) = (self.settings.endpoint(kept.pattern.as_deref()), self.settings.method(&kept.method));
        if kept.left != Left::NOTHING {
            API_RESPONSE_BODIES_CUT.with(API_RESPONSE_BODIES_CUT { endpoint, method }).inc();
        }
        if self.settings.times_bodies {
            let seconds = clock::seconds_since(kept.start);
            API_RESPONSE_BODY.with(API_RESPONSE_BODY { endpoint, method }).observe(seconds);
        }
    }

    /// There is no response, but a status.
    #[cold]
    fn record_without_response(&self, kept: &Kept, status: StatusCode) {
        let pattern = kept.target.as_ref().and_then(|target| self.pattern_of(target.path()));
        if !pattern.as_deref().is_some_and(|pattern| self.settings.skips(pattern)) {
            self.record(kept, pattern.as_deref(), status);
        }
    }
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
struct Kept {
    stage: Stage,
    left: Left,
    /// When it came; once its body is sent, when that began.
    start: u64,
    method: Method,
    target: Option<PathAndQuery>,
    trace_id: Option<TraceId>,
    /// Known once it is recorded.
    pattern: Option<String>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Not recorded yet.
    Served,
    /// Recorded, and there is a body.
    Sent,
    Over,
}

/// How many bytes of a body have to be sent yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Left(pub(super) u64);

impl Left {
    pub(super) const NOTHING: Left = Left(0);
    /// As many as come.
    pub(super) const UNKNOWN: Left = Left(u64::MAX);
}

impl Watched {
    pub(super) fn start(worker: &Rc<Worker>, request: &ServiceRequest) -> Self {
        worker.routes.get_or_init(|| request.resource_map().clone());
        worker.in_flight.inc();
        let start = clock::ticks();
        let method = request.method().clone();
        let target = request.uri().path_and_query().cloned();
        let trace_id = trace_id_of(request);
        let spare = worker.spare.borrow_mut().pop();
        let kept = match spare {
            Some(mut kept) => {
                kept.stage = Stage::Served;
                kept.start = start;
                kept.method = method;
                kept.target = target;
                kept.trace_id = trace_id;
                kept
            }
            None => {
                let (stage, left) = (Stage::Served, Left::NOTHING);
                Box::new(Kept { stage, left, start, method, target, trace_id, pattern: None })
            }
        };
        Watched { worker: Rc::clone(worker), kept: Some(kept) }
    }

    /// The response's headers are there, and its body is about to be sent. `None` if it is not to be recorded.
    pub(super) fn respond<B>(mut self, response: &ServiceResponse<B>, body: Left) -> Option<Self> {
        let kept = self.kept.as_deref_mut()?;
        kept.stage = Stage::Over;
        kept.pattern = response.request().match_pattern();
        let pattern = kept.pattern.as_deref();
        if pattern.is_some_and(|pattern| self.worker.settings.skips(pattern)) {
            return None;
        }
        self.worker.record(kept, pattern, response.status());
        kept.stage = Stage::Sent;
        kept.left = body;
        if self.worker.settings.times_bodies {
            kept.start = clock::ticks();
        }
        Some(self)
    }

    /// There is no response, but a status.
    pub(super) fn end(mut self, status: StatusCode) {
        if let Some(kept) = self.kept.as_deref_mut() {
            kept.stage = Stage::Over;
            self.worker.record_without_response(kept, status);
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
                    self.worker.record_without_response(&kept, left);
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
        kept.target = None;
        kept.pattern = None;
        let mut spare = self.worker.spare.borrow_mut();
        if spare.len() < Worker::SPARE {
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
