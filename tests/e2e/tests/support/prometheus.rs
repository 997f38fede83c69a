//! A real Prometheus on loopback that scrapes one page in both formats, and promtool.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;

use super::{Client, Process, TEXT, eventually};

const INSTALL: &str = "install it: `apt-get install prometheus` (`bash tests/run` does)";

/// Ports are chosen by asking for a free one, which another process may take before Prometheus does.
const STARTS: u32 = 5;

pub(crate) struct Prometheus {
    client: Client,
    // In this order: the process ends before its directory goes.
    _process: Process,
    _directory: TempDir,
}

impl Prometheus {
    /// Scrapes `url` every second by two jobs: `openmetrics`, which is what this Prometheus asks for by itself, and
    /// `text`, which goes through a proxy that asks for the text format.
    pub(crate) fn scraping(url: &str) -> Prometheus {
        let host = url.trim_start_matches("http://");
        let text = text_proxy(Client::of(url));
        Prometheus::with_jobs(&format!(
            "- {{job_name: openmetrics, static_configs: [{{targets: ['{host}']}}]}}\n\
             - {{job_name: text, static_configs: [{{targets: ['{text}']}}]}}\n"
        ))
    }

    /// Scrapes `url` every second by two jobs: `admitted`, which sends this token, and `refused`, which sends none.
    pub(crate) fn scraping_with_token(url: &str, token: &str) -> Prometheus {
        let host = url.trim_start_matches("http://");
        Prometheus::with_jobs(&format!(
            "- {{job_name: admitted, authorization: {{credentials: '{token}'}}, static_configs: [{{targets: ['{host}']}}]}}\n\
             - {{job_name: refused, static_configs: [{{targets: ['{host}']}}]}}\n"
        ))
    }

    /// Scrapes `url` with this token, if any, by two jobs: `patient`, every five seconds, and `pressed`, every second. A
    /// scrape may take as long as the next is off, which is half or a tenth of what Prometheus allows by itself.
    pub(crate) fn scraping_in_two_rhythms(url: &str, token: Option<&str>) -> Prometheus {
        let host = url.trim_start_matches("http://");
        let token = token.map(|token| format!("authorization: {{credentials: '{token}'}}, ")).unwrap_or_default();
        let target = format!("{token}static_configs: [{{targets: ['{host}']}}]");
        Prometheus::with_jobs(&format!(
            "- {{job_name: patient, scrape_interval: 5s, scrape_timeout: 5s, {target}}}\n\
             - {{job_name: pressed, {target}}}\n"
        ))
    }

    /// Scrapes `url` every second as the job `job`.
    pub(crate) fn scraping_as(job: &str, url: &str) -> Prometheus {
        let host = url.trim_start_matches("http://");
        Prometheus::with_jobs(&format!("- {{job_name: '{job}', static_configs: [{{targets: ['{host}']}}]}}\n"))
    }

    /// As `scraping_as`, and evaluates the rules in these files every second.
    pub(crate) fn with_rules(job: &str, url: &str, rules: &Path) -> Prometheus {
        let host = url.trim_start_matches("http://");
        Prometheus::configured(&format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}/*.yml']\n\
             scrape_configs:\n- {{job_name: '{job}', static_configs: [{{targets: ['{host}']}}]}}\n",
            rules.display()
        ))
    }

    /// The names of the alerts that fire, in order.
    pub(crate) fn firing(&self) -> Result<BTreeSet<String>, String> {
        let answer = self.api("/api/v1/alerts", &[])?;
        let alerts = answer["alerts"].as_array().ok_or("no alerts")?;
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        Ok(firing.filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)).collect())
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        self.client.url()
    }

    /// The values of an expression now, whatever their labels.
    pub(crate) fn values(&self, expression: &str) -> Result<Vec<f64>, String> {
        let answer = self.api("/api/v1/query", &[("query", expression)])?;
        let result = answer["result"].as_array().ok_or("no result")?;
        let value = |sample: &serde_json::Value| sample["value"][1].as_str().and_then(|text| text.parse().ok());
        result.iter().map(|sample| value(sample).ok_or_else(|| format!("no number: {sample}"))).collect()
    }

    fn with_jobs(jobs: &str) -> Prometheus {
        Prometheus::configured(&format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}"))
    }

    fn configured(text: &str) -> Prometheus {
        let directory = tempfile::tempdir().expect("a directory");
        let config = directory.path().join("prometheus.yml");
        fs::write(&config, text).expect("the configuration should be written");

        for start in 0..STARTS {
            let address = free_address();
            let log = directory.path().join(format!("log-{start}"));
            let spawned = Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
                .arg(format!("--web.listen-address={address}"))
                .stdout(Stdio::null())
                .stderr(File::create(&log).expect("a log"))
                .spawn();
            let mut process = Process(found("prometheus", spawned));
            let client = Client::of(&format!("http://{address}"));
            let ready = eventually(|| match process.0.try_wait() {
                Ok(None) => match client.try_get("/-/ready", &[])?.status {
                    200 => Ok(true),
                    status => Err(format!("Prometheus is not ready: {status}")),
                },
                Ok(Some(_)) => Ok(false),
                Err(error) => Err(error.to_string()),
            });
            if ready {
                return Prometheus { client, _process: process, _directory: directory };
            }
            let log = fs::read_to_string(&log).expect("the log");
            assert!(log.contains("address already in use"), "Prometheus ended: {log}");
        }
        panic!("{STARTS} free ports were taken before Prometheus could listen on them");
    }

    /// The instant values of an expression by job, the jobs in order.
    pub(crate) fn query(&self, expression: &str) -> Result<Vec<(String, f64)>, String> {
        let answer = self.api("/api/v1/query", &[("query", expression)])?;
        let result = answer["result"].as_array().ok_or("no result")?;
        let mut values = Vec::new();
        for sample in result {
            let job = sample["metric"]["job"].as_str().ok_or("no job")?;
            let value = sample["value"][1].as_str().ok_or("no value")?;
            let value = value.parse().map_err(|_| format!("no number: {value}"))?;
            values.push((job.to_owned(), value));
        }
        values.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(values)
    }

    /// Asks until both jobs show this value.
    pub(crate) fn shows(&self, expression: &str, value: f64) {
        let wanted = [("openmetrics".to_owned(), value), ("text".to_owned(), value)];
        eventually(|| {
            let values = self.query(expression)?;
            if values == wanted { Ok(()) } else { Err(format!("{expression} is {values:?}, not {value} in both jobs")) }
        });
    }

    /// What the last scrape of a job said about a family: (type, help, unit).
    pub(crate) fn metadata(&self, job: &str, family: &str) -> (String, String, String) {
        let job = format!("{{job=\"{job}\"}}");
        let query = [("match_target", job.as_str()), ("metric", family)];
        eventually(|| {
            let answer = self.api("/api/v1/targets/metadata", &query)?;
            let text = |key: &str| match answer[0][key].as_str() {
                Some(text) => Ok(text.to_owned()),
                None => Err(format!("no {key} of {family}: {answer}")),
            };
            Ok((text("type")?, text("help")?, text("unit")?))
        })
    }

    fn api(&self, path: &str, query: &[(&str, &str)]) -> Result<serde_json::Value, String> {
        let answer = self.client.try_get(path, query)?;
        let mut json = answer.json();
        match answer.status {
            200 => Ok(json["data"].take()),
            status => Err(format!("{status}: {json}")),
        }
    }
}

/// What `promtool check metrics` says about a page: whether it is content, and every complaint.
pub(crate) fn promtool_check_metrics(page: &str) -> (bool, String) {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut process = Process(found("promtool", spawned));
    let mut stdin = process.0.stdin.take().expect("a piped input");
    stdin.write_all(page.as_bytes()).expect("promtool should read the page");
    drop(stdin);
    let mut complaints = String::new();
    let mut stdout = process.0.stdout.take().expect("a piped output");
    stdout.read_to_string(&mut complaints).expect("text");
    let mut stderr = process.0.stderr.take().expect("a piped error output");
    stderr.read_to_string(&mut complaints).expect("text");
    (process.ended().success(), complaints)
}

/// Answers every request with the text format of `origin`'s page; gives its address. It lives as long as the tests do.
///
/// Prometheus 2.42 cannot be told which format to ask for.
fn text_proxy(origin: Client) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            // The request is a GET: it ends with its headers, and only its path could matter.
            let mut request = Vec::new();
            let mut part = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut part) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => request.extend_from_slice(&part[..read]),
                }
            }
            let page = origin.get_accepting("/metrics", TEXT);
            // Prometheus may have gone: it will say so itself.
            let _ = write!(
                stream,
                "HTTP/1.1 {} \r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                page.status,
                page.content_type,
                page.body.len(),
                page.body
            );
        }
    });
    address
}

fn free_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

fn found<T>(program: &str, spawned: std::io::Result<T>) -> T {
    match spawned {
        Ok(process) => process,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("`{program}` is not on this machine; {INSTALL}")
        }
        Err(error) => panic!("`{program}` does not start: {error}"),
    }
}
