//! The monitoring stack's files, judged by the programs that read them.

use std::path::{Path, PathBuf};
use std::process::Command;

fn monitoring() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo-app/monitoring")
}

/// What a program says of the files, which stand in `monitoring`.
fn judged(program: &str, package: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program);
    command.current_dir(monitoring()).args(arguments).env("GRAFANA_ADMIN_PASSWORD", "of-this-test");
    let output = command.output();
    let output = output.unwrap_or_else(|_| panic!("`{program}` is not on this machine: `apt-get install {package}`"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[track_caller]
fn content(program: &str, package: &str, arguments: &[&str]) -> String {
    let (content, said) = judged(program, package, arguments);
    assert!(content, "{program} {arguments:?}: {said}");
    said
}

#[test]
#[ignore = "needs promtool: tests/run runs it"]
fn prometheus_takes_its_configuration_and_every_alert_fires_and_stays_quiet() {
    let said = content("promtool", "prometheus", &["check", "config", "prometheus/prometheus.yml"]);
    assert!(said.contains("2 rule files found"), "{said}");
    content("promtool", "prometheus", &["test", "rules", "prometheus/tests/alerts.yml"]);
}

#[test]
#[ignore = "needs amtool: tests/run runs it"]
fn alertmanager_takes_its_configuration() {
    let said = content("amtool", "prometheus-alertmanager", &["check-config", "alertmanager/alertmanager.yml"]);
    assert!(said.contains("2 receivers"), "{said}");
    for (severity, receiver) in [("page", "page"), ("ticket", "ticket")] {
        let severity = format!("severity={severity}");
        let file = "--config.file=alertmanager/alertmanager.yml";
        let arguments = ["config", "routes", "test", file, &severity, "alertname=Any"];
        let said = content("amtool", "prometheus-alertmanager", &arguments);
        assert_eq!(said.lines().next(), Some(receiver), "{said}");
    }
}

#[test]
#[ignore = "needs docker-compose: tests/run runs it"]
fn compose_takes_its_file_which_opens_loopback_alone_and_has_no_password() {
    let file = "docker-compose.monitoring.yml";
    let all = content("docker-compose", "docker-compose", &["-f", file, "config"]);
    let ports: Vec<&str> = all.lines().map(str::trim).filter(|line| line.starts_with("- 127.0.0.1:")).collect();
    assert_eq!(ports.len(), 4, "{all}");
    assert_eq!(all.matches("ports:").count(), 4, "{all}");
    assert_eq!(all.matches("healthcheck:").count(), 4, "{all}");
    for image in all.lines().filter_map(|line| line.trim().strip_prefix("image: ")) {
        let version = image.split(':').nth(1).expect("a pinned version");
        assert!(version.trim_start_matches('v').split('.').count() == 3, "{image}");
    }
    let text = std::fs::read_to_string(monitoring().join(file)).expect("the file");
    assert!(text.contains("GF_SECURITY_ADMIN_PASSWORD: ${GRAFANA_ADMIN_PASSWORD:?"), "a password has a default");
}
