//! What an orchestrator asks: does the process answer, and does it want requests.

use actix_web::web::Data;
use actix_web::{HttpResponse, route};
use monitor_runtime::credits::Credits;

use crate::readiness::{Readiness, State};

/// To be restarted when it does not answer.
#[route("/healthz", method = "GET", method = "HEAD")]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// To be left out of the traffic while it is not ready, or while nothing can be paid. Why not is in the log: it names files.
#[route("/readyz", method = "GET", method = "HEAD")]
pub(crate) async fn ready(readiness: Data<Readiness>, credits: Data<Credits>) -> HttpResponse {
    match readiness.get() {
        State::Ready if credits.health().await.is_err() => {
            HttpResponse::ServiceUnavailable().body("the ledger cannot be used\n")
        }
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
    use monitor_runtime::credits::{Memory, Sqlite};

    #[test]
    fn it_is_ready_between_its_start_and_its_stop_and_alive_all_the_time() {
        System::new().block_on(async {
            let readiness = Readiness::default();
            let credits = Data::new(Credits::new(Memory::new()));
            let app = App::new().app_data(Data::new(readiness.clone())).app_data(credits);
            let app = init_service(app.service(alive).service(ready)).await;
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
    #[test]
    fn it_is_not_ready_while_the_ledger_s_file_is_away() {
        System::new().block_on(async {
            let directory = tempfile::tempdir().expect("a directory");
            let (path, away) = (directory.path().join("credits.db"), directory.path().join("away"));
            let readiness = Readiness::default();
            readiness.begin();
            let credits = Data::new(Credits::new(Sqlite::open(&path).expect("a ledger")));
            let app = App::new().app_data(Data::new(readiness)).app_data(credits);
            let app = init_service(app.service(alive).service(ready)).await;
            let ask = async |path: &str| call_service(&app, TestRequest::get().uri(path).to_request()).await.status();
            assert_eq!(ask("/readyz").await, 200);
            std::fs::rename(&path, &away).expect("a file");
            assert_eq!(ask("/readyz").await, 503);
            assert_eq!(ask("/healthz").await, 200, "a restart would not bring it back");
            std::fs::rename(&away, &path).expect("a file");
            assert_eq!(ask("/readyz").await, 200);
        });
    }
}
