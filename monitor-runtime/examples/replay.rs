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
