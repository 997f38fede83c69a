//! What happened, from reading to reading: moments for the plots, and the readings that a summary compares. Bounded:
//! 15 minutes at the default interval.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use super::buckets::{Buckets, Quantiles};
use super::reading::{Endpoint, Reading};
use crate::anomaly::{Anomaly, Reason};
use crate::exposition::page::Page;

/// How many moments are kept: 15 minutes at one every 2 seconds.
const MOMENTS: usize = 450;
/// What the summary looks back on, in seconds: long enough for a percentile to mean something.
const WINDOW_S: f64 = 60.0;
/// What a point of a plot looks back on, in seconds: short enough to see a change at once.
const GLANCE_S: f64 = 10.0;
/// How many points a sparkline has.
const SPARK: usize = 60;
/// How many anomalies are kept for the feed.
const FEED: usize = 50;
/// How many operations are told apart in the plot of credits; the rest are one.
const OPERATIONS: usize = 8;

/// The last quarter of an hour, and what a summary needs.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// With the time since the start of the sampling, in seconds; the newest last.
    readings: VecDeque<(f64, Reading)>,
    moments: VecDeque<Moment>,
    sparks: BTreeMap<Arc<str>, VecDeque<f64>>,
    /// The newest first.
    pub(super) feed: VecDeque<Found>,
}

/// One point of every plot. Rates are by the second, over the last ten.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Moment {
    /// Unix seconds.
    at: f64,
    requests: Option<f64>,
    refused: Option<f64>,
    errors: Option<f64>,
    /// None where there was no request.
    error_rate: Option<f64>,
    latency: Quantiles,
    in_flight: f64,
    active_users: BTreeMap<Arc<str>, f64>,
    credits: BTreeMap<Arc<str>, f64>,
    /// Found since the moment before.
    anomalies: f64,
}

/// An anomaly of the feed: an episode, or abnormal calls of one reason that came close together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Found {
    /// When it was seen last, in Unix seconds.
    pub(crate) at: f64,
    /// When it began.
    pub(crate) since: f64,
    /// When an episode ended; null while it lasts, and for calls.
    pub(crate) until: Option<f64>,
    pub(crate) endpoint: Arc<str>,
    pub(crate) reason: Arc<str>,
    /// Null where only a counter tells.
    pub(crate) severity: Option<&'static str>,
    /// How many calls were abnormal, or how many times the episode was counted.
    pub(crate) count: u64,
    /// What was seen, and what was to be expected, in the unit of the reason; null for a failure, and where only a
    /// counter tells.
    pub(crate) observed: Option<f64>,
    pub(crate) expected: Option<f64>,
}

/// Two readings, and the seconds between them.
pub(super) struct Span<'a> {
    pub(super) now: &'a Reading,
    pub(super) before: Option<&'a Reading>,
    pub(super) seconds: f64,
}

impl Record {
    /// Reads `page` at the time `at` (Unix seconds), which is `elapsed` seconds after the sampling began. `recent` is what
    /// the detector tells of this registry's anomalies, the newest first; where it tells nothing, their counters do.
    pub(crate) fn take(&mut self, page: &Page, at: f64, elapsed: f64, recent: Option<Vec<Anomaly>>) {
        let nothing = Reading::default();
        let last = self.readings.back().map(|(_, reading)| reading);
        let reading = Reading::of(page, last.unwrap_or(&nothing));
        let found = last.map(|last| found_since(last, &reading)).unwrap_or_default();
        // From zero: the sum of no floats is -0.
        let anomalies = found.iter().fold(0.0, |sum, (.., count)| sum + count);
        match recent {
            Some(recent) => self.feed = recent.iter().take(FEED).map(Found::of).collect(),
            None => found.into_iter().for_each(|(endpoint, reason, count)| {
                self.feed.push_front(Found::counted(at, endpoint, reason, count));
            }),
        }
        self.feed.truncate(FEED);

        self.readings.push_back((elapsed, reading));
        while self.readings.get(1).is_some_and(|(second, _)| elapsed - second >= WINDOW_S) {
            self.readings.pop_front();
        }
        if let Some(glance) = self.span(GLANCE_S) {
            let moment = Moment::of(&glance, at, anomalies);
            let rates: Vec<(Arc<str>, f64)> = (glance.now.endpoints.iter())
                .map(|(name, endpoint)| (Arc::clone(name), glance.rate(endpoint.requests, glance.was(name).requests)))
                .collect();
            self.moments.push_back(moment);
            for (name, rate) in rates {
                let spark = self.sparks.entry(name).or_default();
                spark.push_back(rounded(rate));
                spark.drain(..spark.len().saturating_sub(SPARK));
            }
        }
        self.moments.drain(..self.moments.len().saturating_sub(MOMENTS));
    }

    /// The newest reading and the one from `seconds` before, or the oldest there is.
    pub(super) fn span(&self, seconds: f64) -> Option<Span<'_>> {
        let (now, reading) = self.readings.back()?;
        // Half a second of grace: the sampler may wake a little late.
        let old = |(then, _): &&(f64, Reading)| now - then >= seconds - 0.5;
        let before = self.readings.iter().rev().skip(1).find(old).or_else(|| {
            let oldest = self.readings.front();
            oldest.filter(|(then, _)| then < now)
        });
        Some(Span {
            now: reading,
            before: before.map(|(_, before)| before),
            seconds: before.map_or(0.0, |(then, _)| now - then),
        })
    }

    /// What the summary compares.
    pub(super) fn window(&self) -> Option<Span<'_>> {
        self.span(WINDOW_S)
    }

    pub(super) fn newest(&self) -> Option<&Moment> {
        self.moments.back()
    }

    /// What a viewer needs to draw at once.
    pub(crate) fn history(&self) -> History<'_> {
        History { moments: &self.moments, sparks: &self.sparks }
    }
}

/// All moments, and the sparklines by endpoint; the oldest first.
#[derive(Serialize)]
pub(crate) struct History<'a> {
    moments: &'a VecDeque<Moment>,
    sparks: &'a BTreeMap<Arc<str>, VecDeque<f64>>,
}

impl Found {
    fn of(anomaly: &Anomaly) -> Found {
        let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
        let failed = matches!(anomaly.reason, Reason::ServerError | Reason::Exception | Reason::Panic);
        Found {
            at: seconds(anomaly.last),
            since: seconds(anomaly.since),
            until: anomaly.until.map(seconds),
            endpoint: Arc::from(anomaly.endpoint),
            reason: Arc::from(anomaly.reason.as_str()),
            severity: Some(anomaly.severity.as_str()),
            count: anomaly.count,
            observed: (!failed).then(|| rounded(anomaly.observed)),
            expected: (!failed).then(|| rounded(anomaly.expected)),
        }
    }

    fn counted(at: f64, endpoint: Arc<str>, reason: Arc<str>, count: f64) -> Found {
        let count = count as u64;
        Found { at, since: at, until: None, endpoint, reason, severity: None, count, observed: None, expected: None }
    }
}

impl Moment {
    fn of(span: &Span<'_>, at: f64, anomalies: f64) -> Moment {
        let totals = span.totals();
        let rate = |n: f64| span.before.map(|_| rounded(n / span.seconds));
        let mut credits: BTreeMap<Arc<str>, f64> = BTreeMap::new();
        for (n, (operation, total)) in span.now.credits.iter().enumerate() {
            let before = span.before.and_then(|before| before.credits.get(operation)).copied().unwrap_or(0.0);
            let name = if n < OPERATIONS { Arc::clone(operation) } else { Arc::from("others") };
            *credits.entry(name).or_default() += span.rate(*total, before);
        }
        credits.values_mut().for_each(|rate| *rate = rounded(*rate));
        Moment {
            at,
            requests: rate(totals.requests),
            refused: rate(totals.refused),
            errors: rate(totals.errors),
            error_rate: share(totals.errors, totals.requests),
            latency: totals.latency.quantiles().rounded(),
            in_flight: span.now.in_flight,
            active_users: span.now.active_users.clone(),
            credits,
            anomalies,
        }
    }

    pub(super) fn at(&self) -> f64 {
        self.at
    }
}

impl Span<'_> {
    /// By the second; nothing where there is no time between.
    pub(super) fn rate(&self, now: f64, before: f64) -> f64 {
        if self.seconds > 0.0 { (now - before).max(0.0) / self.seconds } else { 0.0 }
    }

    /// What an endpoint added in the span. All it ever had, if it was not there before; nothing, if nothing is known of
    /// before: a total since the start of the process is no news.
    pub(super) fn added(&self, name: &str, now: &Endpoint) -> Endpoint {
        let Some(before) = self.before else {
            return Endpoint { threshold: now.threshold, ..Endpoint::default() };
        };
        let before = before.endpoints.get(name);
        let less = |now: f64, of: fn(&Endpoint) -> f64| (now - before.map_or(0.0, of)).max(0.0);
        Endpoint {
            requests: less(now.requests, |endpoint| endpoint.requests),
            refused: less(now.refused, |endpoint| endpoint.refused),
            errors: less(now.errors, |endpoint| endpoint.errors),
            latency: now.latency.since(before.map(|before| &before.latency)),
            threshold: now.threshold,
        }
    }

    /// What all endpoints added in the span.
    pub(super) fn totals(&self) -> Endpoint {
        let mut totals = Endpoint::default();
        let mut latency = Buckets::default();
        for (name, endpoint) in &self.now.endpoints {
            let added = self.added(name, endpoint);
            totals.requests += added.requests;
            totals.refused += added.refused;
            totals.errors += added.errors;
            latency.add_all(&added.latency);
        }
        totals.latency = latency;
        totals
    }

    /// An endpoint as it was before; as it is, if nothing is known of before.
    fn was(&self, name: &str) -> Endpoint {
        match self.before {
            Some(before) => before.endpoints.get(name).cloned().unwrap_or_default(),
            None => self.now.endpoints.get(name).cloned().unwrap_or_default(),
        }
    }
}

/// The anomalies that one reading has beyond another: endpoint, reason, how many.
fn found_since(last: &Reading, now: &Reading) -> Vec<(Arc<str>, Arc<str>, f64)> {
    let rises = now.anomalies.iter().filter_map(|(key, total)| {
        let risen = total - last.anomalies.get(key).copied().unwrap_or(0.0);
        (risen >= 1.0).then(|| (Arc::clone(&key.0), Arc::clone(&key.1), risen))
    });
    rises.collect()
}

/// A share of 0 to 1; None of nothing.
pub(super) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| rounded(part / whole))
}

impl Quantiles {
    pub(super) fn rounded(self) -> Quantiles {
        Quantiles { p50: self.p50.map(rounded), p95: self.p95.map(rounded), p99: self.p99.map(rounded) }
    }
}

/// To five digits, which is more than buckets know and a plot can show; the rest would be bytes of every message.
pub(super) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(4 - value.abs().log10().floor() as i32);
    if scale.is_finite() { (value * scale).round() / scale } else { value }
}
