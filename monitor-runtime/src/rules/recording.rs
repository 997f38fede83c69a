//! Recording rules: what alerts and panels read, worked out once. Their names are level:metric:operations.

use std::fmt::Write;

use super::facts::Own;
use super::settings::Rules;
use super::yaml::{HEAD, block};
use crate::metrics::family::Kind;

/// The windows over which an error budget is watched.
pub(super) const BURN_WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

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
        others.push(rule("job_endpoint_reason:anomalies:increase5m", INCREASE));
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

/// A series that begins with its first anomaly has no increase yet, but is one.
const INCREASE: &str = "\
sum by (job, endpoint, reason) (increase(anomaly_detection_triggered_total[5m]))
> 0
or
sum by (job, endpoint, reason) (anomaly_detection_triggered_total unless anomaly_detection_triggered_total offset 5m)
> 0";

fn requests(rules: &Rules) -> Vec<(String, String)> {
    let mut all = vec![
        rule("job_endpoint:api_requests:rate5m", "sum by (job, endpoint) (rate(api_requests_total[5m]))"),
        // No error yet is no series yet, and a share of zero.
        rule(
            "job_endpoint:api_request_errors:ratio_rate5m",
            "(\n  sum by (job, endpoint) (rate(api_request_errors_total[5m]))\n  or\n  0 * job_endpoint:api_requests:rate5m\n)\n/\n(job_endpoint:api_requests:rate5m > 0)",
        ),
    ];
    if rules.has("api_request_latency_seconds") {
        all.push(rule(
            "job_endpoint_le:api_request_latency_seconds_bucket:rate5m",
            "sum by (job, endpoint, le) (rate(api_request_latency_seconds_bucket[5m]))",
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
    let labels: Vec<&str> = std::iter::once("job").chain(own.labels.iter().copied()).collect();
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

fn burn(window: &str) -> (String, String) {
    rule(
        &format!("job:api_request_errors:ratio_rate{window}"),
        &format!(
            "(\n  sum by (job) (rate(api_request_errors_total[{window}]))\n  or\n  0 * sum by (job) (rate(api_requests_total[{window}]))\n)\n/\n(sum by (job) (rate(api_requests_total[{window}])) > 0)"
        ),
    )
}

fn rule(record: &str, expression: &str) -> (String, String) {
    (record.to_owned(), expression.to_owned())
}
