//! The page of metrics as a scraper gets it from an actix-web service.
#![cfg(feature = "actix")]

use actix_web::{
    App,
    dev::ServiceResponse,
    http::{Method, StatusCode, header},
    test::{TestRequest, call_service, init_service, read_body},
};
use monitor_runtime::{actix::scrape, prometheus::Registry};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

monitor_runtime::metrics! {
    /// Pages that were read
    counter PAGES = "pages_total";
}

async fn answer(method: Method, accept: &[&str]) -> ServiceResponse {
    let service = init_service(App::new().service(scrape("/metrics"))).await;
    let mut request = TestRequest::with_uri("/metrics").method(method);
    for line in accept {
        request = request.append_header((header::ACCEPT, *line));
    }
    call_service(&service, request.to_request()).await
}

fn content_type(response: &ServiceResponse) -> &str {
    response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[actix_web::test]
async fn whoever_asks_for_nothing_gets_text() {
    PAGES.inc();
    for accept in [&[][..], &["*/*"], &["text/html", "application/xml;q=0.9"]] {
        let response = answer(Method::GET, accept).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(content_type(&response), TEXT);
        let body = String::from_utf8(read_body(response).await.to_vec()).expect("UTF-8");
        assert!(
            body.contains("# HELP pages_total Pages that were read\n# TYPE pages_total counter\npages_total 1\n"),
            "{body}"
        );
    }
}

#[actix_web::test]
async fn prometheus_gets_openmetrics() {
    let header = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let lines: Vec<&str> = header.split(',').collect();
    for accept in [&[header][..], &lines] {
        let response = answer(Method::GET, accept).await;
        assert_eq!(content_type(&response), OPEN_METRICS);
        assert_eq!(response.headers().get(header::VARY).map(|v| v.as_bytes()), Some(&b"Accept, Accept-Encoding"[..]));
        let body = read_body(response).await;
        assert!(body.ends_with(b"# EOF\n"));
    }
}

#[actix_web::test]
async fn an_accept_header_that_is_no_text_is_not_heard() {
    let service = init_service(App::new().service(scrape("/metrics"))).await;
    let strange = header::HeaderValue::from_bytes(b"application/openmetrics-text\xff").expect("a header may hold it");
    let request = TestRequest::with_uri("/metrics").insert_header((header::ACCEPT, strange)).to_request();
    assert_eq!(content_type(&call_service(&service, request).await), TEXT);
}

#[actix_web::test]
async fn head_is_answered_and_no_other_method_is() {
    let response = answer(Method::HEAD, &[]).await;
    assert_eq!((response.status(), content_type(&response)), (StatusCode::OK, TEXT));
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = answer(method, &[]).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers().get(header::ALLOW).map(|v| v.as_bytes()), Some(&b"GET, HEAD"[..]));
    }
}

#[actix_web::test]
async fn a_registry_of_one_s_own_has_its_own_page() {
    let registry = Registry::new();
    let pages = PAGES.in_registry(&registry).expect("a new registry");
    pages.add(41);
    let service = init_service(App::new().service(scrape("/own").registry(registry))).await;
    let body = read_body(call_service(&service, TestRequest::with_uri("/own").to_request()).await).await;
    assert_eq!(body, "# HELP pages_total Pages that were read\n# TYPE pages_total counter\npages_total 41\n");
}
