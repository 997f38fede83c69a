//! A page as its samples. Not a parser: the real ones have tests of their own.

use std::collections::BTreeMap;

/// The samples of a page by the text before their value: `user_sessions_total{auth_method="password"}`.
#[derive(Debug)]
pub(crate) struct Samples(BTreeMap<String, f64>);

impl Samples {
    pub(crate) fn of(page: &str) -> Samples {
        let mut samples = BTreeMap::new();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').expect("a name and a value");
            let value = value.parse().expect("a number");
            let twice = samples.insert(series.to_owned(), value);
            assert_eq!(twice, None, "`{series}` stands twice on the page");
        }
        Samples(samples)
    }

    /// The value of a sample that is on the page.
    pub(crate) fn value(&self, series: &str) -> f64 {
        match self.0.get(series) {
            Some(value) => *value,
            None => panic!("`{series}` is not on the page: {:#?}", self.0),
        }
    }

    /// The value of a sample, 0 while its series does not exist.
    pub(crate) fn count(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or(0.0)
    }

    /// Whether a sample is on the page.
    pub(crate) fn has(&self, series: &str) -> bool {
        self.0.contains_key(series)
    }

    /// Every sample of this name, by the text of its labels: `{auth_method="password"}`.
    pub(crate) fn named(&self, name: &str) -> BTreeMap<&str, f64> {
        let labels =
            |series: &'_ str| series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
        self.0
            .iter()
            .filter(|(series, _)| labels(series))
            .map(|(series, value)| (&series[name.len()..], *value))
            .collect()
    }
}
