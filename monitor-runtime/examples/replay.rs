//! Replays a log through the detector as it is, with its defaults.
//!
//! `replay < log` reads `unix_ts_ms endpoint status latency_ms` lines and prints `unix_ts_ms endpoint reason` when an
//! episode starts and once a minute while it lasts; the reason is `latency`, `error` or `traffic`.
//!
//! `replay --format kpi < series` reads `unix_ts,value` lines, a value a minute or so, and prints a score for each.

use std::collections::HashMap;
use std::io::{BufRead, BufWriter, Write};

use monitor_runtime::anomaly::{Detector, Kind, Limits, Observed, Reason, Series, Verdict};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut log, mut out) = (std::io::stdin().lock(), BufWriter::new(std::io::stdout().lock()));
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["--format", "requests"] => requests(&mut log, &mut out),
        ["--format", "kpi"] => values(&mut log, &mut out),
        other => {
            Err(format!("`replay [--format requests|kpi]` reads its standard input; it knows no {other:?}").into())
        }
    }
}

/// How often the endpoints without requests are told the time, in milliseconds of the log.
const TICK: u64 = 5_000;

fn requests(log: &mut impl BufRead, out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    let (mut numbers, mut names) = (HashMap::<String, usize>::new(), Vec::<String>::new());
    let mut detectors: Vec<Detector> = Vec::new();
    let (mut line, mut verdicts, mut ticked, mut number_of_line) = (String::new(), Vec::new(), 0, 0_u64);
    while log.read_line(&mut line)? > 0 {
        number_of_line += 1;
        let (at, endpoint, observed, latency) = parse(&line)
            .ok_or_else(|| format!("line {number_of_line} is not `unix_ts_ms endpoint status latency_ms`"))?;
        let endpoint = match numbers.get(endpoint) {
            Some(&number) => number,
            None => {
                numbers.insert(endpoint.to_owned(), names.len());
                names.push(endpoint.to_owned());
                detectors.push(Detector::new(Limits::NONE));
                names.len() - 1
            }
        };
        if at / TICK > ticked {
            ticked = at / TICK;
            for (detector, name) in detectors.iter_mut().zip(&names) {
                detector.tick(at, &mut verdicts);
                tell(&mut verdicts, name, out)?;
            }
        }
        detectors[endpoint].observe(at, latency / 1_000.0, observed, &mut verdicts);
        tell(&mut verdicts, &names[endpoint], out)?;
        line.clear();
    }
    Ok(out.flush()?)
}

fn values(log: &mut impl BufRead, out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    let mut series = Series::new();
    for (number, line) in log.lines().enumerate() {
        let line = line?;
        let parsed = line
            .split_once(',')
            .and_then(|(at, value)| Some((at.trim().parse::<f64>().ok()? as u64, value.trim().parse::<f64>().ok()?)));
        let (at, value) = parsed.ok_or_else(|| format!("line {} is not `unix_ts,value`", number + 1))?;
        writeln!(out, "{:.6}", series.score(at, value))?;
    }
    Ok(out.flush()?)
}

fn parse(line: &str) -> Option<(u64, &str, Observed, f64)> {
    let mut words = line.split_ascii_whitespace();
    let (at, endpoint, status, latency) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let observed = match status.parse::<u16>().ok()? {
        400..=499 => Observed::Refused,
        500..=599 => Observed::ServerError,
        _ => Observed::Success,
    };
    Some((at.parse().ok()?, endpoint, observed, latency.parse().ok()?))
}

fn tell(verdicts: &mut Vec<Verdict>, endpoint: &str, out: &mut impl Write) -> std::io::Result<()> {
    for verdict in verdicts.drain(..).filter(|verdict| verdict.kind != Kind::Ended) {
        let reason = match verdict.reason {
            Reason::LatencyShift => "latency",
            Reason::ErrorRateSpike => "error",
            Reason::TrafficSpike | Reason::TrafficDrop => "traffic",
            _ => continue,
        };
        writeln!(out, "{} {endpoint} {reason}", verdict.at)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(log: &str) -> Result<String, String> {
        let mut out = Vec::new();
        requests(&mut log.as_bytes(), &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).expect("text"))
    }

    /// A request a second, of which those fail that the user says.
    fn log(seconds: u64, fails: impl Fn(u64) -> bool) -> String {
        let line = |second| {
            let status = if fails(second) { 503 } else { 200 };
            format!("{} /items/{{id}} {status} {}\n", 1_767_571_200_000 + second * 1_000, 20 + second % 7)
        };
        (0..seconds).map(line).collect()
    }

    #[test]
    fn an_episode_is_printed_when_it_starts_and_once_a_minute() {
        assert_eq!(
            told(&log(7_200, |second| second % 300 == 0)).expect("a log"),
            "",
            "single failures are no episodes"
        );
        let told = told(&log(7_200, |second| second % 300 == 0 || (3_600..4_200).contains(&second))).expect("a log");
        let times: Vec<u64> = told
            .lines()
            .map(|line| {
                let at = line.strip_suffix(" /items/{id} error").unwrap_or_else(|| panic!("{line}"));
                at.parse::<u64>().expect("milliseconds") / 1_000 - 1_767_571_200
            })
            .collect();
        assert!(times.len() >= 10, "ten minutes: {times:?}");
        assert!((3_600..3_660).contains(&times[0]), "{times:?}");
        assert!(times.windows(2).all(|two| two[1] - two[0] <= 60), "{times:?}");
    }

    #[test]
    fn what_is_no_log_is_told_by_its_line() {
        let wrong = told("1767571200000 / 200 20\n1767571201000 / fine 20\n").expect_err("no status");
        assert_eq!(wrong, "line 2 is not `unix_ts_ms endpoint status latency_ms`");
    }

    #[test]
    fn a_series_has_a_score_for_each_line() {
        let series: String = (0..500).map(|minute| format!("{},{}\n", 60 * minute, minute % 10)).collect();
        let mut out = Vec::new();
        values(&mut (series + "30000,900\n").as_bytes(), &mut out).expect("a series");
        let scores: Vec<f64> =
            String::from_utf8(out).expect("text").lines().map(|line| line.parse().expect("a number")).collect();
        assert_eq!(scores.len(), 501);
        assert!(scores[400..500].iter().all(|score| *score < scores[500]), "{}", scores[500]);
    }
}
