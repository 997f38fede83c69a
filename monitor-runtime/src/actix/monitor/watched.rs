//! One request on its way: it is recorded when its response begins, or when it is dropped without one.

use std::rc::Rc;

use actix_web::dev::{ResourceMap, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header::HeaderName, uri::PathAndQuery};

use super::settings::Settings;
use crate::builtin::{API_REQUEST_ERRORS, API_REQUEST_LATENCY, API_REQUESTS, API_REQUESTS_IN_FLIGHT};
use crate::clock;
use crate::metrics::{GaugeSeries, InFlight, TraceId};

/// What one worker's copy of the middleware keeps.
pub(super) struct Worker {
    pub(super) settings: std::sync::Arc<Settings>,
    /// The app's routes, for requests that leave no response to read the route from.
    routes: std::cell::OnceCell<ResourceMap>,
    in_flight: GaugeSeries,
}

impl Worker {
    pub(super) fn new(settings: std::sync::Arc<Settings>) -> Self {
        Worker {
            settings,
            routes: std::cell::OnceCell::new(),
            in_flight: API_REQUESTS_IN_FLIGHT.with(API_REQUESTS_IN_FLIGHT {}),
        }
    }

    /// The pattern that a path matches, whatever the guards.
    fn pattern_of(&self, path: &str) -> Option<String> {
        self.routes.get()?.match_pattern(path)
    }
}

/// A status that no response has: the client left before there was one.
const CLIENT_LEFT: u16 = 499;

/// One request that is being served.
pub(super) struct Watched {
    worker: Rc<Worker>,
    start: u64,
    method: Method,
    target: Option<PathAndQuery>,
    trace_id: Option<TraceId>,
    recorded: bool,
    in_flight: Option<InFlight>,
}

impl Watched {
    pub(super) fn start(worker: &Rc<Worker>, request: &ServiceRequest) -> Self {
        worker.routes.get_or_init(|| request.resource_map().clone());
        Watched {
            worker: Rc::clone(worker),
            start: clock::ticks(),
            method: request.method().clone(),
            target: request.uri().path_and_query().cloned(),
            trace_id: trace_id_of(request),
            recorded: false,
            in_flight: Some(worker.in_flight.in_flight()),
        }
    }

    /// The response's headers are there. Gives what the body needs to know.
    pub(super) fn respond<B>(&mut self, response: &ServiceResponse<B>) -> Option<Begun> {
        let pattern = response.request().match_pattern();
        self.recorded = true;
        let settings = &self.worker.settings;
        if pattern.as_deref().is_some_and(|pattern| settings.skips(pattern)) {
            return None;
        }
        self.record(settings.endpoint(pattern.as_deref()), response.status());
        Some(Begun {
            worker: Rc::clone(&self.worker),
            pattern,
            method: self.method.clone(),
            in_flight: self.in_flight.take(),
        })
    }

    /// There is no response, but a status.
    pub(super) fn end(&mut self, status: StatusCode) {
        if std::mem::replace(&mut self.recorded, true) {
            return;
        }
        let settings = &self.worker.settings;
        let pattern = self.target.as_ref().and_then(|target| self.worker.pattern_of(target.path()));
        if !pattern.as_deref().is_some_and(|pattern| settings.skips(pattern)) {
            self.record(settings.endpoint(pattern.as_deref()), status);
        }
        self.in_flight = None;
    }

    fn record(&self, endpoint: &str, status: StatusCode) {
        let settings = &self.worker.settings;
        let method = settings.method(&self.method);
        API_REQUESTS.with(API_REQUESTS { endpoint, method, status: status.as_u16() }).inc();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let latency = API_REQUEST_LATENCY.with(API_REQUEST_LATENCY { endpoint, method });
            match self.trace_id.or_else(|| settings.current_trace_id()) {
                None => drop(latency.observe_since(self.start)),
                Some(trace_id) => latency.observe_traced(clock::seconds_since(self.start), trace_id),
            }
        }
        if settings.is_error(status) {
            API_REQUEST_ERRORS.with(API_REQUEST_ERRORS { endpoint, method }).inc();
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.recorded
            && let Ok(left) = StatusCode::from_u16(CLIENT_LEFT)
        {
            self.end(left);
        }
    }
}

/// The trace that the request's client says it belongs to.
fn trace_id_of(request: &ServiceRequest) -> Option<TraceId> {
    let header = request.headers().get(HeaderName::from_static("traceparent"))?;
    TraceId::from_traceparent(header.to_str().ok()?)
}

/// A request whose response has begun.
pub(super) struct Begun {
    worker: Rc<Worker>,
    pattern: Option<String>,
    method: Method,
    /// Falls when the body is dropped.
    #[expect(dead_code, reason = "held for its drop")]
    in_flight: Option<InFlight>,
}

impl Begun {
    pub(super) fn times_bodies(&self) -> bool {
        self.worker.settings.times_bodies
    }

    pub(super) fn endpoint(&self) -> &str {
        self.worker.settings.endpoint(self.pattern.as_deref())
    }

    pub(super) fn method(&self) -> &str {
        self.worker.settings.method(&self.method)
    }
}
