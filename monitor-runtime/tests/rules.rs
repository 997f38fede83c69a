//! Rules from the code: they follow what the program declares, and every alert fires when it should and only then.
#![cfg(feature = "rules")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use monitor_runtime::rules::{Rules, Watched};

fn text(rules: &Rules, path: &str) -> String {
    let files = rules.files();
    let file = files.into_iter().find(|file| file.path == path);
    file.unwrap_or_else(|| panic!("no {path}")).text
}

fn watched(name: &str, latency_threshold: Option<f64>, error_threshold: Option<f64>) -> Watched {
    Watched { name: name.to_owned(), latency_threshold, error_threshold }
}

monitor_runtime::metrics! {
    /// Parcels sent
    counter PARCELS = "parcels_total" { carrier: &'static str };
    /// Time to pack a parcel
    histogram PACKING = "packing_seconds";

    /// Labels that Prometheus keeps for its targets
    counter TASKS = "tasks_total" { job: &'static str, instance: &'static str, exported_job: &'static str };
    /// A gauge with such a label
    gauge WORKERS = "workers" { instance: &'static str };
    /// A histogram with such a label
    histogram TASK_TIME = "task_seconds" { job: &'static str };
}

/// Names of several scripts, and what means something to YAML, PromQL, Go's templates or a terminal.
const NAMES: [&str; 44] = [
    "\u{43e}\u{43f}\u{43b}\u{430}\u{442}\u{430}",
    "\u{432}\u{43e}\u{437}\u{432}\u{440}\u{430}\u{442}",
    "\u{5145}\u{503c}",
    "\u{9000}\u{6b3e}",
    "\u{1f4b3}",
    "\u{1f4b0}",
    "\u{627}\u{644}\u{62f}\u{641}\u{639}",
    "a b",
    "a-b",
    "a_b",
    "a.b",
    "/reports",
    "/reports/{id}",
    "say \"hi\\\"",
    "it's",
    "`back`",
    "{{ $value }}",
    "{{ $labels.job }}",
    "{{ .Nothing }}{{",
    "}} {{ printf \"%s\" }}",
    "$1 ${x} $labels",
    "two\nlines",
    "tab\tand\r",
    "\0",
    "yes",
    "null",
    "~",
    "1e3",
    "0x1f",
    "a: b",
    "- item",
    "# comment",
    "&anchor *alias !tag",
    "%percent @at |pipe >fold",
    "[1, 2]",
    "{a: b}",
    " spaces ",
    "\u{200f}\u{202e}right to left",
    "line\u{2028}separator\u{85}\u{2029}",
    "\u{feff}mark",
    "\u{7f}\u{9b}",
    "\u{ffff}\u{1ffff}\u{e0041}\u{10ffff}",
    "",
    "_overflow",
];

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_stays_quiet() {
    let rules = Rules::of_this_program("shop").watched(watched("charging", Some(0.5), Some(0.01)));
    let (alerts, cases) = (text(&rules, "prometheus/rules/alerts.yml"), text(&rules, "prometheus/tests/alerts.yml"));
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.contains(&"MonitorScrapeFailing") && names.contains(&"MonitorCardinalityOverflow"), "{names:?}");
    for name in &names {
        for kind in ["fires", "stays quiet"] {
            let case = format!("- name: \"{name} {kind}: ");
            assert!(cases.contains(&case), "{case}");
        }
    }
}

#[test]
fn a_family_that_the_program_lacks_is_in_no_rule_and_no_panel() {
    let (without, with) = (Rules::of_this_program("shop"), Rules::of_this_program("shop").family("active_users"));
    for path in ["prometheus/rules/recording.yml", "grafana/dashboards/monitor.json"] {
        assert!(!text(&without, path).contains("active_users"), "{path}");
        assert!(text(&with, path).contains("active_users"), "{path}");
        // Requests are recorded by the middleware, which not every program has.
        assert_eq!(text(&with, path).contains("api_requests_total"), cfg!(feature = "actix"), "{path}");
    }
}

#[test]
fn the_program_s_own_families_are_there_too() {
    PARCELS.with(PARCELS { carrier: "pigeon" }).inc();
    PACKING.observe(1.0);
    let rules = Rules::of_this_program("shop");
    let recording = text(&rules, "prometheus/rules/recording.yml");
    for rule in ["job_carrier:parcels:rate5m", "job:packing_seconds:p95_5m"] {
        assert!(recording.contains(&format!("record: {rule}\n")), "{rule} is not in {recording}");
    }
    let dashboard: serde_json::Value =
        serde_json::from_str(&text(&rules, "grafana/dashboards/monitor.json")).expect("JSON");
    let titles: Vec<&str> =
        dashboard["panels"].as_array().expect("panels").iter().filter_map(|panel| panel["title"].as_str()).collect();
    let row = titles.iter().position(|title| *title == "This program").expect("a row");
    let own = ["packing_seconds, p95", "parcels_total", "task_seconds, p95", "tasks_total"];
    let own = own.map(|name| if name.contains(',') { name.to_owned() } else { format!("{name}, a second") });
    assert_eq!(titles[row + 1..row + 5], own);
    assert_eq!(titles[row + 5], "workers");
    // This program has no paid operation.
    assert!(!titles[row + 6..].iter().any(|title| title.contains("credit_")), "{titles:?}");
}

#[test]
fn labels_that_prometheus_keeps_for_its_targets_are_read_by_the_names_that_it_gives_them() {
    TASKS.with(TASKS { job: "nightly", instance: "1", exported_job: "x" }).inc();
    WORKERS.with(WORKERS { instance: "1" }).set(1.0);
    TASK_TIME.with(TASK_TIME { job: "nightly" }).observe(1.0);
    let rules = Rules::of_this_program("shop");
    let (recording, dashboard) =
        (text(&rules, "prometheus/rules/recording.yml"), text(&rules, "grafana/dashboards/monitor.json"));
    for by in [
        "sum by (job, exported_exported_job, exported_instance, exported_job) (rate(tasks_total[5m]))",
        "sum by (job, exported_instance) (workers)",
        "sum by (job, exported_job, le) (rate(task_seconds_bucket[5m]))",
    ] {
        assert!(recording.contains(by), "{by} is not in {recording}");
    }
    for by in ["sum by (exported_instance) (workers", "sum by (exported_job, le) (rate(task_seconds_bucket"] {
        assert!(dashboard.contains(by), "{by} is not in {dashboard}");
    }
    let records: Vec<&str> = recording.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    let different: BTreeSet<&&str> = records.iter().collect();
    assert_eq!(different.len(), records.len(), "{records:?}");
}

#[test]
fn every_watched_name_has_alerts_of_its_own_with_names_that_can_be() {
    let rules = NAMES
        .iter()
        .fold(Rules::of_this_program("shop"), |rules, name| rules.watched(watched(name, Some(0.7), Some(0.01))));
    let rules = rules.watched(watched(&"long ".repeat(1_000), Some(0.7), Some(0.01)));
    let alerts = text(&rules, "prometheus/rules/alerts.yml");
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let own = names.iter().filter(|name| name.starts_with("MonitorErrors_") || name.starts_with("MonitorSlow_"));
    // Errors are judged by a gauge that only some programs have.
    assert!(own.count() > NAMES.len(), "{names:?}");
    for name in &names {
        assert!(name.len() <= 80 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{name}");
    }
    let different: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
    assert!(names.contains(&"MonitorSlow_a_b"), "a name that can be a part of another is: {names:?}");
    // Whatever other names there are, a name's alert keeps its name.
    let alone = Rules::of_this_program("shop").watched(watched("a b", Some(0.7), None));
    let alone = text(&alone, "prometheus/rules/alerts.yml");
    let alone = alone.lines().find(|line| line.contains("MonitorSlow_")).expect("an alert").trim();
    assert!(names.contains(&alone.trim_start_matches("- alert: ")), "{alone} {names:?}");
}

#[test]
fn a_limit_of_all_calls_can_be_reached_and_one_that_cannot_be_is_left_out() {
    let rules = |error| Rules::of_this_program("shop").family("api_error_rate").watched(watched("all", None, error));
    let alerts = |error| text(&rules(error), "prometheus/rules/alerts.yml");
    assert!(alerts(Some(1.0)).contains(r#"api_error_rate{endpoint="all"}) >= 1"#), "{}", alerts(Some(1.0)));
    assert!(alerts(Some(0.25)).contains(r#"api_error_rate{endpoint="all"}) > 0.25"#));
    for error in [None, Some(0.0), Some(-1.0), Some(1.5), Some(f64::NAN), Some(f64::INFINITY)] {
        assert!(!alerts(error).contains("MonitorErrors_"), "{error:?}");
    }
    for latency in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let rules = Rules::of_this_program("shop").watched(watched("all", Some(latency), None));
        assert!(!text(&rules, "prometheus/rules/alerts.yml").contains("MonitorSlow_"), "{latency}");
    }
}

#[test]
#[ignore = "needs promtool: tests/run runs it"]
fn promtool_is_content_with_the_rules_and_every_case_comes_true() {
    for (job, objective) in [("shop", 0.9), ("sh\"op {{ $value }}\\", 0.99), ("\u{5e97}\u{202e}: # yes", 0.999)] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut rules = Rules::of_this_program(job)
            .family("api_error_rate")
            .objective(objective)
            .watched(watched("charging", Some(0.7), Some(0.01)))
            .watched(watched("all", Some(86_400.0), Some(1.0)))
            .watched(watched("nearly all", Some(1e-9), Some(0.999_999_999_9)))
            .watched(watched("hardly any", Some(0.1 + 0.2), Some(1e-12)))
            .watched(watched(&"long \u{5145}".repeat(1_000), Some(0.7), Some(0.1 + 0.2)));
        // A third of them at a time: promtool evaluates all rules for each case.
        let third = (objective * 10.0) as usize % 3;
        for name in NAMES.iter().skip(third).step_by(3) {
            rules = rules.watched(watched(name, Some(1.0), Some(0.3)));
        }
        rules.write(directory.path()).expect("the files should be written");
        let at = |path: &str| directory.path().join(path);
        let check = ["check", "rules", "--lint=all", "--lint-fatal"];
        promtool(&check, &[&at("prometheus/rules/recording.yml"), &at("prometheus/rules/alerts.yml")]);
        promtool(&["test", "rules"], &[&at("prometheus/tests/alerts.yml")]);
    }
}

fn promtool(arguments: &[&str], files: &[&Path]) {
    let output = Command::new("promtool").args(arguments).args(files).output();
    let output = output.expect("`promtool` is not on this machine; install it: `apt-get install prometheus`");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
