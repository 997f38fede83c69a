//! Prometheus rules, their tests and a Grafana dashboard, written from what a program declares: its families, and the
//! limits that stand in its attributes. Text goes out; what is measured, and who evaluates it, is elsewhere.

mod alerts;
mod facts;
mod grafana;
mod promql;
mod recording;
mod settings;
mod yaml;

use std::io;
use std::path::Path;

pub use facts::Watched;
pub use settings::Rules;

/// One file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// Below the directory that was asked for.
    pub path: &'static str,
    /// What is in it.
    pub text: String,
}

impl Rules {
    /// The files, in the order of writing.
    #[must_use]
    pub fn files(&self) -> Vec<RuleFile> {
        let alerts = alerts::all(self);
        let file = |path, text| RuleFile { path, text };
        vec![
            file("prometheus/rules/recording.yml", recording::text(self)),
            file("prometheus/rules/alerts.yml", alerts::rules(&alerts)),
            file("prometheus/tests/alerts.yml", alerts::tests(&alerts)),
            file("grafana/dashboards/monitor.json", grafana::text(self)),
        ]
    }

    /// Writes the files below `directory`, which need not be there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        for RuleFile { path, text } in self.files() {
            let path = directory.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, text)?;
        }
        Ok(())
    }
}
