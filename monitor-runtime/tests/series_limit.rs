//! How many series the families of requests may have: what clients choose fills half of them at most, and the program may
//! ask for more. In a process of its own, whose families it fills.
#![cfg(all(feature = "actix", not(loom)))]

use std::collections::HashMap;

use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpResponse, web};
use monitor_runtime::actix::Monitor;
use monitor_runtime::{Format, encode, prometheus, sample_value};

#[actix_web::test]
async fn what_clients_choose_fills_half_and_a_raised_limit_leaves_room_for_the_rest() {
    let refuse = || async { HttpResponse::new(StatusCode::FORBIDDEN) };
    let serve = || async { HttpResponse::Ok().finish() };
    let app = init_service(App::new().wrap(Monitor::default()).configure(|app| {
        for number in 0..500 {
            app.route(&format!("/closed/{number}"), web::route().to(refuse));
            app.route(&format!("/open/{number}"), web::get().to(serve));
        }
        for number in 0..1_500 {
            app.route(&format!("/later/{number}"), web::get().to(serve));
        }
    }))
    .await;
    let total = |limit: &str| sample_value("monitor_series_limit", &[("family", limit)]).expect("on the page");

    // A client without any rights tries all methods of all routes: 4,500 series, of 2,000 that there may be.
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "FROBNICATE"] {
        for number in 0..500 {
            let method = Method::from_bytes(method.as_bytes()).expect("a token");
            let uri = format!("/closed/{number}");
            call_service(&app, TestRequest::default().method(method).uri(&uri).to_request()).await;
        }
    }
    let series = sample_value("monitor_series", &[("family", "api_requests_total")]);
    assert!(series.is_some_and(|series| series <= 1_002.0), "{series:?}");
    // And yet the program's own have theirs.
    for number in 0..500 {
        call_service(&app, TestRequest::get().uri(&format!("/open/{number}")).to_request()).await;
    }
    let page = Page::read();
    assert!((0..500).all(|number| page.requests(&format!("/open/{number}"), "200") == Some(1.0)));

    // Nothing is lost of what is beyond the limit, and nothing counted twice.
    let later = |number: usize| format!("/later/{number}");
    for number in 0..1_500 {
        call_service(&app, TestRequest::get().uri(&later(number)).to_request()).await;
    }
    let page = Page::read();
    let own = (0..1_500).filter(|number| page.requests(&later(*number), "200").is_some()).count();
    assert!(own < 1_500, "a limit that is never reached");

    assert_eq!(total("api_requests_total"), 2_000.0);
    let _raised = Monitor::builder().series_limit(20_000).build().expect("a limit");
    let _lower = Monitor::builder().series_limit(3_000).build().expect("the highest holds");
    for family in ["api_requests_total", "api_request_latency_seconds", "api_request_errors_total"] {
        assert_eq!(total(family), 20_000.0, "{family}");
    }
    assert_eq!(total("anomaly_detection_triggered_total"), 80_000.0);
    for number in 0..1_500 {
        call_service(&app, TestRequest::get().uri(&later(number)).to_request()).await;
    }
    let page = Page::read();
    for endpoint in (0..1_500).map(later) {
        assert!(page.requests(&endpoint, "200").is_some(), "{endpoint}");
        let latency = format!("api_request_latency_seconds_count{{endpoint=\"{endpoint}\",method=\"GET\"}}");
        assert!(page.0.contains_key(&latency), "{endpoint}");
        assert!(page.0.contains_key(&format!("api_error_rate{{endpoint=\"{endpoint}\"}}")), "{endpoint}");
    }
    let counted: f64 =
        page.0.iter().filter(|(name, _)| name.starts_with("api_requests_total{")).map(|(_, count)| count).sum();
    assert_eq!(counted, 4_500.0 + 500.0 + 3_000.0);
}

/// The samples of one scrape, by name and labels.
struct Page(HashMap<String, f64>);

impl Page {
    fn read() -> Page {
        let mut text = Vec::new();
        encode(prometheus::default_registry(), Format::Text, &mut text).expect("it is written to memory");
        let text = String::from_utf8(text).expect("text");
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        Page(samples.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect())
    }

    fn requests(&self, endpoint: &str, status: &str) -> Option<f64> {
        let labels = format!("endpoint=\"{endpoint}\",method=\"GET\",status=\"{status}\"");
        self.0.get(&format!("api_requests_total{{{labels}}}")).copied()
    }
}

#[test]
fn a_limit_that_cannot_be_is_named() {
    for limit in [0, 1_999, 1_000_001] {
        let error = Monitor::builder().series_limit(limit).build().expect_err("no limit").to_string();
        assert!(error.starts_with(&format!("`series_limit(\"{limit}\")`: a limit is")), "{error}");
    }
}
