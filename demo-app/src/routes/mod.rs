//! What the service answers, and the list of it. Each handler is in the file of its subject.

mod about;
mod credits;
mod forecasts;
mod health;
mod items;
mod playground;
mod reports;
mod users;

use std::net::SocketAddr;

use actix_web::http::header::{ACCEPT, HOST, HeaderMap};
use actix_web::web::{Data, JsonConfig, ServiceConfig, to};
use actix_web::{HttpRequest, HttpResponse, ResponseError, route};
use monitor_runtime::actix::{Scrape, anomalies, api_metrics, dashboard};

pub(crate) use self::about::About;
pub(crate) use self::credits::account;
pub(crate) use self::reports::Printer;
use crate::front;
use crate::problem::Problem;
use crate::proxies::Proxies;

/// One line of the list that is printed at start and served at `/`.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) what: &'static str,
}

pub(crate) const ROUTES: &[Route] = &[
    route("GET", "/", "a page for browsers, this list for everybody else"),
    route("POST", "/signup", r#"{"user": "alan", "password": "enigma-1940"}; makes a user"#),
    route("POST", "/login", r#"{"user": "ada", "password": "lovelace"}; opens a session"#),
    route("POST", "/login/token", "opens a session for a token"),
    route("POST", "/logout", "closes the session"),
    route("GET", "/session", "who asks"),
    route("DELETE", "/sessions", "signs you out everywhere"),
    route("POST", "/tokens", "makes a token, which may be sent in a session's place"),
    route("GET", "/tokens", "the tokens that you have"),
    route("DELETE", "/tokens/1", "revokes one of them; /tokens all"),
    route("GET", "/items", "what there is to buy"),
    route("GET", "/items/1", "one item"),
    route("POST", "/reports", "a stock report for 5 credits"),
    route("POST", "/reports/flaky", "one for 2 credits that fails now and then"),
    route("POST", "/forecasts", r#"{"years": 10}; costs 2 credits a year"#),
    route("GET", "/credits", "what you have, and what became of it"),
    route("POST", "/credits/top-up", r#"{"amount": 50}; for nothing, in a demonstration"#),
    route("POST", "/admin/grants", r#"{"user": "ada", "amount": 1000}; with the admin's token"#),
    route("POST", "/admin/verify", "compares the ledger with itself; with the admin's token"),
    route("GET", "/monitoring/test-error", "an error"),
    route("GET", "/monitoring/test-slow", "a slow answer; ?seconds=1.5"),
    route("GET", "/monitoring/test-panic", "a handler that panics"),
    route(
        "POST",
        "/monitoring/faults",
        r#"{"endpoint": "/items", "fault": "failing", "seconds": 20}; or "slow", "crowded", "deserted""#,
    ),
    route("GET", "/monitoring/faults", "what was told to fail or to be slow"),
    route("DELETE", "/monitoring/faults", "puts an end to it"),
    route("GET", MONITOR, "the page that shows all this"),
    route("GET", API_METRICS, "the same as JSON"),
    route("GET", ANOMALIES, "what was found, and how each endpoint is now"),
    route("GET", "/healthz", "whether the service answers"),
    route("GET", "/readyz", "whether it wants requests"),
    route("GET", METRICS, "the scrape"),
];

/// The path of the scrape.
pub(crate) const METRICS: &str = "/metrics";
/// The path of the page that shows the numbers.
pub(crate) const MONITOR: &str = "/monitor";
/// The path of the same as JSON.
pub(crate) const API_METRICS: &str = "/monitoring/api-metrics";
/// The path of the anomalies as JSON.
pub(crate) const ANOMALIES: &str = "/monitoring/anomalies";

/// [`ROUTES`] as lines, for a service at `host`.
pub(crate) fn list(host: &str, metrics: Option<SocketAddr>) -> impl Iterator<Item = String> {
    ROUTES.iter().map(move |Route { method, path, what }| match metrics {
        Some(metrics) if [METRICS, MONITOR, API_METRICS, ANOMALIES].contains(path) => {
            format!("{method:<6} http://{metrics}{path:<24} {what}")
        }
        _ => format!("{method:<6} http://{host}{path:<24} {what}"),
    })
}

/// What looks at the service is no traffic of it.
pub(crate) const UNWATCHED: [&str; 8] =
    [METRICS, MONITOR, "/monitor/{file}", "/monitor/feed", API_METRICS, ANOMALIES, "/healthz", "/readyz"];

/// `page` is the scrape, where the service has it; then it has what else shows the numbers too, for the same readers.
pub(crate) fn configure(app: &mut ServiceConfig, page: Option<Scrape>) {
    if let Some(page) = page {
        app.service(dashboard(MONITOR).like(&page))
            .service(api_metrics(API_METRICS).like(&page))
            .service(anomalies(ANOMALIES).like(&page))
            .service(page);
    }
    app.app_data(JsonConfig::default().error_handler(|error, _| Problem::Json(error).into()))
        .service(index)
        .service(front::file)
        .service(users::sign_up)
        .service(users::login)
        .service(users::login_by_token)
        .service(users::logout)
        .service(users::session)
        .service(users::end_sessions)
        .service(users::issue_token)
        .service(users::tokens)
        .service(users::revoke_token)
        .service(users::revoke_tokens)
        .service(items::list)
        .service(items::one)
        .service(reports::make)
        .service(reports::flaky)
        .service(forecasts::make)
        .service(credits::statement)
        .service(credits::top_up)
        .service(credits::grant_by_admin)
        .service(credits::verify_by_admin)
        .service(playground::error)
        .service(playground::slow)
        .service(playground::panic)
        .service(playground::switch)
        .service(playground::switched_on)
        .service(playground::switch_off)
        .service(health::alive)
        .service(health::ready)
        .default_service(to(async || Problem::NoSuchPage.error_response()));
}

#[route("/", method = "GET", method = "HEAD")]
async fn index(request: HttpRequest, about: Data<About>) -> HttpResponse {
    let host = host(&request);
    if wants_html(request.headers()) {
        let here = format!("{}://{host}", request.connection_info().scheme());
        let watch = about.address.map_or_else(|| here.clone(), |address| format!("http://{address}"));
        return front::page(&here, &watch, about.demo_users);
    }
    let lines = list(&host, about.address).map(|line| line + "\n");
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(lines.collect::<String>())
}

/// What the client calls this service. A proxy says it in headers, which count where the proxy is trusted.
fn host(request: &HttpRequest) -> String {
    let given = request.headers().get(HOST).filter(|_| !Proxies::is_before(request));
    match given.and_then(|host| host.to_str().ok()) {
        Some(host) => host.to_owned(),
        None => request.connection_info().host().to_owned(),
    }
}

/// Browsers say so; curl and scripts take anything.
fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

const fn route(method: &'static str, path: &'static str, what: &'static str) -> Route {
    Route { method, path, what }
}
