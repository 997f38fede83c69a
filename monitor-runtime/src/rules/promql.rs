//! Expressions that several rules need: matchers, and counters whose first sample already counts something. What is
//! alerted on is in `alerts`.

use super::yaml::quoted;

/// How far back a counter's last value is looked for. A gap between scrapes that is shorter neither hides an event nor
/// repeats an old one.
const LOOK_BACK: &str = "1d";

/// `label="value"`, whatever is in the value: PromQL reads the escapes of YAML's double quotes.
pub(super) fn matcher(label: &str, value: &str) -> String {
    format!("{label}={}", quoted(value))
}

/// By how much a counter has risen in `window`.
///
/// `increase` needs two samples, so it misses the event with which a series begins. A new series counts with its whole
/// value here; a series that was not scraped for longer than the window counts from its last value on.
pub(super) fn risen(counter: &str, window: &str) -> String {
    let before = format!("last_over_time({counter}[{LOOK_BACK}] offset {window})");
    format!(
        "  {counter} unless {before}\n  or\n  increase({counter}[{window}]) > 0\n  or\n  {counter} - {before} > 0\n  \
         or\n  {counter} < {before}"
    )
}

/// A counter's rate over `window`. A series that is new counts with its whole value if its instance was scraped before:
/// the first errors of a service are in no `rate`.
///
/// Whether the instance was scraped is told by `api_requests_total`, so that the rate does not jump to the total of a
/// service's life when Prometheus sees the service for the first time.
pub(super) fn rate(counter: &str, window: &Window) -> String {
    let Window { name, seconds } = window;
    format!(
        "  ({counter} unless {counter} offset {name} and on (job, instance) api_requests_total offset {name}) / {seconds}\n  \
         or\n  rate({counter}[{name}])"
    )
}

/// How long is looked back, as PromQL writes it and in seconds.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) name: &'static str,
    pub(super) seconds: u32,
}

/// The labels of a family as Prometheus stores them: it keeps `job` and `instance` for the target, and renames a label
/// of that name.
pub(super) fn stored(labels: &[&str]) -> Vec<String> {
    let renamed = |label: &str| {
        let mut name = label.to_owned();
        if matches!(label, "job" | "instance") {
            // The first of these names that the family has not.
            while name == label || labels.contains(&name.as_str()) {
                name.insert_str(0, "exported_");
            }
        }
        name
    };
    labels.iter().map(|label| renamed(label)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_prometheus_keeps_for_the_target_is_renamed_as_prometheus_does() {
        assert_eq!(stored(&["job", "kind"]), ["exported_job", "kind"]);
        assert_eq!(stored(&["instance", "exported_instance"]), ["exported_exported_instance", "exported_instance"]);
        assert_eq!(stored(&["jobs", "instances"]), ["jobs", "instances"]);
    }
}
