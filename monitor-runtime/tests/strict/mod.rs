//! A strict reader of each format, written from the specifications and not from the encoder: whatever it takes, a
//! scraper takes. Everything that is only recommended is demanded.

pub(crate) mod open_metrics;
pub(crate) mod text;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Labels = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// In milliseconds.
    pub(crate) timestamp: Option<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) samples: Vec<Sample>,
}

/// All samples as comparable text, sorted.
pub(crate) fn samples(families: &[Family]) -> Vec<String> {
    let line = |s: &Sample| format!("{} {:?} {:?} {:?}", s.name, s.labels, s.value, s.timestamp);
    let mut all: Vec<String> = families.iter().flat_map(|f| &f.samples).map(line).collect();
    all.sort();
    all
}

/// The value of one sample.
pub(crate) fn value(families: &[Family], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: Labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    families.iter().flat_map(|f| &f.samples).find(|s| s.name == name && s.labels == labels).map(|s| s.value)
}

fn is_name(text: &str, colon: bool) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || colon && b == b':')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || colon && b == b':')
}

/// Unescapes what both formats allow in a label value, and OpenMetrics in help.
fn unescape(text: &str, quotes: bool) -> Result<String, String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\\') => out.push('\\'),
                Some('n') => out.push('\n'),
                Some('"') if quotes => out.push('"'),
                other => return Err(format!("no such escape: \\{other:?} in {text:?}")),
            },
            '"' if quotes => return Err(format!("bare quotation mark in {text:?}")),
            // More than the specifications ask: each of these ends a line or a page for some reader.
            c if c.is_control() => return Err(format!("control character in {text:?}")),
            c => out.push(c),
        }
    }
    Ok(out)
}

/// `name{labels} value[ timestamp]` -> name, labels, value, timestamp.
fn parts(line: &str) -> Result<(&str, Labels, &str, Option<&str>), String> {
    let end = line.find(['{', ' ']).ok_or_else(|| format!("no value: {line:?}"))?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name, true) {
        return Err(format!("no name: {line:?}"));
    }
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").ok_or_else(|| format!("no label: {line:?}"))?;
            if !is_name(label, false) || label.starts_with("__") {
                return Err(format!("no label name: {label:?}"));
            }
            let mut escaped = false;
            let end = after.find(|c: char| {
                let end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                end
            });
            let end = end.ok_or_else(|| format!("unclosed value: {line:?}"))?;
            if labels.insert(label.to_owned(), unescape(&after[..end], true)?).is_some() {
                return Err(format!("label twice: {line:?}"));
            }
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').ok_or_else(|| format!("unclosed labels: {line:?}"))?;
    }
    let mut numbers = rest.strip_prefix(' ').ok_or_else(|| format!("no space before the value: {line:?}"))?.split(' ');
    let value = numbers.next().unwrap_or_default();
    let timestamp = numbers.next();
    if numbers.next().is_some() {
        return Err(format!("too much: {line:?}"));
    }
    Ok((name, labels, value, timestamp))
}

/// `[sign] digits [. digits] [e sign digits]`, or one of the three words.
fn number(text: &str) -> Result<f64, String> {
    match text {
        "NaN" => return Ok(f64::NAN),
        "+Inf" => return Ok(f64::INFINITY),
        "-Inf" => return Ok(f64::NEG_INFINITY),
        _ => {}
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "+0"));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || !exponent.strip_prefix(['+', '-']).is_some_and(digits) {
        return Err(format!("no number: {text:?}"));
    }
    text.parse().map_err(|_| format!("no number: {text:?}"))
}

/// A number of things that happened.
fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("no count: {text:?}"))
}

/// What both formats ask of the samples of one family.
fn check(family: &Family, series_labels: &[&str]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let mut groups: Vec<Labels> = Vec::new();
    for sample in &family.samples {
        if !seen.insert((&sample.name, &sample.labels)) {
            return Err(format!("twice: {sample:?}"));
        }
        let mut group = sample.labels.clone();
        group.retain(|name, _| !series_labels.contains(&name.as_str()));
        if groups.last() != Some(&group) {
            if groups.contains(&group) {
                return Err(format!("not together: {sample:?}"));
            }
            groups.push(group);
        }
    }
    Ok(())
}

/// What a histogram is, in either format; `strict` where sum and count must be there.
fn check_histogram(family: &Family) -> Result<(), String> {
    let mut by_series: BTreeMap<Labels, Vec<&Sample>> = BTreeMap::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.remove("le");
        by_series.entry(labels).or_default().push(sample);
    }
    for (labels, samples) in by_series {
        let of = |suffix: &str| {
            samples.iter().filter(|s| s.name == format!("{}{suffix}", family.name)).copied().collect::<Vec<_>>()
        };
        let buckets = of("_bucket");
        let mut last = (f64::NAN, 0.0);
        for bucket in &buckets {
            let le = bucket.labels.get("le").ok_or_else(|| format!("no le: {bucket:?}"))?;
            if !le.contains(['.', 'e']) && !le.ends_with("Inf") {
                return Err(format!("le is no float: {bucket:?}"));
            }
            let bound = number(le)?;
            if bound <= last.0 || bound.is_nan() || bucket.value < last.1 {
                return Err(format!("buckets that do not rise: {buckets:?}"));
            }
            last = (bound, bucket.value);
        }
        let (sums, counts) = (of("_sum"), of("_count"));
        if last.0 != f64::INFINITY
            || sums.len() != 1
            || counts.len() != 1
            || counts[0].value.to_bits() != last.1.to_bits()
        {
            return Err(format!("{}{labels:?} is no histogram: {samples:?}", family.name));
        }
    }
    Ok(())
}
