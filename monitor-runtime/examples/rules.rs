//! Writes Prometheus rules, their tests and a Grafana dashboard for one's own program.
//!
//!     cargo run -p monitor-runtime --features rules --example rules -- DIRECTORY
//!
//! A program of yours does the same in a subcommand or a test, so that the files follow the code.

use std::error::Error;
use std::path::PathBuf;

use monitor_runtime::rules::Rules;
use monitor_runtime::{detect_anomalies, metrics};

metrics! {
    /// Charges made
    pub counter CHARGES = "charges_total" { method: &'static str };
}

/// Both thresholds become alerts.
#[detect_anomalies("charge", latency_threshold = 0.5, error_threshold = 0.01)]
pub fn charge() -> Result<(), std::io::Error> {
    CHARGES.with(CHARGES { method: "card" }).inc();
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory: PathBuf = std::env::args_os().nth(1).ok_or("which directory? `rules DIRECTORY`")?.into();
    // `shop` is the job's name in Prometheus' configuration; 99.9 % of requests should succeed.
    let rules = Rules::of_this_program("shop").objective(0.999);
    rules.write(&directory)?;
    rules.files().iter().for_each(|file| println!("{}", directory.join(file.path).display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alerts_know_the_thresholds_of_the_code() {
        let files = Rules::of_this_program("shop").files();
        let alerts = files.iter().find(|file| file.path == "prometheus/rules/alerts.yml").expect("the alerts");
        assert!(alerts.text.contains("charge") && alerts.text.contains("0.01"), "{}", alerts.text);
    }
}
