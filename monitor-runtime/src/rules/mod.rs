//! Prometheus rules, their tests and a Grafana dashboard, written from what a program declares: its families, and the
//! limits that stand in its attributes. Text goes out; what is measured, and who evaluates it, is elsewhere.

mod alerts;
mod facts;
mod grafana;
mod recording;
mod yaml;

use std::io;
use std::path::Path;

pub use facts::Watched;

use facts::Facts;

/// The share of requests that must succeed, unless said otherwise: an error budget of 1 %.
const OBJECTIVE: f64 = 0.99;

/// What is to be written, and for which job.
///
/// A rule stands there only where the program has the families that it reads, so that no alert waits for what never
/// comes; each alert comes with two cases for `promtool test rules`, one where it fires and one where it stays quiet.
///
/// ```
/// use monitor_runtime::rules::Rules;
///
/// let files = Rules::of_this_program("shop").files();
/// let names: Vec<&str> = files.iter().map(|file| file.path).collect();
/// assert_eq!(
///     names,
///     [
///         "prometheus/rules/recording.yml",
///         "prometheus/rules/alerts.yml",
///         "prometheus/tests/alerts.yml",
///         "grafana/dashboards/monitor.json",
///     ]
/// );
/// ```
#[derive(Clone, Debug)]
#[must_use = "call `write` or `files`"]
pub struct Rules {
    job: String,
    objective: f64,
    facts: Facts,
}

/// One file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// Below the directory that was asked for.
    pub path: &'static str,
    /// What is in it.
    pub text: String,
}

impl Rules {
    /// The rules for every family that this program declares and every limit that it names, as Prometheus' job `job`.
    pub fn of_this_program(job: &str) -> Rules {
        Rules { job: job.to_owned(), objective: OBJECTIVE, facts: Facts::of_this_program() }
    }

    /// The share of requests that are to succeed, 0.99 unless set; between 0.5 and 0.99999. The error budget, and how
    /// fast it may burn, follow from it.
    pub fn objective(mut self, share: f64) -> Rules {
        self.objective = if share.is_nan() { OBJECTIVE } else { share.clamp(0.5, 0.99999) };
        self
    }

    /// Adds a name that is watched at run time, by a builder or a file, and so stands in no attribute.
    pub fn watched(mut self, watched: Watched) -> Rules {
        self.facts.watched.retain(|known| known.name != watched.name);
        self.facts.watched.push(watched);
        self.facts.watched.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// Adds a family that no `metrics!` declares and that stands in the registry all the same, as the ones of
    /// [`activity`](crate::activity) do from their first use: `active_users`, `user_sessions_total`.
    pub fn family(mut self, name: &'static str) -> Rules {
        self.facts.add(name);
        self
    }

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

    fn has(&self, family: &str) -> bool {
        self.facts.has(family)
    }
}
