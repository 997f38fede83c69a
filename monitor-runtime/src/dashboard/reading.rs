//! The totals of a page at one moment, found by the names that the toolkit fixes. A family that is not there reads as
//! nothing: the page shows what a service has.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::buckets::Buckets;
use super::labels::label;
use crate::exposition::page::{Family, Page};
use crate::exposition::sample::{Point, Series};

/// What stood on the page at one moment: counters since the start of the process, gauges as they were.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) endpoints: BTreeMap<Arc<str>, Endpoint>,
    pub(super) in_flight: f64,
    pub(super) active_users: BTreeMap<Arc<str>, f64>,
    pub(super) sessions: f64,
    /// Credits captured, by operation.
    pub(super) credits: BTreeMap<Arc<str>, f64>,
    /// Credits held and not settled yet; None where no family tells.
    pub(super) credits_held: Option<f64>,
    /// By endpoint and reason.
    pub(super) anomalies: BTreeMap<(Arc<str>, Arc<str>), f64>,
    pub(super) health: Health,
}

/// The totals of one endpoint, over its methods.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoint {
    pub(super) requests: f64,
    /// Answered with 4xx.
    pub(super) refused: f64,
    pub(super) errors: f64,
    pub(super) latency: Buckets,
    /// The latency, in seconds, above which a request is abnormal.
    pub(super) threshold: Option<f64>,
}

/// What the toolkit says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    /// By kind.
    pub(super) instrumentation_errors: BTreeMap<Arc<str>, f64>,
    /// By result.
    pub(super) scrapes: BTreeMap<Arc<str>, f64>,
    pub(super) families: usize,
    pub(super) series: f64,
    pub(super) overflowed: f64,
    /// The family nearest to its limit, with its series and the limit.
    pub(super) fullest: Option<(Arc<str>, f64, f64)>,
}

impl Reading {
    /// Reads what `page` has gathered. `known` lends its names, so that they are not made anew each time.
    pub(super) fn of(page: &Page, known: &Reading) -> Reading {
        let mut reading = Reading::default();
        let mut counts = Vec::new();
        let (mut series_of, mut limits_of) = (BTreeMap::new(), BTreeMap::new());
        for (family, _) in page.families() {
            reading.health.families += 1;
            match family.name() {
                "api_requests_total" => each(family, &mut counts, |series, value| {
                    let Some(endpoint) = reading.endpoint(series, known) else { return };
                    endpoint.requests += value;
                    if label(series.labels, "status").is_some_and(|status| status.starts_with('4')) {
                        endpoint.refused += value;
                    }
                }),
                "api_request_errors_total" => each(family, &mut counts, |series, value| {
                    if let Some(endpoint) = reading.endpoint(series, known) {
                        endpoint.errors += value;
                    }
                }),
                "api_request_latency_seconds" => family.for_each(&mut counts, &mut |series: &Series<'_>| {
                    if let Point::Histogram { bounds, counts, .. } = &series.point
                        && let Some(endpoint) = reading.endpoint(series, known)
                    {
                        endpoint.latency.add(bounds, counts);
                    }
                }),
                "api_response_time_threshold" => each(family, &mut counts, |series, value| {
                    if let Some(endpoint) = reading.endpoint(series, known) {
                        endpoint.threshold = value.is_finite().then_some(value);
                    }
                }),
                "api_requests_in_flight" => each(family, &mut counts, |_, value| reading.in_flight += value),
                "active_users" => {
                    by(family, "timeframe", &mut counts, &mut reading.active_users, &known.active_users);
                }
                "user_sessions_total" => each(family, &mut counts, |_, value| reading.sessions += value),
                "credit_usage_total" => {
                    by(family, "operation", &mut counts, &mut reading.credits, &known.credits);
                }
                "credits_held" => each(family, &mut counts, |_, value| {
                    *reading.credits_held.get_or_insert(0.0) += value;
                }),
                "anomaly_detection_triggered_total" => each(family, &mut counts, |series, value| {
                    let (endpoint, reason) = (label(series.labels, "endpoint"), label(series.labels, "reason"));
                    let (Some(endpoint), Some(reason)) = (endpoint, reason) else { return };
                    *reading.anomalies.entry((Arc::from(&*endpoint), Arc::from(&*reason))).or_default() += value;
                }),
                "monitor_instrumentation_errors_total" => {
                    let (into, from) =
                        (&mut reading.health.instrumentation_errors, &known.health.instrumentation_errors);
                    by(family, "kind", &mut counts, into, from);
                }
                "monitor_scrapes_total" => {
                    by(family, "result", &mut counts, &mut reading.health.scrapes, &known.health.scrapes);
                }
                "monitor_overflowed_total" => each(family, &mut counts, |_, value| reading.health.overflowed += value),
                "monitor_series" => {
                    by(family, "family", &mut counts, &mut series_of, &BTreeMap::new());
                }
                "monitor_series_limit" => {
                    by(family, "family", &mut counts, &mut limits_of, &BTreeMap::new());
                }
                _ => {}
            }
        }
        reading.health.series = series_of.values().fold(0.0, |sum, series| sum + series);
        let filled = series_of.into_iter().filter_map(|(name, series)| {
            let limit = limits_of.get(&name).copied().filter(|limit| *limit > 0.0)?;
            Some((name, series, limit))
        });
        reading.health.fullest = filled.max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2)));
        reading
    }

    fn endpoint(&mut self, series: &Series<'_>, known: &Reading) -> Option<&mut Endpoint> {
        let name = label(series.labels, "endpoint")?;
        Some(entry(&mut self.endpoints, &name, &known.endpoints))
    }
}

/// Visits the series of a counter or a gauge.
fn each(family: Family<'_>, counts: &mut Vec<u64>, mut to: impl FnMut(&Series<'_>, f64)) {
    family.for_each(counts, &mut |series: &Series<'_>| match series.point {
        Point::Integer(n) => to(series, n as f64),
        Point::Float(value) => to(series, value),
        Point::Histogram { .. } | Point::Summary { .. } => {}
    });
}

/// Adds up a family by one of its labels.
fn by(
    family: Family<'_>,
    name: &str,
    counts: &mut Vec<u64>,
    into: &mut BTreeMap<Arc<str>, f64>,
    known: &BTreeMap<Arc<str>, f64>,
) {
    each(family, counts, |series, value| {
        *entry(into, &label(series.labels, name).unwrap_or(Cow::Borrowed("")), known) += value;
    });
}

fn entry<'a, T: Default>(into: &'a mut BTreeMap<Arc<str>, T>, name: &str, known: &BTreeMap<Arc<str>, T>) -> &'a mut T {
    if !into.contains_key(name) {
        let name = known.get_key_value(name).map_or_else(|| Arc::from(name), |(name, _)| Arc::clone(name));
        return into.entry(name).or_default();
    }
    into.get_mut(name).expect("it was found just now")
}
