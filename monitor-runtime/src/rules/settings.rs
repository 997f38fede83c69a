//! What is asked for: the job, the objective, the families and the watched names. What is written of it is next door.

use super::facts::{Facts, Watched};

/// The share of requests that must succeed, unless said otherwise: an error budget of 1 %.
const OBJECTIVE: f64 = 0.99;

/// What is to be written, and for which job.
///
/// A rule stands there only where the program has the families that it reads, so that no alert waits for what never
/// comes; each alert comes with cases for `promtool test rules`, where it fires and where it stays quiet.
///
/// A family's labels `job` and `instance` are read as `exported_job` and `exported_instance`, which is what Prometheus
/// makes of them unless a scrape sets `honor_labels`. An alert of a watched name is called after it; where the name is
/// more than letters, digits and `_`, a hash of it is a part of the alert's name, which stays the same whatever other
/// names there are.
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
    pub(super) job: String,
    pub(super) objective: f64,
    pub(super) facts: Facts,
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

    /// Adds a name that is watched at run time, by a builder or a file, and is in no attribute. An empty name
    /// cannot be watched, and is left out.
    pub fn watched(mut self, watched: Watched) -> Rules {
        if watched.name.is_empty() {
            return self;
        }
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

    pub(super) fn has(&self, family: &str) -> bool {
        self.facts.has(family)
    }
}
