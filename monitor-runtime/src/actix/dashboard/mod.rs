//! The page of its own over HTTP: who is answered, with which file, and how long a viewer is told the news. What the
//! numbers are is `crate::dashboard`'s matter, and when they are read the sampler's.

mod answer;
mod feed;
mod sampler;
mod viewers;

use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::{Compression, write::GzEncoder};
use prometheus::Registry;

use self::answer::{answer, busy};
use self::sampler::Sampler;
use super::access::BearerToken;
use super::own;
use super::pages::Encoding;
use super::scrape::{Scrape, encoding};
use crate::dashboard::assets::{ASSETS, PAGE};
use crate::dashboard::summary::Summary;

/// How often the numbers are read unless the builder says otherwise.
const INTERVAL: Duration = Duration::from_secs(2);
/// Oftener, the reading itself would show; more seldom, nothing is live.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(30);
/// How many viewers are told the news at a time unless the builder says otherwise.
const VIEWERS: usize = 32;
/// A page at `path` that shows the service at work, live and without any other program: request rate, latency, error
/// rate, active users and credits as plots, every endpoint with its threshold and state, the anomalies, and the
/// toolkit's own health.
///
/// It loads nothing from elsewhere, runs under a strict content security policy, and is fed by server-sent events. The
/// numbers are read from the registry every [2 seconds](Dashboard::interval), by one thread of its own however many
/// look, from the start of the app on, so that whoever opens the page sees the last 15 minutes at once.
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use monitor_runtime::actix::{Monitor, api_metrics, dashboard};
///
/// # async fn run() -> std::io::Result<()> {
/// HttpServer::new(|| {
///     App::new()
///         .wrap(Monitor::default())
///         .service(dashboard("/monitor"))
///         .service(api_metrics("/monitoring/api-metrics"))
/// })
/// .bind(("127.0.0.1", 8080))?
/// .run()
/// .await
/// # }
/// ```
///
/// | path | |
/// |---|---|
/// | `/monitor` | the page |
/// | `/monitor/{file}` | its scripts, styles and icon |
/// | `/monitor/feed` | the news, as server-sent events: `everything` first, then one `news` every interval |
///
/// | status | when |
/// |---|---|
/// | 401 | a [token](Dashboard::bearer_token) is asked for, and is missing or wrong |
/// | 405 | any method but GET and HEAD |
/// | 503 | `feed`: more than [so many](Dashboard::viewers) viewers |
///
/// Whoever can reach the app can see the page. Ask for a token, or serve it elsewhere:
/// [`MetricsServer::dashboard`](super::MetricsServer::dashboard).
pub fn dashboard(path: &str) -> Dashboard {
    let path = path.strip_suffix('/').unwrap_or(path).to_owned();
    Dashboard { path, source: Source::default(), viewers: VIEWERS }
}

/// The service that [`dashboard`] makes.
#[derive(Clone, Debug)]
#[must_use = "it is on no app yet; pass it to `service`"]
pub struct Dashboard {
    path: String,
    source: Source,
    viewers: usize,
}

/// The same numbers as JSON at `path`, for programs, for GET and HEAD; see [`dashboard`].
///
/// Before the first reading, which is made as the app starts, it answers 503 with Retry-After.
///
/// ```json
/// {
///   "schema": 1,
///   "at": 1795615200.25,
///   "window_seconds": 60.0,
///   "requests": {"total": 1042, "per_second": 12.5, "refused_per_second": 0.2, "errors_per_second": 0.1, "in_flight": 3.0},
///   "latency_seconds": {"p50": 0.012, "p95": 0.21, "p99": 0.48},
///   "error_rate": 0.008,
///   "active_users": {"1m": 14.0, "5m": 32.0},
///   "sessions_total": 40,
///   "credits": {"used_total": 250.0, "used_per_second": 0.5, "held": 5.0,
///               "by_operation": {"report": {"total": 250.0, "per_second": 0.5}}},
///   "anomalies": {"total": 2, "by_reason": {"high_latency": 2},
///                 "recent": [{"at": 1795615190.1, "since": 1795615170.4, "until": null, "endpoint": "/reports",
///                             "reason": "high_latency", "severity": "warning", "count": 2,
///                             "observed": 1.2, "expected": 0.5}]},
///   "endpoints": [{"endpoint": "/reports", "state": "anomalous", "requests_total": 300, "requests_per_second": 4.0,
///                  "requests_per_second_now": 4.1, "error_rate": 0.0,
///                  "latency_seconds": {"p50": 0.1, "p95": 0.6, "p99": 1.2}, "threshold_seconds": 0.5}],
///   "endpoints_left_out": 0,
///   "health": {"instrumentation_errors": {"label_panicked": 0.0}, "scrapes": {"ok": 12.0}, "families": 21,
///              "series": 160.0, "overflowed": 0.0,
///              "fullest": {"family": "api_requests_total", "series": 40.0, "limit": 2000.0}}
/// }
/// ```
///
/// - `at` is in Unix seconds. Rates, shares and percentiles are over the last `window_seconds`: 60 once the app is a
///   minute old. Totals are since the start of the process.
/// - A percentile or a share of nothing is null, and so is what no family tells: `held`, `threshold_seconds`. Latencies
///   are estimated from the buckets, as `histogram_quantile` does; beyond the highest bound, that bound stands.
/// - `state` is the worst that is true of the window: `anomalous` (an anomaly was found), `failing` (5 % of requests or
///   more were errors), `slow` (p95 above the threshold), `ok`, or `idle` (no request).
/// - `endpoints` are the 200 busiest; `endpoints_left_out` counts the others. `recent` has the last 50, the newest first.
/// - An anomaly's `observed` and `expected` are in the unit of its reason (see [`Verdict`](crate::anomaly::Verdict)). In
///   another registry than the default one only counters tell of anomalies: then these and `severity` are null.
/// - `schema` changes when a reader of an older one could be misled; new fields alone do not change it.
pub fn api_metrics(path: &str) -> ApiMetrics {
    ApiMetrics { path: path.to_owned(), source: Source::default() }
}

/// The service that [`api_metrics`] makes.
#[derive(Clone, Debug)]
#[must_use = "it is on no app yet; pass it to `service`"]
pub struct ApiMetrics {
    path: String,
    source: Source,
}

/// The page and its numbers at the paths that the manual names, as a listener of its own serves them.
pub(super) fn beside(scrape: &Scrape) -> (Dashboard, ApiMetrics) {
    (dashboard("/monitor").like(scrape), api_metrics("/monitoring/api-metrics").like(scrape))
}

/// What is shown, how often it is read, and to whom it is shown.
#[derive(Clone, Debug)]
struct Source {
    registry: Registry,
    interval: Duration,
    token: Option<BearerToken>,
}

impl Default for Source {
    fn default() -> Source {
        Source { registry: prometheus::default_registry().clone(), interval: INTERVAL, token: None }
    }
}

impl Source {
    fn follow(&mut self, scrape: &Scrape) {
        self.registry = scrape.registry.clone();
        self.token = scrape.token.clone();
    }
}

impl Dashboard {
    /// Shows this registry in place of the default one.
    pub fn registry(mut self, registry: Registry) -> Dashboard {
        self.source.registry = registry;
        self
    }

    /// Answers only whoever knows this token: a program by `Authorization: Bearer`, as with
    /// [`scrape`](super::scrape), a browser by the password that it asks its user for (any name will do), which is
    /// HTTP's Basic. Everyone else gets 401.
    ///
    /// Neither encrypts: put TLS before whatever leaves the machine.
    pub fn bearer_token(mut self, token: BearerToken) -> Dashboard {
        self.source.token = Some(token);
        self
    }

    /// Shows what this scrape shows, to whom it is shown: the same registry, behind the same token.
    pub fn like(mut self, scrape: &Scrape) -> Dashboard {
        self.source.follow(scrape);
        self
    }

    /// Reads the numbers so often: 2 seconds unless set; from a tenth of a second to half a minute. The page keeps
    /// 450 readings.
    pub fn interval(mut self, interval: Duration) -> Dashboard {
        self.source.interval = interval.clamp(*INTERVALS.start(), *INTERVALS.end());
        self
    }

    /// Tells so many viewers the news at a time, 32 unless set, over all threads of the app. One that comes beyond them
    /// takes the place of one that has read nothing for 30 seconds, or one of the address that has the most, if that has
    /// two more than its own; or it gets 503. One address keeps no other away.
    pub fn viewers(mut self, n: usize) -> Dashboard {
        self.viewers = n.clamp(1, usize::MAX >> 3);
        self
    }
}

impl ApiMetrics {
    /// Shows this registry in place of the default one.
    pub fn registry(mut self, registry: Registry) -> ApiMetrics {
        self.source.registry = registry;
        self
    }

    /// As [`Dashboard::bearer_token`].
    pub fn bearer_token(mut self, token: BearerToken) -> ApiMetrics {
        self.source.token = Some(token);
        self
    }

    /// As [`Dashboard::like`].
    pub fn like(mut self, scrape: &Scrape) -> ApiMetrics {
        self.source.follow(scrape);
        self
    }

    /// As [`Dashboard::interval`]: with the same interval, both share their readings.
    pub fn interval(mut self, interval: Duration) -> ApiMetrics {
        self.source.interval = interval.clamp(*INTERVALS.start(), *INTERVALS.end());
        self
    }
}

impl HttpServiceFactory for Dashboard {
    fn register(self, config: &mut AppService) {
        let Dashboard { path, source, viewers } = self;
        let mount = path.rsplit('/').next().unwrap_or_default();
        let page = File::new("text/html; charset=utf-8", &PAGE.replace("{mount}", mount));
        let token = source.token.clone();
        let first = move |request: HttpRequest| {
            let answer = refused(&request, token.as_ref()).unwrap_or_else(|| page.answer(&request));
            async move { answer }
        };
        let Source { registry, interval, token } = source;
        let sampler = Sampler::of(&registry, interval);
        let places = sampler.places(viewers);
        let others = move |request: HttpRequest| {
            // By its name: the scopes around may have values of their own.
            let name = request.match_info().query("file");
            let answer = refused(&request, token.as_ref()).unwrap_or_else(|| match name {
                "feed" => feed::answer(&request, &sampler, &places),
                name => match FILES.iter().find(|(found, _)| *found == name) {
                    Some((_, file)) => file.answer(&request),
                    None => text(StatusCode::NOT_FOUND, "there is no such file"),
                },
            });
            async move { answer }
        };
        let files = format!("{path}/{{file}}");
        own::resource(&path).default_service(web::to(first)).register(config);
        own::resource(&files).default_service(web::to(others)).register(config);
    }
}

impl HttpServiceFactory for ApiMetrics {
    fn register(self, config: &mut AppService) {
        let ApiMetrics { path, source: Source { registry, interval, token } } = self;
        let sampler = Sampler::of(&registry, interval);
        let answer = move |request: HttpRequest| {
            let answer = refused(&request, token.as_ref()).unwrap_or_else(|| summary(&sampler));
            async move { answer }
        };
        own::resource(&path).default_service(web::to(answer)).register(config);
    }
}

fn summary(sampler: &Sampler) -> HttpResponse {
    let json = sampler.with_record(|record| Summary::of(record).map(|summary| serde_json::to_vec(&summary)));
    match json {
        Some(Ok(json)) => answer(StatusCode::OK).content_type("application/json").body(json),
        Some(Err(_)) => text(StatusCode::INTERNAL_SERVER_ERROR, "the summary could not be written"),
        None => busy("nothing has been read yet"),
    }
}

/// What stands in the way of a request, if anything does.
fn refused(request: &HttpRequest, token: Option<&BearerToken>) -> Option<HttpResponse> {
    if token.is_some_and(|token| !token.admits_browser(request.headers())) {
        // The first that a browser knows is the one that it asks its user for.
        return Some(
            answer(StatusCode::UNAUTHORIZED)
                .append_header((header::WWW_AUTHENTICATE, "Basic realm=\"monitor\", charset=\"UTF-8\""))
                .append_header((header::WWW_AUTHENTICATE, "Bearer"))
                .content_type("text/plain; charset=utf-8")
                .body("no valid token\n"),
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Some(
            answer(StatusCode::METHOD_NOT_ALLOWED)
                .insert_header((header::ALLOW, "GET, HEAD"))
                .content_type("text/plain; charset=utf-8")
                .body("GET it\n"),
        );
    }
    None
}

fn text(status: StatusCode, why: &'static str) -> HttpResponse {
    answer(status).content_type("text/plain; charset=utf-8").body(format!("{why}\n"))
}

static FILES: LazyLock<Vec<(&str, File)>> =
    LazyLock::new(|| ASSETS.iter().map(|asset| (asset.name, File::new(asset.content_type, asset.text))).collect());

/// A file as it is sent: compressed once, and named by what is in it.
#[derive(Clone)]
struct File {
    content_type: &'static str,
    plain: Bytes,
    gzip: Option<Bytes>,
    tag: String,
}

impl File {
    fn new(content_type: &'static str, text: &str) -> File {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        // FNV-1a: what changed between two versions of a crate is no attack.
        let tag = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        File {
            content_type,
            plain: Bytes::copy_from_slice(text.as_bytes()),
            gzip: gzip.ok().map(Bytes::from),
            tag: format!("\"{tag:016x}\""),
        }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|tags| {
            tags.to_str().is_ok_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == self.tag))
        });
        let mut response = answer(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        response
            // Kept by the browser, and asked about each time: nobody sees an old page after an update.
            .insert_header((header::CACHE_CONTROL, "private, no-cache"))
            .insert_header((header::VARY, "Accept-Encoding"))
            .insert_header((header::ETAG, self.tag.clone()));
        if known {
            return response.finish();
        }
        response.content_type(self.content_type);
        match &self.gzip {
            Some(gzip) if encoding(request) == Encoding::Gzip => {
                response.insert_header((header::CONTENT_ENCODING, "gzip")).body(gzip.clone())
            }
            _ => response.body(self.plain.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_page_is_less_than_150_kilobytes_compressed() {
        let page = File::new("", PAGE);
        let all = FILES.iter().map(|(_, file)| file).chain([&page]);
        let sizes: Vec<usize> = all.map(|file| file.gzip.as_ref().map_or(usize::MAX, Bytes::len)).collect();
        let sum: usize = sizes.iter().sum();
        println!("{sum} bytes gzipped, all in: {sizes:?}");
        assert!(sum <= 150 * 1024, "{sizes:?}");
    }

    #[test]
    fn the_page_names_nothing_from_elsewhere_and_has_nothing_inline() {
        for text in [PAGE, ASSETS[0].text, ASSETS[1].text] {
            for sign in ["http://", "https://", "//cdn", "@import", "javascript:"] {
                let text = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!text.contains(sign), "{sign}");
            }
        }
        for sign in [" style=", "<style", " onclick", " onload", "<script>"] {
            assert!(!PAGE.contains(sign), "{sign}");
        }
    }
}
