//! Prometheus' text format, version 0.0.4.

use super::{Family, Sample, check, check_histogram, count, is_name, number, parts, unescape};

pub(crate) fn read(page: &str) -> Result<Vec<Family>, String> {
    let mut families: Vec<Family> = Vec::new();
    let body = page.strip_suffix('\n').or(Some(page).filter(|p| p.is_empty())).ok_or("the last line does not end")?;
    for line in body.split('\n').filter(|_| !page.is_empty()) {
        read_line(&mut families, line)?;
    }
    for (n, family) in families.iter().enumerate() {
        if families[..n].iter().any(|f| f.name == family.name) {
            return Err(format!("{} stands there twice", family.name));
        }
        match family.kind.as_deref() {
            Some("histogram") => {
                check(family, &["le"])?;
                check_histogram(family)?;
            }
            Some("summary") => check(family, &["quantile"])?,
            _ => check(family, &[])?,
        }
    }
    Ok(families)
}

fn read_line(families: &mut Vec<Family>, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    if let ["#", keyword, name, rest] = words[..] {
        if !is_name(name, true) {
            return Err(format!("no name: {line:?}"));
        }
        if families.last().is_none_or(|f| f.name != name) {
            families.push(Family { name: name.to_owned(), ..Family::default() });
        }
        let Some(family) = families.last_mut().filter(|f| f.samples.is_empty()) else {
            return Err(format!("described after its samples: {line:?}"));
        };
        let old = match keyword {
            "HELP" => family.help.replace(unescape(rest, false)?),
            "TYPE" if ["counter", "gauge", "histogram", "summary", "untyped"].contains(&rest) => {
                family.kind.replace(rest.to_owned())
            }
            _ => return Err(format!("no description: {line:?}")),
        };
        return if old.is_some() { Err(format!("said twice: {line:?}")) } else { Ok(()) };
    }
    let (name, labels, value, timestamp) = parts(line)?;
    let family = families.last_mut().ok_or_else(|| format!("no family: {line:?}"))?;
    let suffix =
        name.strip_prefix(family.name.as_str()).ok_or_else(|| format!("no sample of {}: {line:?}", family.name))?;
    let value = match (family.kind.as_deref().unwrap_or("untyped"), suffix) {
        ("histogram", "_bucket" | "_count") | ("summary", "_count") => count(value)? as f64,
        ("histogram" | "summary", "_sum") => number(value)?,
        ("summary", "") if labels.contains_key("quantile") => number(value)?,
        ("counter", "") => Some(number(value)?).filter(|v| *v >= 0.0).ok_or_else(|| format!("no counter: {line:?}"))?,
        ("gauge" | "untyped", "") => number(value)?,
        _ => return Err(format!("no such sample: {line:?}")),
    };
    let timestamp = timestamp.map(|t| t.parse::<i64>().map_err(|_| format!("no time: {line:?}"))).transpose()?;
    family.samples.push(Sample { name: name.to_owned(), labels, value, timestamp });
    Ok(())
}
