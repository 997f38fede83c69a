//! Reads one number back, for tests: the same families and series as the page, without its text.

use prometheus::Registry;

use crate::exposition::{
    escape::says,
    page::{Family, Page},
    sample::{Point, Series},
};

/// The value of one sample of the default registry, by the name and the labels that it has on the page, the labels in
/// any order. None where the page has no such sample.
///
/// A histogram `x` has the samples `x_bucket` (with the label `le`), `x_sum` and `x_count`.
///
/// ```
/// use monitor_runtime::{prometheus, sample_value};
///
/// let logins = prometheus::register_int_counter!("logins_total", "Logins").unwrap();
/// logins.inc_by(3);
/// assert_eq!(sample_value("logins_total", &[]), Some(3.0));
/// assert_eq!(sample_value("logins_total", &[("method", "password")]), None);
/// ```
#[must_use]
pub fn sample_value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    sample_value_in(prometheus::default_registry(), name, labels)
}

/// [`sample_value`] in a registry of one's own.
#[must_use]
pub fn sample_value_in(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut page = Page::default();
    page.gather(registry);
    let mut counts = Vec::new();
    let mut value = None;
    // A name belongs to one family, so the first that has it is the one.
    let (family, suffix) = page.families().find_map(|(family, _)| Some((family, suffix(family, name)?)))?;
    let mut look = |series: &Series<'_>| value = value.or_else(|| value_of(series, suffix, labels));
    family.for_each(&mut counts, &mut look);
    value
}

/// What a sample's name adds to its family's; None where it is no sample of this family.
fn suffix<'a>(family: Family<'_>, name: &'a str) -> Option<&'a str> {
    name.strip_prefix(family.name()).filter(|suffix| family.kind().suffixes().contains(suffix))
}

fn value_of(series: &Series<'_>, suffix: &str, labels: &[(&str, &str)]) -> Option<f64> {
    match (&series.point, suffix) {
        (Point::Integer(n), "") => says(series.labels, labels).then(|| float(*n)),
        (Point::Float(value), "") => says(series.labels, labels).then_some(*value),
        (Point::Histogram { bounds, counts, .. }, "_bucket") => {
            let (le, others) = take(labels, "le")?;
            let bucket = bounds.iter().chain([&f64::INFINITY]).position(|bound| *bound == le)?;
            says(series.labels, &others).then(|| counts.get(bucket).copied().map(float))?
        }
        (Point::Histogram { sum, .. } | Point::Summary { sum, .. }, "_sum") => {
            says(series.labels, labels).then_some(*sum)
        }
        (Point::Histogram { counts, .. }, "_count") => {
            says(series.labels, labels).then(|| counts.last().copied().map(float))?
        }
        (Point::Summary { count, .. }, "_count") => says(series.labels, labels).then(|| float(*count)),
        (Point::Summary { quantiles, .. }, "") => {
            let (quantile, others) = take(labels, "quantile")?;
            let (_, value) = quantiles.iter().find(|(q, _)| *q == quantile)?;
            says(series.labels, &others).then_some(*value)
        }
        _ => None,
    }
}

/// The number that one label holds, and the other labels.
fn take<'a>(labels: &[(&'a str, &'a str)], name: &str) -> Option<(f64, Vec<(&'a str, &'a str)>)> {
    let (_, number) = labels.iter().find(|(n, _)| *n == name)?;
    let others = labels.iter().filter(|(n, _)| *n != name).copied().collect();
    Some((number.parse().ok()?, others))
}

/// As a scraper reads it too.
fn float(n: u64) -> f64 {
    n as f64
}
