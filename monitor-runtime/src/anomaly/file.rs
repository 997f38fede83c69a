//! Limits in a file of TOML: what is written, checked as a whole; everything wrong is said at once, with its line.

use std::collections::HashMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::endpoint::{Given, Muted};
use super::limits::Limits;
use super::verdict::Reason;

/// Why a file of limits is not taken. What held before holds on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsFileError(pub Vec<LimitsFileMistake>);

/// One thing that is wrong in a file of limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsFileMistake {
    /// The line, from 1; 0 where the file cannot be read.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for LimitsFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, LimitsFileMistake { line, message }) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "line {line}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LimitsFileError {}

const KEYS: &str = "`latency_threshold`, `error_threshold` and `mute`";

/// What the text says of each name; `unknown` says why a name is none.
pub(crate) fn parse(
    text: &str,
    unknown: impl Fn(&str) -> Option<String>,
) -> Result<HashMap<String, Given>, LimitsFileError> {
    let line = |at: usize| 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count();
    let mut mistakes = Vec::new();
    let mut given = HashMap::new();
    let document = match DeTable::parse(text) {
        Ok(document) => document.into_inner(),
        Err(error) => {
            let line = line(error.span().map_or(0, |span| span.start));
            return Err(LimitsFileError(vec![LimitsFileMistake { line, message: error.message().to_owned() }]));
        }
    };
    for (key, value) in &document {
        let mut wrong = |at: usize, message: String| mistakes.push(LimitsFileMistake { line: line(at), message });
        let (DeValue::Table(endpoints), "endpoint") = (value.get_ref(), &**key.get_ref()) else {
            wrong(
                key.span().start,
                format!("`{}`: limits stand in tables such as [endpoint.\"/reports\"]", key.get_ref()),
            );
            continue;
        };
        for (name, limits) in endpoints {
            if let Some(why) = unknown(name.get_ref()) {
                wrong(name.span().start, why);
            }
            match limits.get_ref() {
                DeValue::Table(limits) => {
                    given.insert(name.get_ref().to_string(), endpoint(limits, &mut wrong));
                }
                _ => wrong(name.span().start, format!("`{}` is a table, with the keys {KEYS}", name.get_ref())),
            }
        }
    }
    if mistakes.is_empty() {
        return Ok(given);
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    Err(LimitsFileError(mistakes))
}

fn endpoint(table: &DeTable<'_>, wrong: &mut impl FnMut(usize, String)) -> Given {
    let (mut latency, mut error, mut muted) = (None, None, Muted::NONE);
    for (key, value) in table {
        let at = value.span().start;
        match &**key.get_ref() {
            "latency_threshold" => {
                match seconds(value.get_ref()).filter(|seconds| Limits::new(Some(*seconds), None).is_ok()) {
                    Some(seconds) => latency = Some(seconds),
                    None => wrong(
                        at,
                        "`latency_threshold` is seconds or a duration, over 0 and at most a day: 0.5 or \"500ms\""
                            .to_owned(),
                    ),
                }
            }
            "error_threshold" => {
                match number(value.get_ref()).filter(|share| Limits::new(None, Some(*share)).is_ok()) {
                    Some(share) => error = Some(share),
                    None => wrong(at, "`error_threshold` is a share, over 0 and at most 1: 0.01".to_owned()),
                }
            }
            "mute" => match value.get_ref() {
                DeValue::Array(reasons) => {
                    for reason in reasons.iter() {
                        match reason.get_ref().as_str().and_then(Reason::of_str) {
                            Some(reason) => muted = muted.with(reason),
                            None => wrong(reason.span().start, unknown_reason(reason)),
                        }
                    }
                }
                _ => wrong(at, "`mute` is a list of reasons: [\"traffic_drop\"]".to_owned()),
            },
            key_name => wrong(key.span().start, format!("unknown key `{key_name}`; the keys are {KEYS}")),
        }
    }
    Given { limits: Limits::new(latency, error).unwrap_or_default(), muted }
}

fn unknown_reason(written: &Spanned<DeValue<'_>>) -> String {
    let known: Vec<String> = Reason::ALL.iter().map(|reason| format!("`{}`", reason.as_str())).collect();
    let written = written.get_ref().as_str().unwrap_or("it");
    format!("`{written}` is no reason; they are {}", known.join(", "))
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().replace('_', "").parse().ok(),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().replace('_', "").parse().ok(),
        _ => None,
    }
}

fn seconds(value: &DeValue<'_>) -> Option<f64> {
    let Some(text) = value.as_str() else { return number(value) };
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|char: char| !char.is_ascii_digit() && char != '.')?);
    let unit = match unit.trim_start() {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<HashMap<String, Given>, LimitsFileError> {
        parse(text, |name| (!name.starts_with('/')).then(|| format!("unknown endpoint `{name}`")))
    }

    #[test]
    fn each_endpoint_has_what_is_written() {
        let text = "# ours\n[endpoint.\"/reports\"]\nlatency_threshold = \"500ms\"\nerror_threshold = 0.01\nmute = [\"traffic_drop\", \"panic\"]\n\n[endpoint.\"/x/{id}\"]\nlatency_threshold = 2\n";
        let given = parsed(text).expect("legal");
        let reports = given["/reports"];
        assert_eq!((reports.limits.latency_threshold(), reports.limits.error_threshold()), (Some(0.5), Some(0.01)));
        assert_eq!(reports.muted.reasons().collect::<Vec<_>>(), [Reason::Panic, Reason::TrafficDrop]);
        assert_eq!(given["/x/{id}"].limits.latency_threshold(), Some(2.0));
        assert!(parsed("").expect("nothing is legal").is_empty());
    }

    #[test]
    fn everything_wrong_is_said_with_its_line() {
        let text = "[endpoint.\"/a\"]\nlatency_threshold = -1\nerror_threshold = 1.5\nmute = [\"trafic_drop\"]\n\n[endpoint.b]\nlatency = 3\nlatency_threshold = nan\n[other]\n";
        let error = parsed(text).expect_err("all of it").to_string();
        let lines: Vec<&str> = error.lines().collect();
        let says = [
            "line 2: `latency_threshold` is seconds or a duration, over 0",
            "line 3: `error_threshold` is a share, over 0 and at most 1",
            "line 4: `trafic_drop` is no reason; they are `server_error`",
            "line 6: unknown endpoint `b`",
            "line 7: unknown key `latency`; the keys are",
            "line 8: `latency_threshold`",
            "line 9: `other`",
        ];
        assert_eq!(lines.len(), says.len(), "{error}");
        for (line, says) in lines.iter().zip(says) {
            assert!(line.starts_with(says), "{line} is not {says}");
        }
        assert!(parsed("[endpoint.\"/a\"\n").expect_err("no TOML").to_string().starts_with("line 1: "));
    }
}
