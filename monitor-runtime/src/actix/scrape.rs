//! The scrape over HTTP: who is answered, with which page, and with what when there is none. The pages are made by
//! `pages`, and what stands on them is the exposition's.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::header::{self, AcceptEncoding, Encoding as Coding, Header, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::time::timeout;
use actix_web::{HttpRequest, HttpResponse, web};
use prometheus::Registry;

use super::access::BearerToken;
use super::own;
use super::pages::{Body, Encoding, Failure, Kind, Pages};
use crate::exposition::Format;
use crate::health::scrapes::{self, ScrapeResult};

/// How many scrapes are answered at a time unless the builder says otherwise. One costs a connection and what is being
/// sent to it; the pages are shared.
const IN_FLIGHT: usize = 256;
/// How long a scraper waits that does not say it.
const PATIENCE: Duration = Duration::from_secs(30);
/// A scraper that says it waits longer is not believed.
const LONGEST_PATIENCE_S: f64 = 3600.0;
/// What is kept of a scraper's time for the way of the answer.
const WAY: f64 = 0.95;

/// The page of metrics at `path`, for GET and HEAD: OpenMetrics for whom the Accept header says so, the text format
/// for everyone else, gzipped where Accept-Encoding prefers that. It shows the default registry unless it is given
/// another.
///
/// The page is made on a thread beside those that serve requests, once for all who ask for it at the same time.
///
/// | status | when |
/// |---|---|
/// | 200 | the page |
/// | 401 | a [bearer token](Scrape::bearer_token) is asked for, and is missing or wrong |
/// | 405 | any method but GET and HEAD |
/// | 500 | a collector panicked |
/// | 503 | no page in the time that `X-Prometheus-Scrape-Timeout-Seconds` leaves (30 s where it is missing or absurd), or too many scrapes [in flight](Scrape::scrapes_in_flight) |
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use monitor_runtime::actix::scrape;
///
/// # async fn run() -> std::io::Result<()> {
/// HttpServer::new(|| App::new().service(scrape("/metrics"))).bind(("127.0.0.1", 8080))?.run().await
/// # }
/// ```
///
/// Whoever can reach the app can read the page. Ask for a token, or serve it elsewhere:
/// [`serve_metrics`](super::serve_metrics).
#[must_use]
pub fn scrape(path: &str) -> Scrape {
    Scrape {
        path: path.to_owned(),
        registry: prometheus::default_registry().clone(),
        token: None,
        in_flight: IN_FLIGHT,
    }
}

/// The service that [`scrape`] makes.
#[derive(Clone, Debug)]
pub struct Scrape {
    path: String,
    pub(super) registry: Registry,
    pub(super) token: Option<BearerToken>,
    in_flight: usize,
}

impl Scrape {
    /// Shows this registry in place of the default one.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Scrape {
        self.registry = registry;
        self
    }

    /// Answers only whoever sends `Authorization: Bearer` and this token; everyone else gets 401, whatever is asked.
    ///
    /// In Prometheus: `authorization: {credentials_file: ..}` beside the job's targets.
    ///
    /// ```no_run
    /// use actix_web::App;
    /// use monitor_runtime::actix::{BearerToken, scrape};
    ///
    /// let token: BearerToken = std::env::var("METRICS_TOKEN")?.parse()?;
    /// let app = App::new().service(scrape("/metrics").bearer_token(token));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn bearer_token(mut self, token: BearerToken) -> Scrape {
        self.token = Some(token);
        self
    }

    /// Answers `n` scrapes at a time, 256 unless set, and at least one; all services with the same registry and number
    /// share the bound, whichever thread they are on. One that comes beyond it waits for its turn as long as its scraper
    /// does, then it gets 503 with Retry-After; when more than 1,024 wait, at once.
    ///
    /// Whoever asks at the same time shares a page, and eight pages are kept while they are read. When there is no place
    /// or no room for the next, those who have been reading the oldest page for longer than a second are broken off: `n`
    /// readers who are slow delay a scrape by a second at most.
    #[must_use]
    pub fn scrapes_in_flight(mut self, n: usize) -> Scrape {
        // As many as the semaphore behind it can count.
        self.in_flight = n.clamp(1, usize::MAX >> 3);
        self
    }
}

impl HttpServiceFactory for Scrape {
    fn register(self, config: &mut AppService) {
        let Scrape { path, registry, token, in_flight } = self;
        let door = Arc::new(Door { token, pages: Pages::of(&registry, in_flight) });
        let answer = move |request: HttpRequest| {
            let door = Arc::clone(&door);
            async move { door.answer(&request).await }
        };
        own::resource(&path).default_service(web::to(answer)).register(config);
    }
}

struct Door {
    token: Option<BearerToken>,
    pages: Arc<Pages>,
}

impl Door {
    async fn answer(&self, request: &HttpRequest) -> HttpResponse {
        if self.token.as_ref().is_some_and(|token| !token.admits(request.headers())) {
            scrapes::count(ScrapeResult::Denied);
            return refusal(StatusCode::UNAUTHORIZED, (header::WWW_AUTHENTICATE, "Bearer"), "no valid bearer token");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return refusal(StatusCode::METHOD_NOT_ALLOWED, (header::ALLOW, "GET, HEAD"), "GET it");
        }
        let format = format(request.headers());
        let encoding = encoding(request);
        let wish = self.pages.wish(Kind { format, encoding });
        let mut placed = false;
        let page = async {
            let place = self.pages.place().await.ok_or(Miss::Busy)?;
            placed = true;
            let page = self.pages.page(wish).await.map_err(Miss::Failed)?;
            Ok((page, place))
        };
        let page = timeout(patience(request.headers()), page).await;
        match page.unwrap_or(Err(if placed { Miss::Timeout } else { Miss::Busy })) {
            Ok((page, place)) => {
                scrapes::count(ScrapeResult::Ok);
                let body = Body::new(page, place, request.method() == Method::GET);
                let mut response = HttpResponse::Ok();
                response
                    .content_type(format.content_type())
                    .insert_header((header::VARY, "Accept, Accept-Encoding"))
                    .insert_header((header::CACHE_CONTROL, "no-store"));
                if encoding == Encoding::Gzip {
                    response.insert_header((header::CONTENT_ENCODING, "gzip"));
                }
                response.body(body)
            }
            Err(miss) => miss.answer(),
        }
    }
}

/// Why there is no page.
enum Miss {
    /// Too many scrapes were there before.
    Busy,
    /// It was not ready in time.
    Timeout,
    Failed(Failure),
}

impl Miss {
    fn answer(self) -> HttpResponse {
        let retry = (header::RETRY_AFTER, "1");
        let (result, status, header, why) = match self {
            Miss::Busy => (ScrapeResult::Busy, StatusCode::SERVICE_UNAVAILABLE, retry, "too many scrapes in flight"),
            Miss::Timeout => {
                (ScrapeResult::Timeout, StatusCode::SERVICE_UNAVAILABLE, retry, "the page was not ready in time")
            }
            Miss::Failed(Failure) => (
                ScrapeResult::Failed,
                StatusCode::INTERNAL_SERVER_ERROR,
                retry,
                "the page could not be made: a collector panicked, or the server is stopping",
            ),
        };
        scrapes::count(result);
        refusal(status, header, why)
    }
}

fn refusal(status: StatusCode, header: (header::HeaderName, &'static str), why: &str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header(header)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/plain; charset=utf-8")
        .body(format!("{why}\n"))
}

fn format(headers: &HeaderMap) -> Format {
    // Several lines of a header are one list (RFC 9110, section 5.3).
    let accept: Vec<&str> = headers.get_all(header::ACCEPT).filter_map(|line| line.to_str().ok()).collect();
    Format::from_accept(Some(&accept.join(",")))
}

/// Gzip where it is named and weighs at least as much as the plain page; the plain page for everyone else, also for
/// those who say that they take neither.
pub(super) fn encoding(request: &HttpRequest) -> Encoding {
    let ours = [Coding::gzip(), Coding::identity()];
    let chosen = AcceptEncoding::parse(request).ok().and_then(|accepted| accepted.negotiate(ours.iter()));
    if chosen == Some(Coding::gzip()) { Encoding::Gzip } else { Encoding::Identity }
}

/// How long the scraper waits.
fn patience(headers: &HeaderMap) -> Duration {
    let said = headers.get("x-prometheus-scrape-timeout-seconds").and_then(|value| value.to_str().ok());
    let seconds = said.and_then(|text| text.parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST_PATIENCE_S);
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds * WAY).ok()).unwrap_or(PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};
    use actix_web::test::TestRequest;

    #[test]
    fn gzip_goes_to_whom_it_suits_best() {
        let chosen = |header: &[u8]| {
            let value = HeaderValue::from_bytes(header).expect("a header");
            encoding(&TestRequest::default().insert_header((header::ACCEPT_ENCODING, value)).to_http_request())
        };
        for gzip in ["gzip", "GZIP", "deflate, gzip;q=1.0, *;q=0.5", "gzip, identity", "br, zstd, gzip;q=0.1"] {
            assert_eq!(chosen(gzip.as_bytes()), Encoding::Gzip, "{gzip}");
        }
        for plain in ["", "identity", "br", "*", "gzip;q=0", "gzip;q=0.5, identity", "identity;q=0", "gzip;q=2", ";,;"]
        {
            assert_eq!(chosen(plain.as_bytes()), Encoding::Identity, "{plain}");
        }
        assert_eq!(chosen(b"gzip, \xff"), Encoding::Identity);
        assert_eq!(encoding(&TestRequest::default().to_http_request()), Encoding::Identity);
    }

    #[test]
    fn a_scraper_is_believed_how_long_it_waits_unless_that_is_absurd() {
        let patience = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                HeaderName::from_static("x-prometheus-scrape-timeout-seconds"),
                HeaderValue::from_str(text).expect("a header"),
            );
            super::patience(&headers)
        };
        assert_eq!(patience("10"), Duration::from_millis(9_500));
        assert_eq!(patience("0.2"), Duration::from_millis(190));
        for absurd in
            ["", "0", "-0", "-1", "NaN", "inf", "-inf", "1e308", "1e-400", "3601", "ten", "10s", "1,5", "0x10"]
        {
            assert_eq!(patience(absurd), PATIENCE, "{absurd}");
        }
        assert_eq!(super::patience(&HeaderMap::new()), PATIENCE);
    }
}
