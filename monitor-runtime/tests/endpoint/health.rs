//! What the toolkit says of itself on the page.

use monitor_runtime::actix::scrape;
use monitor_runtime::{metrics, prometheus, sample_value, sample_value_in};

use crate::support::{Gate, Server};

metrics! {
    /// Jobs by tenant
    counter JOBS = "health_jobs_total" { #[label(max = 2)] tenant: &str, kind: &'static str } limit 3;
    /// No label
    gauge LONELY = "health_lonely";
}

fn of_jobs(name: &str) -> Option<f64> {
    sample_value(name, &[("family", "health_jobs_total")])
}

#[test]
fn each_family_tells_how_full_it_is() {
    assert_eq!(of_jobs("monitor_series"), Some(0.0));
    assert_eq!(of_jobs("monitor_series_limit"), Some(3.0));
    assert_eq!(of_jobs("monitor_overflowed_total"), Some(0.0));

    for tenant in ["a", "b"] {
        JOBS.with(JOBS { tenant, kind: "x" }).inc();
    }
    assert_eq!(of_jobs("monitor_series"), Some(2.0));
    for tenant in ["c", "d", "e"] {
        JOBS.with(JOBS { tenant, kind: "x" }).inc();
    }
    assert_eq!(of_jobs("monitor_series"), Some(3.0), "one more, in which the tenant overflowed");
    JOBS.with(JOBS { tenant: "a", kind: "y" }).inc();
    assert_eq!(of_jobs("monitor_series"), Some(4.0), "and the one for all that is beyond the limit");
    assert_eq!(of_jobs("monitor_overflowed_total"), Some(4.0));

    LONELY.set(1.0);
    assert_eq!(sample_value("monitor_series", &[("family", "health_lonely")]), None);
    // A registry of one's own shows what one put there, and nothing else.
    let registry = prometheus::Registry::new();
    let jobs = JOBS.in_registry(&registry).expect("a fresh registry");
    jobs.with(JOBS { tenant: "a", kind: "x" }).inc();
    assert_eq!(sample_value_in(&registry, "monitor_series", &[("family", "health_jobs_total")]), None);
}

#[test]
fn scrapes_are_counted_by_what_became_of_them() {
    let count = |result: &str| sample_value("monitor_scrapes_total", &[("result", result)]).expect("on the page");
    let all = ["ok", "denied", "busy", "timeout", "failed"];
    let before: Vec<f64> = all.into_iter().map(count).collect();
    let pages = sample_value("monitor_scrape_duration_seconds_count", &[]).expect("on the page");
    let sizes = sample_value("monitor_scrape_size_bytes_count", &[]).expect("on the page");

    let (gate, registry) = Gate::closed();
    let server = Server::start(1, move || {
        scrape("/metrics").registry(registry.clone()).bearer_token("s3cret".parse().expect("a token"))
    });
    assert_eq!(server.get(&[]).status, 401);
    let token = "Authorization: Bearer s3cret";
    assert_eq!(server.get(&[token, "X-Prometheus-Scrape-Timeout-Seconds: 0.05"]).status, 503);
    gate.open();
    assert_eq!(server.get(&[token]).status, 200);

    // Others test beside this one.
    for (result, before) in all.into_iter().zip(before) {
        let more = f64::from(["ok", "denied", "timeout"].contains(&result));
        assert!(count(result) >= before + more, "{result}");
    }
    assert!(sample_value("monitor_scrape_duration_seconds_count", &[]) > Some(pages));
    assert!(sample_value("monitor_scrape_size_bytes_count", &[]) > Some(sizes));
}
