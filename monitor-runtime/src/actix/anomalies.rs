//! The anomalies over HTTP, as JSON, for whoever may see the page of metrics; what was found is the detectors' matter.

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::access::BearerToken;
use super::headers::secured;
use super::own;
use super::scrape::Scrape;
use crate::anomaly::{self, Anomaly, State};
use crate::clock;

/// What was found, and how each endpoint is now, as JSON at `path`, for GET and HEAD.
///
/// ```no_run
/// use actix_web::App;
/// use monitor_runtime::actix::{BearerToken, anomalies};
///
/// let token: BearerToken = std::env::var("METRICS_TOKEN")?.parse()?;
/// let app = App::new().service(anomalies("/monitoring/anomalies").bearer_token(token));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Times are seconds since the epoch. Values are in the unit of their reason, as
/// [`Verdict::observed`](crate::anomaly::Verdict::observed) says.
///
/// ```json
/// {
///   "version": 1,
///   "now": 1795622400.0,
///   "endpoints": [{
///     "endpoint": "/reports", "error_rate": 0.02, "latency_threshold": 0.5,
///     "configured": {"latency_threshold": 0.5, "error_threshold": null, "muted": ["traffic_drop"]},
///     "firing": [{"reason": "error_rate_spike", "severity": "warning", "since": 1795622000.0,
///                 "observed": 0.2, "expected": 0.01}]
///   }],
///   "anomalies": [{
///     "endpoint": "/reports", "reason": "error_rate_spike", "severity": "warning", "since": 1795622000.0,
///     "last": 1795622390.0, "until": null, "observed": 0.2, "expected": 0.01, "count": 7
///   }]
/// }
/// ```
///
/// Endpoints stand in the order of their names, anomalies with the latest first, at most 256. `until` is null while an
/// episode lasts, and of single calls always; `count` is how many calls, or how often the episode was counted.
#[must_use]
pub fn anomalies(path: &str) -> Anomalies {
    Anomalies { path: path.to_owned(), token: None }
}

/// The service that [`anomalies`] makes.
#[derive(Clone, Debug)]
pub struct Anomalies {
    path: String,
    token: Option<BearerToken>,
}

impl Anomalies {
    /// Answers only whoever sends `Authorization: Bearer` and this token; everyone else gets 401, whatever is asked.
    #[must_use]
    pub fn bearer_token(mut self, token: BearerToken) -> Anomalies {
        self.token = Some(token);
        self
    }

    /// Answers whom this scrape answers: behind the same token.
    #[must_use]
    pub fn like(mut self, scrape: &Scrape) -> Anomalies {
        self.token = scrape.token.clone();
        self
    }
}

impl HttpServiceFactory for Anomalies {
    fn register(self, config: &mut AppService) {
        let Anomalies { path, token } = self;
        let answer = move |request: HttpRequest| {
            let answer = answer(&request, token.as_ref());
            async move { answer }
        };
        own::resource(&path).default_service(web::to(answer)).register(config);
    }
}

fn answer(request: &HttpRequest, token: Option<&BearerToken>) -> HttpResponse {
    if token.is_some_and(|token| !token.admits(request.headers())) {
        return secured(StatusCode::UNAUTHORIZED).insert_header((header::WWW_AUTHENTICATE, "Bearer")).finish();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return secured(StatusCode::METHOD_NOT_ALLOWED).insert_header((header::ALLOW, "GET, HEAD")).finish();
    }
    anomaly::tick();
    let body = json!({
        "version": 1,
        "now": seconds(clock::unix_ms_now()),
        "endpoints": anomaly::endpoints().iter().map(endpoint).collect::<Vec<_>>(),
        "anomalies": anomaly::recent().iter().map(found).collect::<Vec<_>>(),
    });
    secured(StatusCode::OK).json(body)
}

fn endpoint(state: &State) -> Value {
    let firing = |episode: &anomaly::Episode| {
        json!({
            "reason": episode.reason.as_str(),
            "severity": episode.severity.as_str(),
            "since": seconds(episode.since),
            "observed": episode.observed,
            "expected": episode.expected,
        })
    };
    json!({
        "endpoint": state.endpoint,
        "error_rate": state.error_rate,
        "latency_threshold": state.latency_threshold,
        "configured": {
            "latency_threshold": state.limits.latency_threshold(),
            "error_threshold": state.limits.error_threshold(),
            "muted": state.muted.iter().map(|reason| reason.as_str()).collect::<Vec<_>>(),
        },
        "firing": state.episodes.iter().map(firing).collect::<Vec<_>>(),
    })
}

fn found(anomaly: &Anomaly) -> Value {
    json!({
        "endpoint": anomaly.endpoint,
        "reason": anomaly.reason.as_str(),
        "severity": anomaly.severity.as_str(),
        "since": seconds(anomaly.since),
        "last": seconds(anomaly.last),
        "until": anomaly.until.map(seconds),
        "observed": anomaly.observed,
        "expected": anomaly.expected,
        "count": anomaly.count,
    })
}

fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1e3
}
