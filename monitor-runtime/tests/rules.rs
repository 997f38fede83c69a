//! Rules from the code: they follow what the program declares, and every alert fires when it should and only then.
#![cfg(feature = "rules")]

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
}

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
    assert_eq!(titles[row + 1..row + 3], ["packing_seconds, p95", "parcels_total, a second"]);
    // This program has no paid operation.
    assert!(!titles[row + 3..].iter().any(|title| title.contains("credit_")), "{titles:?}");
}

#[test]
#[ignore = "needs promtool: tests/run runs it"]
fn promtool_is_content_with_the_rules_and_every_case_comes_true() {
    for objective in [0.9, 0.99, 0.999] {
        let directory = tempfile::tempdir().expect("a directory");
        let rules = Rules::of_this_program("shop")
            .objective(objective)
            .watched(watched("charging", Some(0.7), Some(0.01)))
            .watched(watched("say \"hi\\\"", Some(1.0), Some(0.3)));
        rules.write(directory.path()).expect("the files should be written");
        let at = |path: &str| directory.path().join(path);
        promtool(&["check", "rules"], &[&at("prometheus/rules/recording.yml"), &at("prometheus/rules/alerts.yml")]);
        promtool(&["test", "rules"], &[&at("prometheus/tests/alerts.yml")]);
    }
}

fn promtool(arguments: &[&str], files: &[&Path]) {
    let output = Command::new("promtool").args(arguments).args(files).output();
    let output = output.expect("`promtool` is not on this machine; install it: `apt-get install prometheus`");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
