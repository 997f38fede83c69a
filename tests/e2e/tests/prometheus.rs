//! A real Prometheus shows the numbers that the client caused, whichever format it asked for.

use crate::support::{Demo, Prometheus};

#[test]
fn prometheus_shows_what_the_client_did_in_both_formats() {
    let demo = Demo::start();
    let prometheus = Prometheus::scraping(&demo.url);
    prometheus.shows("up", 1.0);
    prometheus.shows("sessions_open", 0.0);

    let mut cookies = Vec::new();
    for _ in 0..7 {
        cookies.push(demo.login("ada", "lovelace").cookie.expect("a session cookie"));
        assert_eq!(demo.login("ada", "wrong").status, 401);
    }
    assert_eq!(demo.client.post_with_cookie("/logout", &cookies[0]).status, 204);
    for _ in 0..3 {
        assert_eq!(demo.client.post_with_cookie("/reports", &cookies[1]).status, 200);
    }
    // Of a sampled trace: what Prometheus scrapes in OpenMetrics has an exemplar.
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(demo.client.get_with("/items", ("traceparent", traceparent)).status, 200);

    prometheus.shows(r#"user_sessions_total{auth_method="password"}"#, 7.0);
    prometheus.shows("sessions_open", 6.0);
    prometheus.shows("reports_running", 0.0);
    prometheus.shows(r#"report_latency_seconds_count{report="stock"}"#, 3.0);
    prometheus.shows(r#"report_latency_seconds_bucket{report="stock",le="+Inf"}"#, 3.0);
    prometheus.shows(r#"report_latency_seconds_sum{report="stock"} > bool 0"#, 1.0);
    prometheus.shows("process_open_fds > bool 0", 1.0);
    prometheus.shows("up", 1.0);

    // The jobs asked for what their names say: a unit is told in OpenMetrics alone.
    for (job, unit) in [("openmetrics", "seconds"), ("text", "")] {
        let (kind, help, found) = prometheus.metadata(job, "report_latency_seconds");
        assert_eq!(kind, "histogram", "{job}");
        assert_eq!(help, "Time to make a report, in seconds", "{job}");
        assert_eq!(found, unit, "{job}");
    }
}
