//! The Grafana dashboard, as the JSON that Grafana keeps: panels for the families that the program has.

use super::promql::{matcher, stored};
use super::settings::Rules;
use serde_json::{Value, json};

use crate::metrics::family::Kind;

/// Of Grafana 13; older ones read it too.
const SCHEMA: u32 = 42;
/// How wide the grid is.
const WIDTH: u32 = 24;
const HEIGHT: u32 = 8;
const SELECTED: &str = r#"instance=~"$instance""#;
const AT: &str = r#"instance=~"$instance",endpoint=~"$endpoint""#;

pub(super) fn text(rules: &Rules) -> String {
    let mut text = format!("{:#}", dashboard(rules));
    text.push('\n');
    text
}

fn dashboard(rules: &Rules) -> Value {
    let mut page = Page::default();
    if rules.has("api_requests_total") {
        requests(rules, &mut page);
    }
    if rules.has("anomaly_detection_triggered_total") {
        anomalies(&mut page);
    }
    users(rules, &mut page);
    credits(rules, &mut page);
    program(rules, &mut page);
    toolkit(rules, &mut page);
    json!({
        "uid": "monitor",
        "title": format!("Monitor: {}", rules.job),
        "description": "Written from the code by monitor_runtime::rules; change the attributes there, not this file.",
        "tags": ["monitor"],
        "schemaVersion": SCHEMA,
        "editable": true,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "liveNow": false,
        "preload": false,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "weekStart": "",
        "links": [{
            "title": "Other dashboards of the toolkit", "type": "dashboards", "tags": ["monitor"], "asDropdown": true,
            "icon": "external link", "includeVars": true, "keepTime": true, "targetBlank": false,
            "tooltip": "", "url": "",
        }],
        "annotations": {"list": annotations(rules)},
        "templating": {"list": variables(rules)},
        "panels": page.panels,
    })
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn annotations(rules: &Rules) -> Vec<Value> {
    let mut list = vec![json!({
        "builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": true, "hide": true,
        "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
    })];
    if rules.has("anomaly_detection_triggered_total") {
        list.push(json!({
            "datasource": source(), "enable": true, "hide": false, "iconColor": "red", "name": "Anomalies",
            "target": {
                "expr": format!("sum by (endpoint, reason) (increase(anomaly_detection_triggered_total{{{AT}}}[$__interval])) > 0"),
                "interval": "15s", "refId": "Anomalies",
            },
            "titleFormat": "{{endpoint}}", "textFormat": "{{reason}}", "tagKeys": "endpoint,reason",
            "useValueForTime": false,
        }));
    }
    list
}

fn variables(rules: &Rules) -> Vec<Value> {
    let label = |name: &str, label: &str, query: String| {
        json!({
            "name": name, "label": label, "type": "query", "datasource": source(),
            "query": {"query": query, "refId": format!("Variable-{name}")}, "refresh": 2, "sort": 1,
            "includeAll": true, "allValue": ".*", "multi": true, "hide": 0, "options": [], "regex": "", "skipUrlSync": false,
            "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
        })
    };
    let mut list = vec![
        json!({
            "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "regex": "",
            "refresh": 1, "hide": 0, "includeAll": false, "multi": false, "options": [], "skipUrlSync": false,
            "current": {"selected": false, "text": "Prometheus", "value": "prometheus"},
        }),
        label("instance", "Instance", format!("label_values(up{{{}}}, instance)", matcher("job", &rules.job))),
    ];
    if rules.has("api_requests_total") {
        list.push(label(
            "endpoint",
            "Endpoint",
            "label_values(api_requests_total{instance=~\"$instance\"}, endpoint)".to_owned(),
        ));
    }
    let intervals = ["1m", "5m", "15m", "1h"];
    let options: Vec<Value> =
        intervals.iter().map(|text| json!({"selected": *text == "1m", "text": text, "value": text})).collect();
    list.push(json!({
        "name": "interval", "label": "Rates over", "type": "interval", "query": intervals.join(","), "options": options,
        "refresh": 2, "hide": 0, "skipUrlSync": false,
        "current": {"selected": true, "text": "1m", "value": "1m"},
    }));
    list
}

/// Panels from left to right and from the top down.
#[derive(Default)]
struct Page {
    panels: Vec<Value>,
    x: u32,
    y: u32,
}

/// What a panel asks, and how it calls the answer.
struct Query<'a>(String, &'a str);

impl Page {
    fn row(&mut self, title: &str) {
        self.end_line();
        let grid = json!({"h": 1, "w": WIDTH, "x": 0, "y": self.y});
        self.y += 1;
        let id = self.panels.len() + 1;
        self.panels.push(json!({
            "id": id, "type": "row", "title": title, "collapsed": false, "gridPos": grid, "panels": [],
        }));
    }

    fn plot(&mut self, title: &str, description: &str, unit: &str, width: u32, queries: &[Query<'_>]) -> &mut Value {
        if self.x + width > WIDTH {
            self.end_line();
        }
        let targets: Vec<Value> = queries
            .iter()
            .zip('A'..='Z')
            .map(|(Query(expression, legend), id)| {
                json!({
                    "datasource": source(), "editorMode": "code", "expr": expression, "legendFormat": legend,
                    "range": true, "instant": false, "refId": id.to_string(),
                })
            })
            .collect();
        // A line of zeros is drawn at the bottom of something, not of 10,000 %.
        let mut soft = json!({});
        match unit {
            "percentunit" => soft = json!({"axisSoftMax": 0.05}),
            "short" | "ops" | "reqps" => soft = json!({"axisSoftMax": 1}),
            _ => {}
        }
        let id = self.panels.len() + 1;
        self.panels.push(json!({
            "id": id, "type": "timeseries", "title": title, "description": description, "datasource": source(),
            "gridPos": {"h": HEIGHT, "w": width, "x": self.x, "y": self.y},
            "targets": targets,
            "fieldConfig": {
                "defaults": {
                    "unit": unit, "min": 0,
                    "color": {"mode": "palette-classic"},
                    "custom": {
                        "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 8,
                        "showPoints": "never", "spanNulls": false, "axisPlacement": "auto",
                        "stacking": {"group": "A", "mode": "none"}, "thresholdsStyle": {"mode": "off"},
                    },
                    "mappings": [],
                    "thresholds": {"mode": "absolute", "steps": [{"color": "green", "value": null}]},
                },
                "overrides": [],
            },
            "options": {
                "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": true},
                "tooltip": {"mode": "multi", "sort": "desc"},
            },
        }));
        self.x += width;
        let panel = self.panels.last_mut().expect("a panel was put there just now");
        if let (Some(custom), Some(soft)) =
            (panel["fieldConfig"]["defaults"]["custom"].as_object_mut(), soft.as_object_mut())
        {
            custom.append(soft);
        }
        panel
    }

    fn end_line(&mut self) {
        if self.x > 0 {
            self.x = 0;
            self.y += HEIGHT;
        }
    }
}

fn dashed(panel: &mut Value, name: &str) {
    panel["fieldConfig"]["overrides"] = json!([{
        "matcher": {"id": "byRegexp", "options": name},
        "properties": [
            {"id": "custom.lineStyle", "value": {"dash": [10, 10], "fill": "dash"}},
            {"id": "custom.fillOpacity", "value": 0},
            {"id": "color", "value": {"fixedColor": "red", "mode": "fixed"}},
        ],
    }]);
}

/// A click on a line chooses its endpoint for the whole dashboard.
fn links_to_endpoint(panel: &mut Value) {
    panel["fieldConfig"]["defaults"]["links"] = json!([{
        "title": "Only ${__field.labels.endpoint}",
        "url": "/d/monitor?var-endpoint=${__field.labels.endpoint}&${instance:queryparam}&${__url_time_range}",
        "targetBlank": false,
    }]);
}

fn requests(rules: &Rules, page: &mut Page) {
    page.row("Requests");
    links_to_endpoint(page.plot(
        "API Request Rate",
        "Requests a second, by the pattern of the route that matched.",
        "reqps",
        12,
        &[Query(format!("sum by (endpoint) (rate(api_requests_total{{{AT}}}[$interval]))"), "{{endpoint}}")],
    ));
    if rules.has("api_request_errors_total") {
        links_to_endpoint(page.plot(
            "Error Rate",
            "Share of requests that ended in an error: 5xx, unless the application says otherwise.",
            "percentunit",
            12,
            &[Query(
                format!(
                    "(sum by (endpoint) (rate(api_request_errors_total{{{AT}}}[$interval])) or 0 * sum by (endpoint) \
                     (rate(api_requests_total{{{AT}}}[$interval]))) / (sum by (endpoint) \
                     (rate(api_requests_total{{{AT}}}[$interval])) > 0)"
                ),
                "{{endpoint}}",
            )],
        ));
    }
    if rules.has("api_request_latency_seconds") {
        let quantile = |q: &str| {
            format!(
                "histogram_quantile({q}, sum by (endpoint, le) (rate(api_request_latency_seconds_bucket{{{AT}}}[$interval])))"
            )
        };
        let threshold = format!("max by (endpoint) (api_response_time_threshold{{{AT}}})");
        for (name, q) in [("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99")] {
            let mut queries = vec![Query(quantile(q), "{{endpoint}}")];
            if name == "p95" && rules.has("api_response_time_threshold") {
                queries.push(Query(threshold.clone(), "{{endpoint}}, threshold"));
            }
            let panel = page.plot(
                &format!("API Latency, {name}"),
                "Time to the headers of the response, estimated from buckets. Dashed: the latency above which a request of \
                 the endpoint is abnormal, as configured or learned.",
                "s",
                8,
                &queries,
            );
            dashed(panel, "/, threshold$/");
            links_to_endpoint(panel);
        }
    }
    if rules.has("api_requests_in_flight") {
        page.plot(
            "Requests in flight",
            "Requests that are being served, the body of their response included.",
            "short",
            24,
            &[Query(format!("sum by (instance) (api_requests_in_flight{{{SELECTED}}})"), "{{instance}}")],
        );
    }
}

fn anomalies(page: &mut Page) {
    page.row("Anomalies");
    let panel = page.plot(
        "Anomaly Detection",
        "Anomalies found, by reason: single calls for server_error, exception, panic and high_latency, episodes for the rest.",
        "short",
        24,
        &[Query(
            format!("sum by (reason) (increase(anomaly_detection_triggered_total{{{AT}}}[$interval]))"),
            "{{reason}}",
        )],
    );
    panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] = json!("bars");
    panel["fieldConfig"]["defaults"]["custom"]["fillOpacity"] = json!(60);
}

fn users(rules: &Rules, page: &mut Page) {
    let (active, sessions) = (rules.has("active_users"), rules.has("user_sessions_total"));
    if !active && !sessions {
        return;
    }
    page.row("Users");
    if active {
        page.plot(
            "Active Users",
            "Distinct users seen within each window that ends now. The highest of all instances, not their sum: who is seen \
             by two instances is one user.",
            "short",
            12,
            &[Query(format!("max by (timeframe) (active_users{{{SELECTED}}})"), "{{timeframe}}")],
        );
    }
    if sessions {
        page.plot(
            "Sessions",
            "Sessions opened a second, by how the user proved who he is.",
            "ops",
            12,
            &[Query(
                format!("sum by (auth_method) (rate(user_sessions_total{{{SELECTED}}}[$interval]))"),
                "{{auth_method}}",
            )],
        );
    }
}

fn credits(rules: &Rules, page: &mut Page) {
    // The ledger's families are in every program; without a paid operation there is nothing to show.
    let (used, held) = (rules.has("credit_usage_total"), rules.has("credits_held"));
    if rules.facts.operations.is_empty() || !used && !held {
        return;
    }
    page.row("Credits");
    if used {
        page.plot(
            "Credit Usage by Operation",
            "Credits captured a second: work that was done and paid.",
            "short",
            12,
            &[Query(
                format!("sum by (operation) (rate(credit_usage_total{{{SELECTED}}}[$interval]))"),
                "{{operation}}",
            )],
        );
    }
    if held {
        page.plot(
            "Credits held",
            "Credits reserved for work that is being done. What stands here for long is work that hangs.",
            "short",
            12,
            &[Query(format!("max by (job) (credits_held{{{SELECTED}}})"), "held")],
        );
    }
    if rules.has("credit_operation_latency_seconds") {
        page.plot(
            "Latency of paid operations, p95",
            "From the hold to the settle, estimated from buckets.",
            "s",
            12,
            &[Query(
                format!(
                    "histogram_quantile(0.95, sum by (operation, le) \
                     (rate(credit_operation_latency_seconds_bucket{{{SELECTED}}}[$interval])))"
                ),
                "{{operation}}",
            )],
        );
    }
    if rules.has("credit_settles_lost_total") {
        page.plot(
            "Credits settled late or lost",
            "Captures after their hold had expired, and settles that were lost. Both ought to stay at 0.",
            "short",
            12,
            &[
                Query(format!("sum (increase(credit_captures_late_total{{{SELECTED}}}[$interval]))"), "late"),
                Query(format!("sum (increase(credit_settles_lost_total{{{SELECTED}}}[$interval]))"), "lost"),
            ],
        );
    }
}

/// The families that the program declares itself, a panel each.
fn program(rules: &Rules, page: &mut Page) {
    if rules.facts.own.is_empty() {
        return;
    }
    page.row("This program");
    for own in &rules.facts.own {
        let labels = stored(&own.labels);
        let (name, by) = (own.name, labels.join(", "));
        let legend = labels.iter().map(|label| format!("{{{{{label}}}}}")).collect::<Vec<_>>().join(" ");
        let (expression, unit) = match own.kind {
            Kind::Counter => (format!("topk(10, sum by ({by}) (rate({name}{{{SELECTED}}}[$interval])))"), "ops"),
            Kind::Gauge => (format!("topk(10, sum by ({by}) ({name}{{{SELECTED}}}))"), unit(name)),
            Kind::Histogram => (
                format!(
                    "topk(10, histogram_quantile(0.95, sum by ({}) (rate({name}_bucket{{{SELECTED}}}[$interval]))))",
                    labels.iter().map(String::as_str).chain(["le"]).collect::<Vec<_>>().join(", ")
                ),
                unit(name),
            ),
        };
        let title = match own.kind {
            Kind::Counter => format!("{name}, a second"),
            Kind::Gauge => name.to_owned(),
            Kind::Histogram => format!("{name}, p95"),
        };
        page.plot(&title, own.help, unit, 8, &[Query(expression, if legend.is_empty() { name } else { &legend })]);
    }
}

/// Grafana's name for the unit that a family's name ends with.
fn unit(name: &str) -> &'static str {
    match name.rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "bytes",
        Some("ratio") => "percentunit",
        _ => "short",
    }
}

fn toolkit(rules: &Rules, page: &mut Page) {
    page.row("The toolkit itself");
    page.plot(
        "Targets up",
        "Whether Prometheus could scrape each instance.",
        "short",
        6,
        &[Query(format!("up{{{},{SELECTED}}}", matcher("job", &rules.job)), "{{instance}}")],
    );
    page.plot(
        "Series, share of the limit",
        "How full the fullest families are. At 100 % new label values are counted under _overflow.",
        "percentunit",
        6,
        &[Query(
            format!("topk(5, max by (family) (monitor_series{{{SELECTED}}} / monitor_series_limit{{{SELECTED}}}))"),
            "{{family}}",
        )],
    );
    page.plot(
        "Troubles of the instrumentation",
        "Measurements that could not be handled, by kind, and look-ups that ended in _overflow. Both ought to stay at 0.",
        "short",
        6,
        &[
            Query(
                format!("sum by (kind) (increase(monitor_instrumentation_errors_total{{{SELECTED}}}[$interval]))"),
                "{{kind}}",
            ),
            Query(format!("sum (increase(monitor_overflowed_total{{{SELECTED}}}[$interval]))"), "overflowed"),
        ],
    );
    if rules.has("monitor_scrape_duration_seconds") {
        page.plot(
            "Time to make a page, p99",
            "What a scrape costs the service, estimated from buckets.",
            "s",
            6,
            &[Query(
                format!(
                    "histogram_quantile(0.99, sum by (instance, le) \
                     (rate(monitor_scrape_duration_seconds_bucket{{{SELECTED}}}[$interval])))"
                ),
                "{{instance}}",
            )],
        );
    }
}
