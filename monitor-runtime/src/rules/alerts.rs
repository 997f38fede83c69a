//! Alerts, and for each the two cases that show when it fires and when it does not.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::facts::{Watched, bound_for};
use super::promql::{matcher, risen};
use super::settings::Rules;
use super::yaml::{HEAD, block, quoted};

/// From which share of errors on an endpoint alerts.
const ERROR_RATE: f64 = 0.05;
/// Below this many requests a second, in 5 minutes, a share says little: 15 requests.
const TRAFFIC: f64 = 0.05;
/// Which share of an operation's calls may be slower than its threshold.
const SLOW_CALLS: f64 = 0.05;
/// The error budget is for 30 days: how many times too fast, over a long window and still over a short one.
const BURNS: [(f64, &str, &str, Severity); 4] = [
    (14.4, "1h", "5m", Severity::Page),
    (6.0, "6h", "30m", Severity::Page),
    (3.0, "1d", "2h", Severity::Ticket),
    (1.0, "3d", "6h", Severity::Ticket),
];
/// Reasons that are counted for each call: they are errors, and judged as a share.
const COUNTED_EACH: &str = "server_error|exception|high_latency";
/// In every series of the cases.
const INSTANCE: &str = r#"job="app",instance="a:1""#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Severity {
    /// Somebody is to look now.
    Page,
    /// Somebody is to look this week.
    Ticket,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
        }
    }
}

pub(super) struct Alert {
    name: String,
    expression: String,
    /// How long it must be true.
    hold: &'static str,
    severity: Severity,
    /// Labels that the rule itself adds.
    labels: Vec<(&'static str, String)>,
    summary: String,
    description: String,
    /// One at least.
    fires: Vec<Case>,
    /// One at least.
    quiet: Vec<Case>,
}

/// Series by the minute, and what is expected of an alert at a time.
struct Case {
    what: String,
    series: Vec<(String, String)>,
    at: &'static str,
    /// For each alert that fires: its labels beside those of the rule, and its value as the description writes it.
    alerts: Vec<(Vec<(&'static str, String)>, String)>,
}

impl Case {
    fn new(what: impl Into<String>, at: &'static str) -> Case {
        Case { what: what.into(), series: Vec::new(), at, alerts: Vec::new() }
    }

    /// A series of this job, by the name and its own labels.
    fn series(mut self, name: &str, labels: &str, values: impl Into<String>) -> Case {
        let comma = if labels.is_empty() { "" } else { "," };
        self.series.push((format!("{name}{{{INSTANCE}{comma}{labels}}}"), values.into()));
        self
    }

    fn alerts(mut self, labels: &[(&'static str, &str)], value: impl Into<String>) -> Case {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.alerts.push((labels, value.into()));
        self
    }
}

/// The alerts for what the program has.
pub(super) fn all(rules: &Rules) -> Vec<Alert> {
    let mut all = vec![scrape_failing(), target_missing(&rules.job)];
    if rules.has("api_requests_total") && rules.has("api_request_errors_total") {
        all.push(high_error_rate());
        // A large budget cannot burn as fast as that: more than all requests would have to fail.
        let burns = BURNS.iter().enumerate().filter(|(_, (factor, ..))| factor * (1.0 - rules.objective) < 1.0);
        all.extend(burns.map(|(n, burn)| budget_burn(n, *burn, rules.objective)));
    }
    if rules.has("api_request_latency_seconds") && rules.has("api_response_time_threshold") {
        let bounds = rules.facts.bounds("api_request_latency_seconds");
        all.extend(bounds.last().map(|highest| high_latency(*highest)));
    }
    if rules.has("anomaly_detection_triggered_total") {
        all.push(anomaly_detected());
    }
    let mut names = BTreeSet::new();
    for watched in &rules.facts.watched {
        let own = [error_threshold(rules, watched), latency_threshold(rules, watched)];
        for mut alert in own.into_iter().flatten() {
            while !names.insert(alert.name.clone()) {
                alert.name.push('_');
            }
            all.push(alert);
        }
    }
    if rules.has("credit_captures_late_total") {
        all.push(credits_late());
    }
    if rules.has("credit_settles_lost_total") {
        all.push(credits_lost());
    }
    if rules.has("credit_charged_errors_total") {
        all.push(errors_charged());
    }
    if rules.has("credit_violations_total") {
        all.push(ledger_damaged());
    }
    all.push(cardinality_overflow());
    all.push(cardinality_near_limit());
    all.push(instrumentation_errors());
    all
}

/// The rules' file.
pub(super) fn rules(alerts: &[Alert]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("groups:\n  - name: monitor-alerts\n    rules:\n");
    for alert in alerts {
        let _ = write!(text, "      - alert: {}\n        expr: {}", alert.name, block(&alert.expression, 10));
        let _ = writeln!(text, "        for: {}\n        labels:", alert.hold);
        for (name, value) in alert.rule_labels() {
            let _ = writeln!(text, "          {name}: {}", quoted(&value));
        }
        text.push_str("        annotations:\n");
        let _ = writeln!(text, "          summary: {}", quoted(&alert.summary));
        let _ = writeln!(text, "          description: {}", quoted(&alert.description));
    }
    text
}

/// The cases' file, for `promtool test rules`.
pub(super) fn tests(alerts: &[Alert]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(
        "rule_files:\n  - ../rules/recording.yml\n  - ../rules/alerts.yml\nevaluation_interval: 1m\ntests:\n",
    );
    for alert in alerts {
        let fires = alert.fires.iter().map(|case| ("fires", case));
        let quiet = alert.quiet.iter().map(|case| ("stays quiet", case));
        for (kind, case) in fires.chain(quiet) {
            let name = format!("{} {kind}: {}", alert.name, case.what);
            let _ = writeln!(text, "  - name: {}\n    interval: 1m", quoted(&name));
            if case.series.is_empty() {
                text.push_str("    input_series: []\n");
            } else {
                text.push_str("    input_series:\n");
            }
            for (series, values) in &case.series {
                let _ = writeln!(text, "      - series: {}\n        values: {}", quoted(series), quoted(values));
            }
            let _ = writeln!(
                text,
                "    alert_rule_test:\n      - eval_time: {}\n        alertname: {}",
                case.at, alert.name
            );
            if case.alerts.is_empty() {
                text.push_str("        exp_alerts: []\n");
                continue;
            }
            text.push_str("        exp_alerts:\n");
            for (labels, value) in &case.alerts {
                text.push_str("          - exp_labels:\n");
                for (name, value) in labels.iter().cloned().chain(alert.rule_labels()) {
                    let _ = writeln!(text, "              {name}: {}", quoted(&value));
                }
                let filled = |template: &str| quoted(&filled(template, labels, value));
                let _ =
                    writeln!(text, "            exp_annotations:\n              summary: {}", filled(&alert.summary));
                let _ = writeln!(text, "              description: {}", filled(&alert.description));
            }
        }
    }
    text
}

impl Alert {
    fn rule_labels(&self) -> Vec<(&'static str, String)> {
        let mut labels = self.labels.clone();
        labels.push(("severity", self.severity.as_str().to_owned()));
        labels
    }
}

/// What Prometheus makes of an annotation. What is filled in is not read again: a name may look like a template.
fn filled(template: &str, labels: &[(&'static str, String)], value: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{ ") {
        let Some((expression, after)) = after.split_once(" }}") else { break };
        text.push_str(before);
        match expression.strip_prefix("$labels.") {
            Some(wanted) => {
                let label = labels.iter().find(|(name, _)| *name == wanted);
                text.push_str(label.map_or("", |(_, value)| value));
            }
            None => text.push_str(value),
        }
        rest = after;
    }
    text + rest
}

fn scrape_failing() -> Alert {
    Alert {
        name: "MonitorScrapeFailing".to_owned(),
        expression: "up == 0".to_owned(),
        hold: "1m",
        severity: Severity::Page,
        labels: Vec::new(),
        summary: "{{ $labels.instance }} is not scraped".to_owned(),
        description:
            "Prometheus has had no page of metrics from {{ $labels.instance }} ({{ $labels.job }}) for a minute: \
                      the service is down, out of reach, or asks for another token."
                .to_owned(),
        fires: vec![
            Case::new("an instance does not answer", "3m")
                .series("up", "", "1 0 0 0 0")
                .alerts(&[("job", "app"), ("instance", "a:1")], ""),
        ],
        quiet: vec![Case::new("one scrape is missed", "3m").series("up", "", "1 0 1 1 1")],
    }
}

fn target_missing(job: &str) -> Alert {
    let quiet = Case {
        series: vec![(format!("up{{{},instance=\"a:1\"}}", matcher("job", job)), "1x10".to_owned())],
        ..Case::new("it has", "5m")
    };
    Alert {
        name: "MonitorTargetMissing".to_owned(),
        expression: format!("absent(up{{{}}})", matcher("job", job)),
        hold: "2m",
        severity: Severity::Page,
        labels: Vec::new(),
        summary: "Prometheus has no instance of {{ $labels.job }}".to_owned(),
        description:
            "No target of the job {{ $labels.job }} is configured or discovered, so that no other alert can fire."
                .to_owned(),
        fires: vec![Case::new("the job has no target", "5m").alerts(&[("job", job)], "")],
        quiet: vec![quiet],
    }
}

fn high_error_rate() -> Alert {
    let labels = r#"endpoint="/reports",method="POST""#;
    let ok = format!(r#"{labels},status="200""#);
    let failed = format!(r#"{labels},status="500""#);
    let case = |what, errors: u32| {
        Case::new(what, "12m")
            .series("api_requests_total", &ok, format!("0+{}x20", 1000 - errors))
            .series("api_requests_total", &failed, format!("0+{errors}x20"))
            .series("api_request_errors_total", labels, format!("0+{errors}x20"))
    };
    Alert {
        name: "MonitorHighErrorRate".to_owned(),
        expression: format!(
            "job_endpoint:api_request_errors:ratio_rate5m > {ERROR_RATE}\nand\njob_endpoint:api_requests:rate5m > {TRAFFIC}"
        ),
        hold: "2m",
        severity: Severity::Page,
        labels: Vec::new(),
        summary: "Errors at {{ $labels.endpoint }}".to_owned(),
        description:
            "{{ $value | humanizePercentage }} of the requests for {{ $labels.endpoint }} ({{ $labels.job }}) \
                      failed in the last 5 minutes."
                .to_owned(),
        fires: vec![
            case("10 % of requests fail", 100).alerts(&[("job", "app"), ("endpoint", "/reports")], "10%"),
            // 1,000 of 4,000: the series begin with them.
            Case::new("the first errors ever come between two scrapes", "12m")
                .series("api_requests_total", &ok, "0+600x20")
                .series("api_requests_total", &failed, "_x8 1000x12")
                .series("api_request_errors_total", labels, "_x8 1000x12")
                .alerts(&[("job", "app"), ("endpoint", "/reports")], "25%"),
        ],
        quiet: vec![
            case("1 % of requests fail", 10),
            Case::new("errors were many once, and Prometheus was away since", "42m")
                .series("api_requests_total", &ok, "0+600x3 _x36 3000+600x9")
                .series("api_requests_total", &failed, "9000x3 _x36 9000x9")
                .series("api_request_errors_total", labels, "9000x3 _x36 9000x9"),
        ],
    }
}

fn budget_burn(
    n: usize,
    (factor, long, short, severity): (f64, &'static str, &'static str, Severity),
    objective: f64,
) -> Alert {
    let budget = 1.0 - objective;
    let limit = rounded(factor * budget);
    // Of 100,000 requests a minute, so that a small budget is whole requests too.
    let errors = |share: f64| (share * 100_000.0).round() as u64;
    let case = |what: String, share: f64| {
        let errors = errors(share);
        Case::new(what, "2h")
            .series(
                "api_requests_total",
                r#"endpoint="/",method="GET",status="200""#,
                format!("0+{}x130", 100_000 - errors),
            )
            .series("api_requests_total", r#"endpoint="/",method="GET",status="500""#, format!("0+{errors}x130"))
            .series("api_request_errors_total", r#"endpoint="/",method="GET""#, format!("0+{errors}x130"))
    };
    // Twice the limit; where that is more than all there is, between it and all.
    let much = if 2.0 * limit < 1.0 { 2.0 * limit } else { (1.0 + limit) / 2.0 };
    // The budget itself is what may be spent; it is quiet at every speed but the slowest, where half of it is.
    let little = if factor > 1.0 { budget } else { budget / 2.0 };
    let percent = |share: f64| format!("{} %", rounded(share * 100.0));
    Alert {
        name: format!("MonitorErrorBudgetBurn{}", ["Fast", "Steady", "Slow", "Trickle"][n.min(3)]),
        expression: format!(
            "job:api_request_errors:ratio_rate{long} > {limit}\nand\njob:api_request_errors:ratio_rate{short} > {limit}"
        ),
        hold: "2m",
        severity,
        labels: vec![("window", long.to_owned())],
        summary: format!("{{{{ $labels.job }}}} burns its error budget {factor} times too fast"),
        description: format!(
            "{{{{ $value | humanizePercentage }}}} of the requests of {{{{ $labels.job }}}} failed in the last {long}, and \
             it goes on: of {} that may fail in 30 days.",
            percent(budget)
        ),
        fires: vec![
            case(format!("{} of requests fail", percent(much)), much)
                .alerts(&[("job", "app")], format!("{}%", significant(errors(much) as f64 / 1000.0))),
        ],
        quiet: vec![case(format!("{} of requests fail", percent(little)), little)],
    }
}

fn high_latency(highest: f64) -> Alert {
    // Beyond the highest bound a quantile cannot be told, and reads as that bound: a threshold there would never be
    // passed, so it is drawn down to what can be.
    let most = rounded(highest * 0.99);
    let labels = r#"endpoint="/reports",method="POST""#;
    let bucket = |le: &str| format!(r#"{labels},le="{le}""#);
    let beyond = Case::new("the threshold lies beyond the highest bound", "15m")
        .series("api_requests_total", &format!(r#"{labels},status="200""#), "0+100x20")
        .series("api_response_time_threshold", r#"endpoint="/reports""#, format!("{}x20", highest * 6.0))
        .series("api_request_latency_seconds_bucket", &bucket(&format!("{highest:?}")), "0+1x20")
        .series("api_request_latency_seconds_bucket", &bucket("+Inf"), "0+100x20")
        .alerts(&[("job", "app"), ("endpoint", "/reports")], format!("{highest}s"));
    let case = |what, slow: u32| {
        Case::new(what, "15m")
            .series("api_requests_total", &format!(r#"{labels},status="200""#), "0+100x20")
            .series("api_response_time_threshold", r#"endpoint="/reports""#, "0.3x20")
            .series("api_request_latency_seconds_bucket", &bucket("0.25"), format!("0+{}x20", 100 - slow))
            .series("api_request_latency_seconds_bucket", &bucket("0.5"), "0+100x20")
            .series("api_request_latency_seconds_bucket", &bucket("+Inf"), "0+100x20")
    };
    Alert {
        name: "MonitorHighLatency".to_owned(),
        expression: format!(
            "job_endpoint:api_request_latency_seconds:p95_5m\n> clamp_max(job_endpoint:api_response_time_threshold:max, {most})\n\
             and\njob_endpoint:api_requests:rate5m > {TRAFFIC}"
        ),
        hold: "5m",
        severity: Severity::Page,
        labels: Vec::new(),
        summary: "{{ $labels.endpoint }} is slow".to_owned(),
        description: "One request in twenty for {{ $labels.endpoint }} ({{ $labels.job }}) takes longer than \
                      {{ $value | humanizeDuration }}, which is above what is normal there."
            .to_owned(),
        // Half above 0.25 s: the 95th percentile is nine tenths of the way from there to 0.5 s.
        fires: vec![
            case("half of the requests take longer than the threshold, which is no bound", 50)
                .alerts(&[("job", "app"), ("endpoint", "/reports")], "475ms"),
            beyond,
        ],
        quiet: vec![case("1 % of them do", 1)],
    }
}

fn anomaly_detected() -> Alert {
    let series = "anomaly_detection_triggered_total";
    let spike = r#"endpoint="/reports",reason="error_rate_spike""#;
    Alert {
        name: "MonitorAnomaly".to_owned(),
        expression: format!("job_endpoint_reason:anomalies:increase5m{{reason!~\"{COUNTED_EACH}\"}}"),
        hold: "0m",
        severity: Severity::Ticket,
        labels: Vec::new(),
        summary: "Anomaly at {{ $labels.endpoint }}: {{ $labels.reason }}".to_owned(),
        description:
            "{{ $labels.endpoint }} ({{ $labels.job }}) behaves unlike itself: {{ $labels.reason }}. Single slow \
                      or failed calls are not meant: those are alerted on by their share."
                .to_owned(),
        // The first ever: its series begins with it.
        fires: vec![
            Case::new("the first of its kind", "6m")
                .series(series, spike, "_x5 1x10")
                .alerts(&[("job", "app"), ("endpoint", "/reports"), ("reason", "error_rate_spike")], ""),
        ],
        quiet: vec![Case::new("one long ago, and single errors now", "20m").series(series, spike, "0x3 1x30").series(
            series,
            r#"endpoint="/reports",reason="server_error""#,
            "0+1x30",
        )],
    }
}

/// By the gauge that the detector keeps, which is over its own recent window.
fn error_threshold(rules: &Rules, watched: &Watched) -> Option<Alert> {
    let legal = |share: &f64| *share > 0.0 && *share <= 1.0;
    let limit = watched.error_threshold.filter(legal).filter(|_| rules.has("api_error_rate"))?;
    let name = &watched.name;
    let matcher = matcher("endpoint", name);
    let percent = |share: f64| format!("{} %", short(share * 100.0));
    // More than all calls cannot fail, so a limit of all is reached, not passed.
    let (compared, much, little) = match limit {
        1.0 => (">= 1".to_owned(), 1.0, 0.99),
        limit if limit < 0.1 => (format!("> {limit}"), rounded((limit * 10.0).max(0.001)), limit),
        limit => (format!("> {limit}"), rounded((1.0 + limit) / 2.0), limit),
    };
    let allowed = if limit == 1.0 { "less than 100 %".to_owned() } else { percent(limit) };
    Some(Alert {
        name: format!("MonitorErrors_{}", identifier(name)),
        expression: format!("max by (job, endpoint) (api_error_rate{{{matcher}}}) {compared}"),
        hold: "1m",
        severity: Severity::Page,
        labels: Vec::new(),
        summary: "Errors in {{ $labels.endpoint }}".to_owned(),
        description: format!(
            "{{{{ $value | humanizePercentage }}}} of the calls of {{{{ $labels.endpoint }}}} ({{{{ $labels.job }}}}) failed; \
             the code allows {allowed}.",
        ),
        fires: vec![
            Case::new(format!("{} of calls fail", percent(much)), "5m")
                .series("api_error_rate", &matcher, format!("{much}x10"))
                .alerts(&[("job", "app"), ("endpoint", name)], format!("{}%", significant(much * 100.0))),
        ],
        quiet: vec![Case::new(format!("{} of calls fail", percent(little)), "5m").series(
            "api_error_rate",
            &matcher,
            format!("{little}x10"),
        )],
    })
}

/// A paid operation has a histogram of its own; of other names the slow calls are counted by the detector.
fn latency_threshold(rules: &Rules, watched: &Watched) -> Option<Alert> {
    let threshold = watched.latency_threshold.filter(|seconds| *seconds > 0.0 && seconds.is_finite())?;
    let name = &watched.name;
    let histogram = "credit_operation_latency_seconds";
    if rules.facts.operations.iter().any(|operation| operation == name)
        && let Some(bound) = bound_for(threshold, rules.facts.bounds(histogram))
    {
        return Some(slow_operation(name, threshold, bound, histogram));
    }
    if !rules.has("anomaly_detection_triggered_total") {
        return None;
    }
    let series = "anomaly_detection_triggered_total";
    let slow = format!("{},reason=\"high_latency\"", matcher("endpoint", name));
    Some(Alert {
        name: format!("MonitorSlow_{}", identifier(name)),
        expression: format!("sum by (job, endpoint) (\n{}\n) >= 3", risen(&format!("{series}{{{slow}}}"), "5m")),
        hold: "0m",
        severity: Severity::Ticket,
        labels: Vec::new(),
        summary: "{{ $labels.endpoint }} is slow".to_owned(),
        description: format!(
            "Three calls or more of {{{{ $labels.endpoint }}}} ({{{{ $labels.job }}}}) took longer than {threshold} s in the \
             last 5 minutes."
        ),
        fires: vec![
            Case::new("a slow call every minute", "10m")
                .series(series, &slow, "0+1x15")
                .alerts(&[("job", "app"), ("endpoint", name)], ""),
            Case::new("the first three come between two scrapes", "7m")
                .series(series, &slow, "_x5 3x10")
                .alerts(&[("job", "app"), ("endpoint", name)], ""),
        ],
        quiet: vec![
            Case::new("one slow call", "10m").series(series, &slow, "0x7 1x10"),
            Case::new("many long ago, and Prometheus was away since", "42m").series(series, &slow, "9x3 _x36 9x9"),
        ],
    })
}

fn slow_operation(name: &str, threshold: f64, bound: f64, histogram: &str) -> Alert {
    let operation = matcher("operation", name);
    let case = |what, slow: u32| {
        let bucket = format!("{histogram}_bucket");
        Case::new(what, "12m")
            .series(&bucket, &format!("{operation},le=\"{bound:?}\""), format!("0+{}x20", 1000 - slow))
            .series(&bucket, &format!("{operation},le=\"+Inf\""), "0+1000x20")
            .series(&format!("{histogram}_count"), &operation, "0+1000x20")
    };
    // As `risen`, but with the zeros: a share of no fast calls is one.
    let calls = |counter: &str| {
        format!("  {counter} unless last_over_time({counter}[1d] offset 5m)\n  or\n  increase({counter}[5m])")
    };
    // A threshold that is no bound of the histogram could not be counted at all.
    let counted =
        if bound == threshold { String::new() } else { format!(" (counted from {bound} s, its nearest bucket)") };
    Alert {
        name: format!("MonitorSlow_{}", identifier(name)),
        expression: format!(
            "1 - sum by (job, operation) (\n{}\n)\n/ sum by (job, operation) (\n{}\n)\n> {SLOW_CALLS}",
            calls(&format!("{histogram}_bucket{{{operation},le=\"{bound:?}\"}}")),
            calls(&format!("{histogram}_count{{{operation}}}"))
        ),
        hold: "2m",
        severity: Severity::Ticket,
        labels: Vec::new(),
        summary: "{{ $labels.operation }} is slow".to_owned(),
        description: format!(
            "{{{{ $value | humanizePercentage }}}} of the calls of {{{{ $labels.operation }}}} ({{{{ $labels.job }}}}) took \
             longer than {threshold} s{counted} in the last 5 minutes."
        ),
        fires: vec![
            case("10 % of calls are slower", 100).alerts(&[("job", "app"), ("operation", name)], "10%"),
            Case::new("the first calls ever are slow and come between two scrapes", "10m")
                .series(&format!("{histogram}_bucket"), &format!("{operation},le=\"{bound:?}\""), "_x6 15x20")
                .series(&format!("{histogram}_bucket"), &format!("{operation},le=\"+Inf\""), "_x6 20x20")
                .series(&format!("{histogram}_count"), &operation, "_x6 20x20")
                .alerts(&[("job", "app"), ("operation", name)], "25%"),
        ],
        quiet: vec![case("1 % of calls are slower", 10)],
    }
}

fn credits_late() -> Alert {
    counter_rises(
        "MonitorCreditsSettleLate",
        "credit_captures_late_total",
        "result",
        "refused",
        Severity::Ticket,
        "Credits are settled late",
        "Captures came after their hold had expired ({{ $labels.result }}, {{ $labels.job }}): paid work takes longer than \
         its hold, or the ledger is slow.",
    )
}

fn credits_lost() -> Alert {
    counter_rises(
        "MonitorCreditsLost",
        "credit_settles_lost_total",
        "",
        "",
        Severity::Page,
        "Work was done and not paid",
        "Settles were lost ({{ $labels.job }}): the hold had expired and the account had too little, or the ledger \
         refused the capture.",
    )
}

fn errors_charged() -> Alert {
    counter_rises(
        "MonitorErrorsCharged",
        "credit_charged_errors_total",
        "operation",
        "report",
        Severity::Ticket,
        "Calls were charged whose requests failed",
        "{{ $labels.operation }} ({{ $labels.job }}) was charged, and its request was answered with 400 or above. If the \
         call is a step that may be paid although the request fails, this is expected; if not, find what answers \
         otherwise after the call.",
    )
}

fn ledger_damaged() -> Alert {
    counter_rises(
        "MonitorLedgerDamaged",
        "credit_violations_total",
        "",
        "",
        Severity::Page,
        "The ledger disagrees with itself",
        "Accounts disagree with the journal or with their holds ({{ $labels.job }}); stop granting and read the journal.",
    )
}

fn cardinality_overflow() -> Alert {
    counter_rises(
        "MonitorCardinalityOverflow",
        "monitor_overflowed_total",
        "family",
        "api_requests_total",
        Severity::Ticket,
        "A family of metrics is full",
        "{{ $labels.family }} ({{ $labels.job }}) or a label of it is at its limit; what is new is counted under \
         _overflow. Find the label that grows, or raise the limit where the family is declared.",
    )
}

fn cardinality_near_limit() -> Alert {
    let family = r#"family="api_requests_total""#;
    let case = |what, series: u32| {
        Case::new(what, "20m").series("monitor_series", family, format!("{series}x30")).series(
            "monitor_series_limit",
            family,
            "2000x30",
        )
    };
    Alert {
        name: "MonitorCardinalityNearLimit".to_owned(),
        expression: "max by (job, family) (monitor_series / monitor_series_limit) > 0.9".to_owned(),
        hold: "10m",
        severity: Severity::Ticket,
        labels: Vec::new(),
        summary: "{{ $labels.family }} is nearly full".to_owned(),
        description:
            "{{ $labels.family }} ({{ $labels.job }}) has {{ $value | humanizePercentage }} of the series that it \
                      may have."
                .to_owned(),
        fires: vec![
            case("1,900 of 2,000 series", 1900).alerts(&[("job", "app"), ("family", "api_requests_total")], "95%"),
        ],
        quiet: vec![case("1,000 of 2,000 series", 1000)],
    }
}

fn instrumentation_errors() -> Alert {
    counter_rises(
        "MonitorInstrumentationErrors",
        "monitor_instrumentation_errors_total",
        "kind",
        "label_panicked",
        Severity::Ticket,
        "The instrumentation has troubles",
        "Measurements or families could not be handled: {{ $labels.kind }} ({{ $labels.job }}). The service itself is not \
         touched by it.",
    )
}

/// An alert on a counter that should not rise, by one label if `label` is not empty.
fn counter_rises(
    alert: &str,
    counter: &str,
    label: &'static str,
    value: &str,
    severity: Severity,
    summary: &str,
    description: &str,
) -> Alert {
    let by = if label.is_empty() { "job".to_owned() } else { format!("job, {label}") };
    let own = if label.is_empty() { String::new() } else { matcher(label, value) };
    let labels: Vec<(&'static str, &str)> =
        [("job", "app"), (label, value)].into_iter().filter(|(name, _)| !name.is_empty()).collect();
    Alert {
        name: alert.to_owned(),
        expression: format!("sum by ({by}) (\n{}\n) > 0", risen(counter, "10m")),
        hold: "0m",
        severity,
        labels: Vec::new(),
        summary: summary.to_owned(),
        description: description.to_owned(),
        fires: [
            ("it rises by one", "6m", "0x4 1x20"),
            ("its series begins with the first event", "6m", "_x4 1x20"),
            ("the first page that is scraped has it", "1m", "1x20"),
            ("it rises while nothing is scraped", "42m", "3x3 _x36 4x9"),
            ("the service restarts while nothing is scraped", "42m", "3x3 _x36 1x9"),
            ("the service restarts", "6m", "3x4 1x20"),
        ]
        .map(|(what, at, values)| Case::new(what, at).series(counter, &own, values).alerts(&labels, ""))
        .into(),
        quiet: [
            ("it rose long ago and has not since", "30m", "0x4 1x40"),
            ("its series began long ago and has not risen since", "30m", "_x4 1x40"),
            ("it does not rise while nothing is scraped", "42m", "3x3 _x36 3x9"),
            ("the service restarts without an event", "6m", "3x4 0x20"),
        ]
        .map(|(what, at, values)| Case::new(what, at).series(counter, &own, values))
        .into(),
    }
}

/// The most characters of a name that an alert's name has.
const IDENTIFIER_MAX: usize = 48;

/// A name as a part of an alert's name: itself, if it can be that; else what is left of it and a hash of the whole, so
/// that two names are two alerts, and each keeps its alert's name whatever other names there are.
fn identifier(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(fits) && (1..=IDENTIFIER_MAX).contains(&name.len()) {
        return name.to_owned();
    }
    let mut left = String::new();
    for c in name.chars().map(|c| if fits(c) { c } else { '_' }) {
        if c != '_' || !left.ends_with('_') {
            left.push(c);
        }
    }
    let left = left.trim_matches('_');
    let left = left[..left.len().min(IDENTIFIER_MAX)].trim_end_matches('_');
    let hash = fnv(name);
    if left.is_empty() { format!("{hash:08x}") } else { format!("{left}_{hash:08x}") }
}

/// FNV-1a: the same in every version of the toolkit, since rules are kept and compared.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A number for a reader; tiny ones by their power of ten.
fn short(value: f64) -> String {
    if value < 1e-6 { format!("{value:e}") } else { rounded(value).to_string() }
}

/// Without the last digits, which are of the binary and of nobody's interest.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// As `humanizePercentage` writes a number: four significant digits.
fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_are_two_identifiers_of_letters_digits_and_underscores() {
        assert_eq!(identifier("charging_2"), "charging_2");
        let names = [
            "/reports",
            "reports",
            "a b",
            "a-b",
            "a_b",
            "\u{43e}\u{43f}\u{43b}\u{430}\u{442}\u{430}",
            "\u{5145}\u{503c}",
            "\u{9000}\u{6b3e}",
            "\u{1f4b3}",
            "\u{1f4b0}",
            "__",
            "x\u{200f}",
            "x",
            "",
        ];
        let long = ["x".repeat(128), "x".repeat(127)];
        let all: Vec<String> = names.into_iter().chain(long.iter().map(String::as_str)).map(identifier).collect();
        for text in &all {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(!text.is_empty() && text.len() <= 60 && text.chars().all(fits), "{text}");
        }
        let different: BTreeSet<&String> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
    }

    #[test]
    fn a_name_that_looks_like_a_template_is_filled_in_as_it_is() {
        let labels = [("endpoint", "{{ $value }} {{ $labels.job }}".to_owned()), ("job", "app".to_owned())];
        let filled =
            filled("{{ $labels.endpoint }}: {{ $value | humanizePercentage }} of {{ $labels.job }}", &labels, "5%");
        assert_eq!(filled, "{{ $value }} {{ $labels.job }}: 5% of app");
    }
}
