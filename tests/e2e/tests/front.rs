//! The front page as a file, and the traffic that the service makes of its own. What a browser makes of the page is in
//! tests/browser.

use crate::support::{Client, Demo, eventually, program};

#[test]
fn a_browser_gets_a_page_that_loads_nothing_from_elsewhere() {
    let demo = Demo::start();
    let page = demo.client.get_accepting("/", "text/html,application/xhtml+xml,*/*;q=0.8");
    assert_eq!((page.status, page.content_type.as_str()), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for file in ["/front/page.css", "/front/page.js", "/front/icon.svg"] {
        assert!(page.body.contains(file), "{file}");
        assert_eq!(demo.client.get(file).status, 200, "{file}");
    }
    assert_eq!(demo.client.get("/front/page.html").status, 404);
    assert!(page.body.contains(&format!("{}/monitor", demo.url)) && !page.body.contains("{{"), "{}", page.body);
    let hostile = demo.client.send("GET", "/", &[("Accept", "text/html"), ("Host", "x\"><script>")], None);
    assert!(!hostile.body.contains("<script>"), "{}", hostile.body);
}

#[test]
fn with_numbers_on_an_address_of_their_own_the_page_links_there() {
    let mut demo = Demo::start_by(program().args(["--port", "0", "--metrics-addr", "127.0.0.1:0"]));
    let page = demo.client.get_accepting("/", "text/html").body;
    let watch = demo.metrics_url();
    assert!(page.contains(&format!("{watch}/monitor")) && page.contains(&format!("{watch}/metrics")), "{page}");
    let there = Client::of(&watch);
    for path in ["/monitor", "/monitoring/api-metrics", "/monitoring/anomalies"] {
        assert_eq!(demo.client.get(path).status, 404, "{path}");
        // Numbers are there after the first reading.
        eventually(|| match there.get(path).status {
            200 => Ok(()),
            status => Err(format!("{path} is {status}")),
        });
    }
}

#[test]
fn it_makes_traffic_of_its_own_that_ends_when_it_is_told_to_stop() {
    let mut command = program();
    let demo = Demo::start_by(command.args(["--port", "0", "--simulate", "--simulate-seed", "7", "--log", "off"]));
    eventually(|| {
        let samples = demo.samples();
        let requests: f64 = samples.named("api_requests_total").values().sum();
        let sessions = samples.count(r#"user_sessions_total{auth_method="password"}"#);
        let credits: f64 = samples.named("credit_usage_total").values().sum();
        match (requests, sessions, credits) {
            (requests, sessions, credits) if sessions >= 6.0 && requests > 20.0 && credits > 0.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let (status, _, told) = demo.stop_by("TERM");
    assert_eq!(status.code(), Some(0), "{told}");
    assert!(told.starts_with("simulating (seed 7): 6 users, "), "{told}");
}
