//! A start under traffic: the routes of the program all come in the first moment, beside clients who try to take their
//! place on the page.

use std::thread;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, web};
use monitor_runtime::actix::Monitor;

use crate::support::{Page, Server};

/// The status that a path asks for.
async fn answer(request: HttpRequest) -> HttpResponse {
    let status = request.match_info().query("status").parse().unwrap_or(200);
    HttpResponse::build(StatusCode::from_u16(status).expect("a status")).finish()
}

const ROUTES: usize = 300;

#[test]
fn three_hundred_routes_in_the_first_moment_each_have_their_series() {
    let server = Server::start(|| {
        App::new().wrap(Monitor::default()).configure(|app| {
            for number in 0..ROUTES / 3 {
                app.route(&format!("/rush/{number}/{{status}}"), web::get().to(answer));
                // Named resources, and routes of scopes in scopes.
                app.service(
                    web::resource(format!("/rush/named/{number}/{{status}}"))
                        .name(&format!("rush-{number}"))
                        .route(web::post().to(answer)),
                );
                app.service(
                    web::scope(&format!("/rush/in/{number}"))
                        .service(web::scope("/{tenant}").route("/deep/{status}", web::put().to(answer))),
                );
            }
        })
    });
    let statuses = [200, 404, 500];
    thread::scope(|scope| {
        for status in statuses {
            let server = &server;
            scope.spawn(move || {
                for number in 0..ROUTES / 3 {
                    for (method, path) in [
                        ("GET", format!("/rush/{number}/{status}")),
                        ("POST", format!("/rush/named/{number}/{status}")),
                        ("PUT", format!("/rush/in/{number}/acme/deep/{status}")),
                    ] {
                        assert_eq!(server.ask(method, &path).map(|(status, _)| status), Some(status), "{path}");
                    }
                }
            });
        }
    });
    let page = Page::read();
    for number in 0..ROUTES / 3 {
        for (method, endpoint) in [
            ("GET", format!("/rush/{number}/{{status}}")),
            ("POST", format!("/rush/named/{number}/{{status}}")),
            ("PUT", format!("/rush/in/{number}/{{tenant}}/deep/{{status}}")),
        ] {
            let of = format!("endpoint=\"{endpoint}\",method=\"{method}\"");
            for status in statuses {
                assert_eq!(page.get(&format!("api_requests_total{{{of},status=\"{status}\"}}")), 1.0, "{of}");
            }
            assert_eq!(page.get(&format!("api_request_latency_seconds_count{{{of}}}")), 3.0, "{of}");
            assert_eq!(page.get(&format!("api_request_errors_total{{{of}}}")), 1.0, "{of}");
            let errors = format!("endpoint=\"{endpoint}\",reason=\"server_error\"");
            assert_eq!(page.get(&format!("anomaly_detection_triggered_total{{{errors}}}")), 1.0, "{of}");
        }
    }
}
