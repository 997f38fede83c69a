//! OpenMetrics, version 1.0.0.

use std::collections::BTreeSet;

use super::{Family, Sample, check, check_histogram, count, is_name, number, parts, unescape};

/// Every name that a family of this type keeps for itself.
fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["", "_total", "_created"],
        "histogram" => &["", "_bucket", "_sum", "_count", "_created"],
        "summary" => &["", "_sum", "_count", "_created"],
        _ => &[""],
    }
}

pub(crate) fn read(page: &str) -> Result<Vec<Family>, String> {
    let mut families: Vec<Family> = Vec::new();
    let body = page.strip_suffix("# EOF\n").ok_or("no # EOF at the end")?;
    for line in body.split_terminator('\n') {
        read_line(&mut families, line)?;
    }
    if !body.is_empty() && !body.ends_with('\n') {
        return Err("# EOF does not stand on a line of its own".into());
    }
    let mut names = BTreeSet::new();
    for family in &families {
        let kind = family.kind.as_deref().ok_or_else(|| format!("{} has no type", family.name))?;
        for suffix in suffixes(kind) {
            if !names.insert(format!("{}{suffix}", family.name)) {
                return Err(format!("{}{suffix} belongs to two families", family.name));
            }
        }
        if family.unit.as_ref().is_some_and(|unit| !family.name.ends_with(&format!("_{unit}"))) {
            return Err(format!("{} does not end in its unit {:?}", family.name, family.unit));
        }
        match kind {
            "histogram" => {
                check(family, &["le"])?;
                check_histogram(family)?;
                // "Sum [..] MUST NOT be exposed" beside a bound below zero, for it would not be like a counter.
                let below = |s: &&Sample| s.labels.get("le").is_some_and(|le| number(le).is_ok_and(|le| le < 0.0));
                if let Some(sample) = family.samples.iter().find(below) {
                    return Err(format!("a bound below zero beside a sum: {sample:?}"));
                }
            }
            "summary" => check(family, &["quantile"])?,
            _ => check(family, &[])?,
        }
    }
    Ok(families)
}

fn read_line(families: &mut Vec<Family>, line: &str) -> Result<(), String> {
    if line.starts_with('#') {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        let ["#", keyword, name, rest] = words[..] else { return Err(format!("no description: {line:?}")) };
        if !is_name(name, true) || rest.is_empty() {
            return Err(format!("no description: {line:?}"));
        }
        if families.last().is_none_or(|f| f.name != name) {
            families.push(Family { name: name.to_owned(), ..Family::default() });
        }
        let Some(family) = families.last_mut().filter(|f| f.samples.is_empty()) else {
            return Err(format!("described after its samples: {line:?}"));
        };
        let old = match keyword {
            "HELP" => family.help.replace(unescape(rest, true)?),
            "TYPE" if ["counter", "gauge", "histogram", "summary", "unknown"].contains(&rest) => {
                family.kind.replace(rest.to_owned())
            }
            "UNIT" if is_name(rest, false) => family.unit.replace(rest.to_owned()),
            _ => return Err(format!("no description: {line:?}")),
        };
        return if old.is_some() { Err(format!("said twice: {line:?}")) } else { Ok(()) };
    }
    let (name, labels, value, timestamp) = parts(line)?;
    let family = families.last_mut().ok_or_else(|| format!("no family: {line:?}"))?;
    let suffix =
        name.strip_prefix(family.name.as_str()).ok_or_else(|| format!("no sample of {}: {line:?}", family.name))?;
    let rising = |text: &str| Some(number(text)?).filter(|v| *v >= 0.0).ok_or_else(|| format!("falls: {line:?}"));
    let value = match (family.kind.as_deref().unwrap_or("unknown"), suffix) {
        ("histogram", "_bucket" | "_count") | ("summary", "_count") => count(value)? as f64,
        ("histogram" | "summary", "_sum") | ("counter", "_total") => rising(value)?,
        ("summary", "") => {
            let quantile = labels.get("quantile").ok_or_else(|| format!("no quantile: {line:?}"))?;
            if !(0.0..=1.0).contains(&number(quantile)?) || !quantile.contains(['.', 'e']) {
                return Err(format!("no quantile: {line:?}"));
            }
            let value = number(value)?;
            if value < 0.0 {
                return Err(format!("a quantile's value below zero: {line:?}"));
            }
            value
        }
        ("gauge" | "unknown", "") => number(value)?,
        _ => return Err(format!("no such sample: {line:?}")),
    };
    let timestamp = timestamp.map(milliseconds).transpose()?;
    family.samples.push(Sample { name: name.to_owned(), labels, value, timestamp });
    Ok(())
}

/// Seconds with three decimals, read without a float so that none is lost.
fn milliseconds(text: &str) -> Result<i64, String> {
    let (seconds, part) = text.split_once('.').ok_or_else(|| format!("no time: {text:?}"))?;
    number(text)?;
    if part.len() != 3 {
        return Err(format!("no time: {text:?}"));
    }
    format!("{seconds}{part}").parse().map_err(|_| format!("no time: {text:?}"))
}
