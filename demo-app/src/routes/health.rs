//! What an orchestrator asks: does the process answer, and does it want requests.

use actix_web::web::Data;
use actix_web::{HttpResponse, route};

use crate::readiness::{Readiness, State};

/// To be restarted when it does not answer.
#[route("/healthz", method = "GET", method = "HEAD")]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// To be left out of the traffic while it is not ready.
#[route("/readyz", method = "GET", method = "HEAD")]
pub(crate) async fn ready(readiness: Data<Readiness>) -> HttpResponse {
    match readiness.get() {
        State::Ready => HttpResponse::Ok().body("ready\n"),
        State::Starting => HttpResponse::ServiceUnavailable().body("starting\n"),
        State::Stopping => HttpResponse::ServiceUnavailable().body("stopping\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, rt::System};

    #[test]
    fn it_is_ready_between_its_start_and_its_stop_and_alive_all_the_time() {
        System::new().block_on(async {
            let readiness = Readiness::default();
            let app = App::new().app_data(Data::new(readiness.clone())).service(alive).service(ready);
            let app = init_service(app).await;
            let ask = async |path: &str| call_service(&app, TestRequest::get().uri(path).to_request()).await.status();
            assert_eq!(ask("/readyz").await, 503);
            assert_eq!(ask("/healthz").await, 200);
            readiness.begin();
            assert_eq!(ask("/readyz").await, 200);
            readiness.set(State::Stopping);
            assert_eq!(ask("/readyz").await, 503);
            assert_eq!(ask("/healthz").await, 200);
            readiness.begin();
            assert_eq!(ask("/readyz").await, 503, "a thread that starts late changes nothing");
        });
    }
}
