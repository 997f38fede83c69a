//! What the middleware was told: which requests it records, and under which names. It sees no request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use actix_web::http::{Method, StatusCode};

use crate::builtin::{
    API_REQUEST_ERRORS, API_REQUEST_LATENCY, API_REQUESTS, API_RESPONSE_BODIES_CUT, API_RESPONSE_BODY,
};
use crate::health::{Trouble, caught};
use crate::metrics::{DEFAULT_LIMIT, TraceId, raise_limit};
use crate::watch;

/// Records every request of the app or scope that it wraps.
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use monitor_runtime::actix::{Monitor, scrape};
///
/// # async fn run() -> std::io::Result<()> {
/// HttpServer::new(|| App::new().wrap(Monitor::default()).service(scrape("/metrics")))
///     .bind(("127.0.0.1", 8080))?
///     .run()
///     .await
/// # }
/// ```
///
/// | family | labels | |
/// |---|---|---|
/// | `api_requests_total` | endpoint, method, status | every request, once |
/// | `api_request_latency_seconds` | endpoint, method | time to the headers of the response |
/// | `api_request_errors_total` | endpoint, method | responses that count as an error |
/// | `api_requests_in_flight` | | requests being served, their response's body included |
/// | `api_response_bodies_cut_total` | endpoint, method | bodies that were not sent to their end |
/// | `api_response_body_seconds` | endpoint, method | time from headers to the end of the body, when asked for |
///
/// The endpoint is the pattern of the route that matched, `_unmatched` where none did, never a path. A request that
/// panics has the status 500 and the panic goes on; one whose client leaves has 499; an `Err` of an inner middleware
/// has the status of the response that it becomes. A websocket upgrade has no latency. Wrapped twice, it records once.
///
/// Requests for the toolkit's own pages are no traffic of the service, and left out unless
/// [`own_pages`](MonitorBuilder::own_pages) asks for them.
///
/// Of a request that panics, is dropped or ends in an `Err` there is no response to read the route from. Its endpoint
/// is the pattern that its path matches, whatever guards the routes have.
#[derive(Clone, Debug)]
pub struct Monitor {
    pub(super) settings: Arc<Settings>,
}

impl Default for Monitor {
    fn default() -> Self {
        Monitor { settings: Arc::new(Settings::default()) }
    }
}

impl Monitor {
    /// Says otherwise than the default.
    ///
    /// ```
    /// use monitor_runtime::actix::Monitor;
    ///
    /// let monitor = Monitor::builder()
    ///     .only("/api/")
    ///     .skip("/api/health")
    ///     .method("PURGE")
    ///     .endpoint("/api/v1/users/{id}", "user")
    ///     .build()?;
    /// # let _ = monitor;
    /// # Ok::<(), monitor_runtime::actix::SettingError>(())
    /// ```
    pub fn builder() -> MonitorBuilder {
        MonitorBuilder::default()
    }
}

/// The most series that a family of requests may be let have.
const SERIES_MAX: u32 = 1_000_000;

/// Collects what [`Monitor`] is told; [`build`](Self::build) checks it.
#[derive(Debug, Default)]
#[must_use = "call `build` for the middleware"]
pub struct MonitorBuilder {
    settings: Settings,
    known: Vec<(String, Method)>,
    series_limit: Option<u32>,
    wrong: Option<SettingError>,
}

impl MonitorBuilder {
    /// Records only requests whose path begins so; called again, also those.
    pub fn only(mut self, prefix: &str) -> Self {
        self.check_path("only", prefix);
        self.settings.prefixes.push(prefix.to_owned());
        self
    }

    /// Leaves out a path, or a route by its pattern, such as `/files/{name}`.
    pub fn skip(mut self, path_or_pattern: &str) -> Self {
        self.check_path("skip", path_or_pattern);
        self.settings.skipped.push(path_or_pattern.to_owned());
        self
    }

    /// Tells this method apart too. Beside the methods of RFC 9110 and PATCH, others read `_OTHER`.
    pub fn method(mut self, name: &str) -> Self {
        match Method::from_bytes(name.as_bytes()) {
            Ok(_) if name.len() <= 32 && !name.starts_with('_') => self.settings.methods.push(name.to_owned()),
            _ => self.refuse("method", name, "a method is a token of at most 32 characters, such as `PURGE`"),
        }
        self
    }

    /// Counts also requests for the toolkit's own pages in this app ([`scrape`](super::super::scrape),
    /// [`anomalies`](super::super::anomalies), `dashboard` with its feed, `api_metrics`), which are no traffic of the
    /// service and left out unless this is set.
    pub fn own_pages(mut self, counted: bool) -> Self {
        self.settings.counts_own_pages = counted;
        self
    }

    /// Names the endpoint of a route's pattern.
    pub fn endpoint(mut self, pattern: &str, name: &str) -> Self {
        self.check_path("endpoint", pattern);
        if name.is_empty() || name.starts_with('_') || name.len() > 128 {
            self.refuse("endpoint", name, "an endpoint's name has 1 to 128 bytes and begins with no `_`");
        }
        self.settings.names.insert(pattern.to_owned(), name.to_owned());
        self
    }

    /// Puts a route on the page before its first request, with zeros for these methods and the statuses 200 and 500, so
    /// that a rate has something to begin with; and no flood of strange requests can take its place.
    pub fn known(mut self, pattern: &str, methods: &[&str]) -> Self {
        self.check_path("known", pattern);
        for method in methods {
            match Method::from_bytes(method.as_bytes()) {
                Ok(method) => self.known.push((pattern.to_owned(), method)),
                Err(_) => self.refuse("known", method, "a method is a token, such as `GET`"),
            }
        }
        self
    }

    /// Observes how long bodies take, in `api_response_body_seconds`.
    pub fn time_bodies(mut self, on: bool) -> Self {
        self.settings.times_bodies = on;
        self
    }

    /// Says which statuses count as an error; 5xx unless said.
    pub fn error_when(mut self, is_error: impl Fn(StatusCode) -> bool + Send + Sync + 'static) -> Self {
        self.settings.is_error = IsError(Some(Box::new(is_error)));
        self
    }

    /// Says which trace the current work belongs to, where the request has no `traceparent` header: what a `tracing`
    /// subscriber knows of the current span, for instance. It is asked when the response begins.
    pub fn trace_id(mut self, current: impl Fn() -> Option<TraceId> + Send + Sync + 'static) -> Self {
        self.settings.trace_id = CurrentTraceId(Some(Box::new(current)));
        self
    }

    /// Lets each family of requests have `n` series instead of 2,000: for an app of many routes, methods and statuses.
    /// Half as many endpoints are told apart, and judged by the detection, instead of 1,000. From 2,000 to 1,000,000. It
    /// holds for the whole process; where several are asked for, the highest.
    ///
    /// A series takes a few hundred bytes of memory and a line or more of the page, an endpoint that is judged up to 8
    /// KiB. How full a family is tell `monitor_series` and `monitor_series_limit`.
    pub fn series_limit(mut self, n: u32) -> Self {
        if !(DEFAULT_LIMIT..=SERIES_MAX).contains(&n) {
            self.refuse("series_limit", &n.to_string(), "a limit is from 2000 to 1000000");
        }
        self.series_limit = Some(n);
        self
    }

    /// The middleware.
    ///
    /// # Errors
    /// The first value that cannot be, and why.
    pub fn build(self) -> Result<Monitor, SettingError> {
        let MonitorBuilder { settings, known, series_limit, wrong } = self;
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        if let Some(limit) = series_limit {
            let families = [
                API_REQUESTS.family(),
                API_REQUEST_LATENCY.family(),
                API_REQUEST_ERRORS.family(),
                API_RESPONSE_BODIES_CUT.family(),
                API_RESPONSE_BODY.family(),
            ];
            families.into_iter().for_each(|family| raise_limit(family, limit, "endpoint", limit / 2));
            watch::raise_endpoints(limit / 2);
        }
        for (pattern, method) in &known {
            let (endpoint, method) = (settings.endpoint(Some(pattern)), settings.method(method));
            for status in [200, 500] {
                API_REQUESTS.know(&API_REQUESTS { endpoint, method, status });
            }
            API_REQUEST_LATENCY.know(&API_REQUEST_LATENCY { endpoint, method });
        }
        Ok(Monitor { settings: Arc::new(settings) })
    }

    fn check_path(&mut self, setting: &'static str, path: &str) {
        if !path.starts_with('/') || path.contains(|char: char| char.is_whitespace() || char.is_control()) {
            self.refuse(setting, path, "a path begins with `/` and has no spaces");
        }
    }

    fn refuse(&mut self, setting: &'static str, value: &str, rule: &'static str) {
        self.wrong.get_or_insert_with(|| SettingError { setting, value: value.to_owned(), rule });
    }
}

/// A value that [`MonitorBuilder`] cannot take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    setting: &'static str,
    value: String,
    rule: &'static str,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}({:?})`: {}", self.setting, self.value, self.rule)
    }
}

impl std::error::Error for SettingError {}

/// What was told, checked.
#[derive(Debug, Default)]
pub(super) struct Settings {
    prefixes: Vec<String>,
    skipped: Vec<String>,
    methods: Vec<String>,
    names: HashMap<String, String>,
    is_error: IsError,
    trace_id: CurrentTraceId,
    pub(super) times_bodies: bool,
    pub(super) counts_own_pages: bool,
}

/// The endpoint of requests that match no route.
pub(super) const UNMATCHED: &str = "_unmatched";
/// The method of requests whose method is not told apart.
pub(super) const OTHER: &str = "_OTHER";

impl Settings {
    /// Whether requests for a path are recorded, as far as the path tells.
    #[inline]
    pub(super) fn records<'a>(&self, path: impl FnOnce() -> &'a str) -> bool {
        self.prefixes.is_empty() && self.skipped.is_empty() || self.records_path(path())
    }

    fn records_path(&self, path: &str) -> bool {
        (self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str())))
            && !self.skips(path)
    }

    /// Whether this path, or the route with this pattern, is left out.
    pub(super) fn skips(&self, path_or_pattern: &str) -> bool {
        self.skipped.iter().any(|skipped| skipped == path_or_pattern)
    }

    /// What the endpoint label reads for a route's pattern.
    pub(super) fn endpoint<'a>(&'a self, pattern: Option<&'a str>) -> &'a str {
        match pattern {
            None => UNMATCHED,
            // An app whose scope is the root has the pattern "".
            Some("") => "/",
            Some(pattern) if self.names.is_empty() => pattern,
            Some(pattern) => self.names.get(pattern).map_or(pattern, String::as_str),
        }
    }

    /// What the method label reads.
    pub(super) fn method<'a>(&'a self, method: &Method) -> &'a str {
        match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            Method::HEAD => "HEAD",
            Method::OPTIONS => "OPTIONS",
            Method::PATCH => "PATCH",
            Method::CONNECT => "CONNECT",
            Method::TRACE => "TRACE",
            _ => self.methods.iter().find(|known| *known == method.as_str()).map_or(OTHER, String::as_str),
        }
    }

    pub(super) fn current_trace_id(&self) -> Option<TraceId> {
        self.trace_id.0.as_ref().and_then(|current| caught(Trouble::TraceIdPanicked, current).flatten())
    }

    pub(super) fn is_error(&self, status: StatusCode) -> bool {
        match &self.is_error.0 {
            None => status.is_server_error(),
            Some(is_error) => {
                caught(Trouble::ErrorRulePanicked, || is_error(status)).unwrap_or_else(|| status.is_server_error())
            }
        }
    }
}

#[derive(Default)]
struct CurrentTraceId(Option<Box<dyn Fn() -> Option<TraceId> + Send + Sync>>);

impl fmt::Debug for CurrentTraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurrentTraceId")
    }
}

/// `None` is the default, 5xx.
#[derive(Default)]
struct IsError(Option<Box<dyn Fn(StatusCode) -> bool + Send + Sync>>);

impl fmt::Debug for IsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IsError")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_named() {
        for (builder, says) in [
            (Monitor::builder().only("api"), "`only(\"api\")`: a path begins with `/`"),
            (Monitor::builder().skip("/a b"), "`skip(\"/a b\")`: a path begins"),
            (Monitor::builder().method("GE T"), "`method(\"GE T\")`: a method is a token"),
            (Monitor::builder().method(""), "`method(\"\")`"),
            (Monitor::builder().endpoint("/a", ""), "`endpoint(\"\")`: an endpoint's name"),
        ] {
            let error = builder.build().expect_err(says).to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn methods_that_nobody_listed_share_a_name() {
        let monitor = Monitor::builder().method("PURGE").build().expect("valid");
        let read = |name: &[u8]| monitor.settings.method(&Method::from_bytes(name).expect("a token")).to_owned();
        assert_eq!([read(b"GET"), read(b"PURGE"), read(b"purge"), read(b"X")], ["GET", "PURGE", "_OTHER", "_OTHER"]);
    }

    #[test]
    fn prefixes_and_skipped_paths_say_what_is_recorded() {
        let monitor = Monitor::builder().only("/api/").only("/v2/").skip("/api/health").build().expect("valid");
        let recorded = ["/api/x", "/v2/", "/api/health", "/", "/apix"].map(|path| monitor.settings.records(|| path));
        assert_eq!(recorded, [true, true, false, false, false]);
    }
}
