//! The toolkit's own pages in the app that it watches: they are no traffic of the service, unless that is asked for.

use actix_web::dev::ServiceRequest;
use actix_web::{App, HttpResponse, middleware, web};
use monitor_runtime::actix::{Monitor, OnBehalf, anomalies, scrape};

use crate::support::{Page, Server};

fn account(request: &ServiceRequest) -> Option<String> {
    request.headers().get("account")?.to_str().ok().map(str::to_owned)
}

fn pages(app: &mut web::ServiceConfig) {
    app.service(scrape("/metrics"));
    app.service(scrape("/{tenant}/metrics"));
    app.service(anomalies("/monitoring/anomalies"));
    #[cfg(feature = "dashboard")]
    app.service(monitor_runtime::actix::dashboard("/monitor"))
        .service(monitor_runtime::actix::api_metrics("/monitoring/api-metrics"));
}

#[test]
fn pages_of_our_own_are_no_traffic() {
    let server = Server::start(|| {
        App::new()
            .wrap(middleware::NormalizePath::trim())
            .wrap(OnBehalf::of(account))
            .wrap(Monitor::default())
            .service(web::scope("/own/{version}/in").configure(pages))
            // An endpoint of the service that is called as one of ours.
            .route("/own-service/metrics", web::get().to(HttpResponse::Ok))
            .service(web::scope("/own").configure(pages))
    });
    for scope in ["/own", "/own/v1/in"] {
        for (path, status) in [
            ("/metrics", 200),
            ("/%6detrics", 200),
            ("/metrics/", 200),
            ("/acme/metrics", 200),
            ("/monitoring/anomalies", 200),
            #[cfg(feature = "dashboard")]
            ("/monitor", 200),
            #[cfg(feature = "dashboard")]
            ("/monitor/page.js", 200),
            #[cfg(feature = "dashboard")]
            ("/monitor/none.js", 404),
        ] {
            for method in ["GET", "POST"] {
                let asked = server.ask_with(method, &format!("{scope}{path}"), "account: operator\r\n");
                let status = if method == "GET" { status } else { 405 };
                assert_eq!(asked.map(|(status, _)| status), Some(status), "{method} {scope}{path}");
            }
        }
        #[cfg(feature = "dashboard")]
        {
            use std::io::{Read, Write};
            let mut feed = server.connect();
            let head = format!("GET {scope}/monitor/feed HTTP/1.1\r\nHost: test\r\naccount: operator\r\n\r\n");
            feed.write_all(head.as_bytes()).expect("a request");
            feed.read_exact(&mut [0; 64]).expect("the first of the news");
        }
    }
    assert_eq!(server.get("/own-service/metrics").map(|(status, _)| status), Some(200));
    let page = Page::read();
    let mut traffic: Vec<_> = page.with("/own").map(|(name, _)| name.to_owned()).collect();
    traffic.retain(|name| !name.contains("/own-service/metrics"));
    assert!(traffic.is_empty(), "{traffic:?}");
    assert_eq!(page.get("api_requests_total{endpoint=\"/own-service/metrics\",method=\"GET\",status=\"200\"}"), 1.0);
    // The operator looked, and did nothing that the service is for.
    assert_eq!(page.get("active_users{timeframe=\"1d\"}"), 0.0);
}

#[test]
fn pages_of_our_own_are_counted_where_that_is_asked_for() {
    let server = Server::start(|| {
        let monitor = Monitor::builder().own_pages(true).build().expect("settings");
        App::new().wrap(monitor).service(web::scope("/asked-for").configure(pages))
    });
    server.get("/asked-for/metrics").expect("a page");
    server.get("/asked-for/monitoring/anomalies").expect("a page");
    let page = Page::read();
    for path in ["/metrics", "/monitoring/anomalies"] {
        let labels = format!("endpoint=\"/asked-for{path}\",method=\"GET\",status=\"200\"");
        assert_eq!(page.get(&format!("api_requests_total{{{labels}}}")), 1.0, "{path}");
    }
}
