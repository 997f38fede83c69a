//! The dashboard that is written from the code, on a real Prometheus that scrapes the demo: every panel's query gives
//! data, and Grafana's own components draw it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Demo, Prometheus, TEXT, eventually};

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
            while !stop.load(Relaxed) {
                traffic(&demo);
                // Paced, so that the test does not take the processors from those beside it.
                thread::sleep(Duration::from_millis(100));
            }
        });
        let stopped = StopAtEnd(&stop);
        // A family that the demo has no series of yet has nothing to show; as soon as it has one, its panel must.
        let mut silent = Vec::new();
        eventually(|| {
            let page = demo.client.get_accepting("/metrics", TEXT).body;
            let is_fed = |query: &str| families(query).iter().any(|family| has_series(&page, family));
            let (fed, unfed): (Vec<_>, Vec<_>) = queries.iter().partition(|(_, query)| is_fed(query));
            let missing: Vec<String> =
                fed.iter().filter_map(|(title, query)| no_data(&prometheus, title, query)).collect();
            silent = unfed.into_iter().map(|(title, _)| title.clone()).collect();
            if missing.is_empty() { Ok(()) } else { Err(missing.join("\n")) }
        });
        println!("the demo has no series yet for: {silent:?}");
        let drawn = Command::new("node")
            .arg(root().join("tests/grafana/draw.mjs"))
            .arg(&file)
            .arg(prometheus.url())
            .arg(silent.join("|"))
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

/// The families that a query reads.
fn families(query: &str) -> Vec<&str> {
    let selectors = query.match_indices('{').map(|(at, _)| &query[..at]);
    selectors.filter_map(|before| before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()).collect()
}

/// Whether the page has a sample of that name. What Prometheus adds by itself is always there.
fn has_series(page: &str, name: &str) -> bool {
    name == "up" || page.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
}

/// Ends the traffic also when the test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// What users do: some of it is refused, some fails, some is slow.
fn traffic(demo: &Demo) {
    let cookie = demo.login("ada", "lovelace").cookie.expect("a session");
    demo.login("ada", "wrong");
    for path in ["/items", "/items/1", "/items/99", "/nothing"] {
        demo.client.get(path);
    }
    demo.client.post_with_cookie("/reports", &cookie);
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
