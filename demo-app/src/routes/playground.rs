//! Trouble on purpose: an error, a slow answer, a panic, and endpoints that are told to fail or to be slow for a while, or
//! that simulated users crowd or leave alone.

use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, delete, post, route};
use serde::{Deserialize, Serialize};

use super::about::About;
use crate::faults::{ENDPOINTS, Fault, Faults, Switched};
use crate::identity::SignedIn;
use crate::problem::Problem;

const SLOW_S: f64 = 1.5;
/// What may be asked for, so that nobody keeps the service waiting for long.
const DELAY_MAX_S: f64 = 10.0;
const FAULT_MAX_S: f64 = 300.0;

/// A request that fails: the server's fault.
#[route("/monitoring/test-error", method = "GET", method = "HEAD")]
pub(crate) async fn error() -> Result<HttpResponse, Problem> {
    Err(Problem::OnPurpose)
}

#[derive(Deserialize)]
struct Slow {
    seconds: Option<f64>,
}

/// A request that takes its time.
#[route("/monitoring/test-slow", method = "GET", method = "HEAD")]
pub(crate) async fn slow(slow: Query<Slow>) -> Result<HttpResponse, Problem> {
    let seconds = within("seconds", slow.seconds.unwrap_or(SLOW_S), DELAY_MAX_S)?;
    sleep(Duration::from_secs_f64(seconds)).await;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "took_seconds": seconds })))
}

/// A request whose handler panics.
#[route("/monitoring/test-panic", method = "GET", method = "HEAD")]
pub(crate) async fn panic() -> HttpResponse {
    panic!("this handler panics on purpose: /monitoring/test-panic")
}

#[derive(Deserialize)]
struct Wanted {
    endpoint: String,
    fault: Fault,
    seconds: f64,
    delay_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Now {
    endpoint: &'static str,
    fault: Fault,
    seconds_left: f64,
}

/// Switches a fault on, for whoever is signed in: it is everybody's service.
#[post("/monitoring/faults")]
pub(crate) async fn switch(
    _: SignedIn,
    wanted: Json<Wanted>,
    faults: Data<Faults>,
    about: Data<About>,
) -> Result<HttpResponse, Problem> {
    let Wanted { endpoint, fault, seconds, delay_seconds } = wanted.into_inner();
    let known = ENDPOINTS.into_iter().find(|known| *known == endpoint);
    let endpoint = known.ok_or_else(|| Problem::Bad(format!("`endpoint` is one of {}", ENDPOINTS.join(", "))))?;
    if fault.is_of_traffic() && !about.simulated {
        return Err(Problem::Bad("nobody is simulated here: start the service with --simulate-past".to_owned()));
    }
    let seconds = within("seconds", seconds, FAULT_MAX_S)?;
    let delay = within("delay_seconds", delay_seconds.unwrap_or(SLOW_S), DELAY_MAX_S)?;
    faults.switch_on(
        endpoint,
        Switched {
            fault,
            delay: Duration::from_secs_f64(delay),
            until: Instant::now() + Duration::from_secs_f64(seconds),
        },
    );
    Ok(list(&faults))
}

#[route("/monitoring/faults", method = "GET", method = "HEAD")]
pub(crate) async fn switched_on(faults: Data<Faults>) -> HttpResponse {
    list(&faults)
}

#[delete("/monitoring/faults")]
pub(crate) async fn switch_off(_: SignedIn, faults: Data<Faults>) -> HttpResponse {
    faults.switch_all_off();
    list(&faults)
}

fn list(faults: &Faults) -> HttpResponse {
    let now = Instant::now();
    let left = |until: Instant| until.duration_since(now).as_secs_f64();
    let all: Vec<Now> = faults
        .now(now)
        .into_iter()
        .map(|(endpoint, switched)| Now { endpoint, fault: switched.fault, seconds_left: left(switched.until) })
        .collect();
    HttpResponse::Ok().json(all)
}

fn within(name: &str, value: f64, max: f64) -> Result<f64, Problem> {
    // Not a number is in no range.
    if (0.0..=max).contains(&value) { Ok(value) } else { Err(Problem::Bad(format!("`{name}` is from 0 to {max}"))) }
}
