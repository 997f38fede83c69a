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

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_stays_quiet() {
    let rules = Rules::of_this_program("shop").watched(watched("charging", Some(0.5), Some(0.01)));
    let (alerts, cases) = (text(&rules, "prometheus/rules/alerts.yml"), text(&rules, "prometheus/tests/alerts.yml"));
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.contains(&"MonitorScrapeFailing") && names.contains(&"MonitorCardinalityOverflow"), "{names:?}");
    for name in &names {
        for kind in ["fires", "stays quiet"] {
            let case = format!("- name: \"{name} {kind}: ");
            assert_eq!(cases.matches(&case).count(), 1, "{case}");
        }
    }
    assert_eq!(names.len() * 2, cases.matches("alertname: ").count());
}

#[test]
fn a_family_that_the_program_lacks_is_in_no_rule_and_no_panel() {
    let rules = Rules::of_this_program("shop");
    for file in rules.files() {
        if cfg!(feature = "actix") {
            assert!(file.text.contains("api_requests") || file.path.contains("absent"), "{}", file.path);
        } else {
            assert!(!file.text.contains("api_requests_total{"), "{}", file.path);
        }
        assert!(!file.text.contains("credit_nothing"), "{}", file.path);
    }
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
