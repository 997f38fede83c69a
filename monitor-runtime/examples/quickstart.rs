//! One counted handler, one paid and watched handler, `/metrics` and the live page.
//!
//!     cargo run -p monitor-runtime --features dashboard --example quickstart
//!
//! Then open <http://localhost:8080/monitor>, and:
//!
//!     curl -i -X POST localhost:8080/login -d lovelace
//!     curl -i -X POST localhost:8080/reports -H 'x-user: ada'
//!     curl -s localhost:8080/metrics | grep -E '^(user_sessions|credit_usage)_total'

use actix_web::dev::ServiceRequest;
use actix_web::error::ErrorUnauthorized;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpResponse, HttpServer, post};
use monitor_runtime::actix::{Monitor, OnBehalf, dashboard, scrape};
use monitor_runtime::credits::{AccountId, Credits, CreditsError, Grant, Memory};
use monitor_runtime::{detect_anomalies, instrument, metrics, with_credits};

metrics! {
    /// Sessions opened
    pub counter LOGINS = "logins_total" { auth_method: &'static str };
}

#[post("/login")]
#[instrument(counter = LOGINS, auth_method = "password")]
async fn login(password: String) -> actix_web::Result<HttpResponse> {
    // An error, or a response with a status of 400 or above, is not counted.
    if password != "lovelace" {
        return Err(ErrorUnauthorized("wrong password"));
    }
    Ok(HttpResponse::Ok().body("welcome"))
}

#[post("/reports")]
#[with_credits(cost = 5)]
#[detect_anomalies("report", latency_threshold = 0.5, error_threshold = 0.01)]
async fn report() -> actix_web::Result<HttpResponse> {
    // 5 credits are held before this line runs. Success captures them; everything else gives them back.
    Ok(HttpResponse::Ok().body("42 widgets"))
}

/// Who pays. A real service reads its session here.
fn account(request: &ServiceRequest) -> Option<String> {
    Some(request.headers().get("x-user")?.to_str().ok()?.to_owned())
}

fn routes(config: &mut ServiceConfig) {
    config.service(login).service(report).service(scrape("/metrics")).service(dashboard("/monitor"));
}

/// A ledger in memory, for a first look. `Sqlite` and `Postgres` keep it.
fn ledger() -> Result<Credits, CreditsError> {
    let credits = Credits::new(Memory::new());
    credits.grant(Grant::new(AccountId::new("ada")?, 100)).wait()?;
    Ok(credits)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let credits = ledger()?;
    let app = move || {
        let on_behalf = OnBehalf::of(account).ledger(credits.clone());
        // `Monitor` comes last, so that it sees every request.
        App::new().configure(routes).wrap(on_behalf).wrap(Monitor::default())
    };
    HttpServer::new(app).bind(("127.0.0.1", 8080))?.run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};
    use monitor_runtime::sample_value;

    #[actix_web::test]
    async fn a_login_is_counted_and_a_report_is_paid() {
        let credits = ledger().expect("a ledger in memory");
        let app = App::new().configure(routes).wrap(OnBehalf::of(account).ledger(credits.clone()));
        let app = init_service(app.wrap(Monitor::default())).await;

        let sign_in = |password: &'static str| TestRequest::post().uri("/login").set_payload(password).to_request();
        assert_eq!(call_service(&app, sign_in("guess")).await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(call_service(&app, sign_in("lovelace")).await.status(), StatusCode::OK);
        assert_eq!(sample_value("logins_total", &[("auth_method", "password")]), Some(1.0));

        let paid = TestRequest::post().uri("/reports").insert_header(("x-user", "ada")).to_request();
        assert_eq!(call_service(&app, paid).await.status(), StatusCode::OK);
        let balance = credits.balance(AccountId::new("ada").expect("a name")).await.expect("an answer");
        assert_eq!((balance.available, balance.held), (95, 0));
    }
}
