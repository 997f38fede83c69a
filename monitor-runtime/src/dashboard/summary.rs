//! The numbers as one JSON object: what `/monitoring/api-metrics` answers, and what the page is told every interval.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::buckets::Quantiles;
use super::reading::Endpoint;
use super::record::{Found, History, Moment, Record, Span, rounded, share};

/// Counted up when a reader of an older summary could be misled by a newer one. New fields alone do not mislead.
const SCHEMA: u32 = 1;
/// How many endpoints are listed, the busiest first.
const ENDPOINTS: usize = 200;
/// From which share of errors on an endpoint is said to fail.
const FAILING: f64 = 0.05;

/// The numbers of a service now. The manual of the JSON is at `actix::api_metrics`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary<'a> {
    schema: u32,
    at: f64,
    window_seconds: f64,
    requests: Requests,
    latency_seconds: Quantiles,
    error_rate: Option<f64>,
    active_users: &'a BTreeMap<Arc<str>, f64>,
    sessions_total: u64,
    credits: Credits<'a>,
    anomalies: Anomalies<'a>,
    endpoints: Vec<Line<'a>>,
    endpoints_left_out: usize,
    health: Health<'a>,
}

#[derive(Debug, Serialize)]
struct Requests {
    total: u64,
    per_second: f64,
    refused_per_second: f64,
    errors_per_second: f64,
    in_flight: f64,
}

#[derive(Debug, Serialize)]
struct Credits<'a> {
    used_total: f64,
    used_per_second: f64,
    held: Option<f64>,
    by_operation: BTreeMap<&'a str, Used>,
}

#[derive(Debug, Serialize)]
struct Used {
    total: f64,
    per_second: f64,
}

#[derive(Debug, Serialize)]
struct Anomalies<'a> {
    total: u64,
    by_reason: BTreeMap<&'a str, u64>,
    /// The newest first.
    recent: Vec<&'a Found>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    endpoint: &'a str,
    state: State,
    requests_total: u64,
    requests_per_second: f64,
    /// Over the last ten seconds: what its sparkline shows.
    requests_per_second_now: f64,
    error_rate: Option<f64>,
    latency_seconds: Quantiles,
    threshold_seconds: Option<f64>,
}

/// How an endpoint did in the window; the worst that is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// An anomaly was found.
    Anomalous,
    /// 5 % of requests or more were errors.
    Failing,
    /// The 95th percentile lies above the threshold.
    Slow,
    Ok,
    /// There was no request.
    Idle,
}

#[derive(Debug, Serialize)]
struct Health<'a> {
    instrumentation_errors: &'a BTreeMap<Arc<str>, f64>,
    scrapes: &'a BTreeMap<Arc<str>, f64>,
    families: usize,
    series: f64,
    overflowed: f64,
    fullest: Option<Fullest<'a>>,
}

#[derive(Debug, Serialize)]
struct Fullest<'a> {
    family: &'a str,
    series: f64,
    limit: f64,
}

/// What a viewer is told when it comes: everything.
#[derive(Serialize)]
pub(crate) struct Everything<'a> {
    interval_seconds: f64,
    history: History<'a>,
    summary: Option<Summary<'a>>,
}

/// What a viewer is told every interval.
#[derive(Serialize)]
pub(crate) struct News<'a> {
    moment: &'a Moment,
    summary: Summary<'a>,
}

impl<'a> Everything<'a> {
    pub(crate) fn of(record: &'a Record, interval_seconds: f64) -> Everything<'a> {
        Everything { interval_seconds, history: record.history(), summary: Summary::of(record) }
    }
}

impl<'a> News<'a> {
    /// None before the first reading.
    pub(crate) fn of(record: &'a Record) -> Option<News<'a>> {
        Some(News { moment: record.newest()?, summary: Summary::of(record)? })
    }
}

impl<'a> Summary<'a> {
    /// None before the first reading.
    pub(crate) fn of(record: &'a Record) -> Option<Summary<'a>> {
        let span = record.window()?;
        let glance = record.span(10.0)?;
        let newest = record.newest()?;
        let totals = span.totals();
        let mut lines: Vec<Line<'a>> =
            span.now.endpoints.iter().map(|(name, endpoint)| line(&span, &glance, name, endpoint)).collect();
        lines.sort_by(|a, b| {
            b.requests_per_second.total_cmp(&a.requests_per_second).then_with(|| a.endpoint.cmp(b.endpoint))
        });
        let endpoints_left_out = lines.len().saturating_sub(ENDPOINTS);
        lines.truncate(ENDPOINTS);
        Some(Summary {
            schema: SCHEMA,
            at: newest.at(),
            window_seconds: rounded(span.seconds),
            requests: Requests {
                total: span.now.endpoints.values().map(|endpoint| endpoint.requests).sum::<f64>() as u64,
                per_second: rounded(span.rate(totals.requests, 0.0)),
                refused_per_second: rounded(span.rate(totals.refused, 0.0)),
                errors_per_second: rounded(span.rate(totals.errors, 0.0)),
                in_flight: span.now.in_flight,
            },
            latency_seconds: totals.latency.quantiles().rounded(),
            error_rate: share(totals.errors, totals.requests),
            active_users: &span.now.active_users,
            sessions_total: span.now.sessions as u64,
            credits: credits(&span),
            anomalies: Anomalies {
                total: span.now.anomalies.values().sum::<f64>() as u64,
                by_reason: by_reason(&span),
                recent: record.feed.iter().collect(),
            },
            endpoints: lines,
            endpoints_left_out,
            health: Health {
                instrumentation_errors: &span.now.health.instrumentation_errors,
                scrapes: &span.now.health.scrapes,
                families: span.now.health.families,
                series: span.now.health.series,
                overflowed: span.now.health.overflowed,
                fullest: span.now.health.fullest.as_ref().map(|(family, series, limit)| Fullest {
                    family,
                    series: *series,
                    limit: *limit,
                }),
            },
        })
    }
}

fn line<'a>(span: &Span<'a>, glance: &Span<'a>, name: &'a str, endpoint: &'a Endpoint) -> Line<'a> {
    let added = span.added(name, endpoint);
    let latency = added.latency.quantiles();
    let error_rate = share(added.errors, added.requests);
    let anomalies = |of: &super::reading::Reading| -> f64 {
        let its = of.anomalies.iter().filter(|((endpoint, _), _)| **endpoint == *name);
        its.map(|(_, total)| total).sum()
    };
    let anomalous = span.before.is_some_and(|before| anomalies(span.now) > anomalies(before));
    let state = if anomalous {
        State::Anomalous
    } else if added.requests == 0.0 {
        State::Idle
    } else if error_rate.is_some_and(|rate| rate >= FAILING) {
        State::Failing
    } else if latency.p95.zip(endpoint.threshold).is_some_and(|(p95, threshold)| p95 > threshold) {
        State::Slow
    } else {
        State::Ok
    };
    Line {
        endpoint: name,
        state,
        requests_total: endpoint.requests as u64,
        requests_per_second: rounded(span.rate(added.requests, 0.0)),
        requests_per_second_now: rounded(glance.rate(glance.added(name, endpoint).requests, 0.0)),
        error_rate,
        latency_seconds: latency.rounded(),
        threshold_seconds: endpoint.threshold.map(rounded),
    }
}

fn credits<'a>(span: &Span<'a>) -> Credits<'a> {
    let before = |operation: &Arc<str>, now: f64| match span.before {
        Some(before) => before.credits.get(operation).copied().unwrap_or(0.0),
        None => now,
    };
    let mut credits =
        Credits { used_total: 0.0, used_per_second: 0.0, held: span.now.credits_held, by_operation: BTreeMap::new() };
    for (operation, total) in &span.now.credits {
        let per_second = span.rate(*total, before(operation, *total));
        credits.used_total += total;
        credits.used_per_second += per_second;
        credits.by_operation.insert(operation, Used { total: *total, per_second: rounded(per_second) });
    }
    credits.used_per_second = rounded(credits.used_per_second);
    credits
}

fn by_reason<'a>(span: &Span<'a>) -> BTreeMap<&'a str, u64> {
    let mut reasons = BTreeMap::new();
    for ((_, reason), total) in &span.now.anomalies {
        *reasons.entry(&**reason).or_default() += *total as u64;
    }
    reasons
}
