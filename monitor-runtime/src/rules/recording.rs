//! Recording rules: what alerts and panels read, worked out once. Their names are level:metric:operations.

use std::fmt::Write;

use super::facts::Own;
use super::promql::{self, Window, risen};
use super::settings::Rules;
use super::yaml::{HEAD, block};
use crate::metrics::family::Kind;

/// The windows over which an error budget is watched.
const BURN_WINDOWS: [Window; 7] = [
    SHORT,
    Window { name: "30m", seconds: 1_800 },
    Window { name: "1h", seconds: 3_600 },
    Window { name: "2h", seconds: 7_200 },
    Window { name: "6h", seconds: 21_600 },
    Window { name: "1d", seconds: 86_400 },
    Window { name: "3d", seconds: 259_200 },
];
/// The window of everything else.
const SHORT: Window = Window { name: "5m", seconds: 300 };

pub(super) fn text(rules: &Rules) -> String {
    let mut groups: Vec<(&str, Vec<(String, String)>)> = Vec::new();
    if rules.has("api_requests_total") {
        groups.push(("monitor-requests", requests(rules)));
        groups.push(("monitor-error-budget", BURN_WINDOWS.map(burn).to_vec()));
    }
    let mut others = Vec::new();
    if rules.has("active_users") {
        // Each instance tells the same number where they share a store; a sum would count a user once for each.
        others.push(rule("job_timeframe:active_users:max", "max by (job, timeframe) (active_users)"));
    }
    if rules.has("credit_usage_total") {
        others
            .push(rule("job_operation:credit_usage:rate5m", "sum by (job, operation) (rate(credit_usage_total[5m]))"));
    }
    if rules.has("anomaly_detection_triggered_total") {
        let risen = risen("anomaly_detection_triggered_total", SHORT.name);
        let expression = format!("sum by (job, endpoint, reason) (\n{risen}\n) > 0");
        others.push(rule("job_endpoint_reason:anomalies:increase5m", &expression));
    }
    others.extend(rules.facts.own.iter().map(own));
    if !others.is_empty() {
        groups.push(("monitor-others", others));
    }

    let mut text = HEAD.to_owned();
    text.push_str("groups:\n");
    for (name, rules) in groups {
        let _ = writeln!(text, "  - name: {name}\n    rules:");
        for (record, expression) in rules {
            let _ = write!(text, "      - record: {record}\n        expr: {}", block(&expression, 10));
        }
    }
    text
}

fn requests(rules: &Rules) -> Vec<(String, String)> {
    let mut all = vec![
        rule("job_endpoint:api_requests:rate5m", &sum("job, endpoint", "api_requests_total", &SHORT)),
        // No error yet is no series yet, and a share of zero.
        rule(
            "job_endpoint:api_request_errors:ratio_rate5m",
            &format!(
                "(\n{}\nor\n0 * job_endpoint:api_requests:rate5m\n)\n/\n(job_endpoint:api_requests:rate5m > 0)",
                sum("job, endpoint", "api_request_errors_total", &SHORT)
            ),
        ),
    ];
    if rules.has("api_request_latency_seconds") {
        all.push(rule(
            "job_endpoint_le:api_request_latency_seconds_bucket:rate5m",
            &sum("job, endpoint, le", "api_request_latency_seconds_bucket", &SHORT),
        ));
        for (name, quantile) in [("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99")] {
            all.push(rule(
                &format!("job_endpoint:api_request_latency_seconds:{name}_5m"),
                &format!("histogram_quantile({quantile}, job_endpoint_le:api_request_latency_seconds_bucket:rate5m)"),
            ));
        }
    }
    if rules.has("api_response_time_threshold") {
        all.push(rule(
            "job_endpoint:api_response_time_threshold:max",
            "max by (job, endpoint) (api_response_time_threshold)",
        ));
    }
    all
}

/// A family of the program, over all its instances.
fn own(own: &Own) -> (String, String) {
    let labels: Vec<String> = std::iter::once("job".to_owned()).chain(promql::stored(&own.labels)).collect();
    let (level, by, name) = (labels.join("_"), labels.join(", "), own.name);
    match own.kind {
        Kind::Counter => rule(
            &format!("{level}:{}:rate5m", name.strip_suffix("_total").unwrap_or(name)),
            &format!("sum by ({by}) (rate({name}[5m]))"),
        ),
        Kind::Gauge => rule(&format!("{level}:{name}:sum"), &format!("sum by ({by}) ({name})")),
        Kind::Histogram => rule(
            &format!("{level}:{name}:p95_5m"),
            &format!("histogram_quantile(0.95, sum by ({by}, le) (rate({name}_bucket[5m])))"),
        ),
    }
}

fn burn(window: Window) -> (String, String) {
    let requests = sum("job", "api_requests_total", &window);
    rule(
        &format!("job:api_request_errors:ratio_rate{}", window.name),
        &format!("(\n{}\nor\n0 * {requests}\n)\n/\n({requests} > 0)", sum("job", "api_request_errors_total", &window)),
    )
}

/// The rate of a counter of requests.
fn sum(by: &str, counter: &str, window: &Window) -> String {
    format!("sum by ({by}) (\n{}\n)", promql::rate(counter, window))
}

fn rule(record: &str, expression: &str) -> (String, String) {
    (record.to_owned(), expression.to_owned())
}
