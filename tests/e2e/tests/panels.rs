//! The dashboard that is written from the code, on a real Prometheus that scrapes the demo: every panel's query gives
//! data, and Grafana's own components draw it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Demo, Prometheus, eventually};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A rate needs two scrapes in its window, which are a second apart.
const INTERVAL: &str = "15s";

#[test]
#[ignore = "needs Prometheus, node, Chromium and tests/grafana's packages: tests/run runs it"]
fn every_panel_of_the_dashboard_has_data_and_is_drawn() {
    let file = root().join("demo-app/monitoring/grafana/dashboards/monitor.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("the dashboard")).expect("JSON");
    let queries = queries(&dashboard);
    assert!(queries.len() >= 15, "{queries:?}");

    let demo = Demo::start();
    let prometheus = Prometheus::scraping_as("demo", &demo.url);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if stop.load(Relaxed) {
                    break;
                }
                traffic(&demo, round);
                // Paced, so that the test does not take the processors from those beside it.
                thread::sleep(Duration::from_millis(100));
            }
        });
        let stopped = StopAtEnd(&stop);
        eventually(|| {
            let missing: Vec<String> =
                queries.iter().filter_map(|(title, query)| no_data(&prometheus, title, query)).collect();
            if missing.is_empty() { Ok(()) } else { Err(missing.join("\n")) }
        });
        let drawn = Command::new("node")
            .arg(root().join("tests/grafana/draw.mjs"))
            .arg(&file)
            .arg(prometheus.url())
            .output()
            .expect("`node` is not on this machine: `apt-get install nodejs npm` (`bash tests/run` does)");
        drop(stopped);
        let said = [drawn.stdout, drawn.stderr].concat();
        assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&said));
    });
}

/// Why a panel would stay empty, if it would.
fn no_data(prometheus: &Prometheus, title: &str, query: &str) -> Option<String> {
    match prometheus.values(query) {
        Ok(values) if values.iter().any(|value| value.is_finite()) => None,
        Ok(_) => Some(format!("{title} has no data: {query}")),
        Err(error) => Some(format!("{title}: {error}")),
    }
}

/// Ends the traffic also when the test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// What users do, `round` after round: some of it is refused, some fails, some is paid for.
fn traffic(demo: &Demo, round: usize) {
    // Wrong passwords are few: who guesses more of them is shut out, and with him everybody at his address.
    if round < 3 {
        demo.login("ada", "wrong");
    }
    let cookie = demo.cookie("ada", "lovelace");
    for path in ["/items", "/items/1", "/items/99", "/nothing"] {
        demo.client.get(path);
    }
    let session = [("Cookie", cookie.as_str())];
    demo.client.send("POST", "/credits/top-up", &session, Some(&json!({ "amount": 20 })));
    demo.client.send("POST", "/forecasts", &session, Some(&json!({ "years": 2 })));
    demo.client.post_with_cookie("/reports", &cookie);
    demo.client.post_with_cookie("/reports/flaky", &cookie);
    demo.client.get("/monitoring/test-error");
    demo.client.post_with_cookie("/logout", &cookie);
}

/// Each panel's title and queries, with the variables as somebody has them who chose nothing.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut queries = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().expect("a query");
            let query = query.replace("$instance", ".*").replace("$endpoint", ".*").replace("$interval", INTERVAL);
            assert!(!query.contains('$'), "{title}: {query}");
            queries.push((title.to_owned(), query));
        }
    }
    queries
}
