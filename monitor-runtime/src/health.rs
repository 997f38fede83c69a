//! What the toolkit says of itself: its troubles, how full each family is, and what became of scrapes.

use prometheus::proto;

use crate::metrics::family::Core;

pub(crate) use crate::metrics::trouble::{Trouble, caught, trouble};

/// How full the families of a page are, as three more families of it; on the page alone where the toolkit's own
/// families stand. A family without labels has one series, and nothing to tell.
pub(crate) fn of(page: &[&'static Core]) -> Vec<proto::MetricFamily> {
    if !page.iter().any(|core| core.name == ERRORS) {
        return Vec::new();
    }
    let family = |name: &str, help: &str, kind: proto::MetricType, value: &dyn Fn(&Core) -> f64| {
        let mut family = proto::MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        for core in page.iter().filter(|core| !core.labels.is_empty()) {
            let mut label = proto::LabelPair::default();
            label.set_name("family".to_owned());
            label.set_value(core.name.to_owned());
            let mut metric = proto::Metric::from_label(vec![label]);
            if kind == proto::MetricType::COUNTER {
                let mut counter = proto::Counter::default();
                counter.set_value(value(core));
                metric.set_counter(counter);
            } else {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value(core));
                metric.set_gauge(gauge);
            }
            family.mut_metric().push(metric);
        }
        family
    };
    vec![
        family("monitor_overflowed_total", OVERFLOWED, proto::MetricType::COUNTER, &|core| {
            core.series.overflowed() as f64
        }),
        family("monitor_series", SERIES, proto::MetricType::GAUGE, &|core| core.series.len() as f64),
        family("monitor_series_limit", LIMIT, proto::MetricType::GAUGE, &|core| core.series.limit() as f64),
    ]
}

const ERRORS: &str = "monitor_instrumentation_errors_total";
const OVERFLOWED: &str =
    "Look-ups of series that ended in _overflow because their family or a label of it was full, by family";
const SERIES: &str = "Series that a family has, the one for _overflow included";
const LIMIT: &str = "Series that a family may have besides the one for _overflow";

/// What becomes of scrapes.
#[cfg(feature = "actix")]
pub(crate) mod scrapes {
    use crate::LabelValue;

    crate::metrics! {
        /// Time to make a page of metrics, in seconds; scrapes that share a page count once
        pub(crate) histogram PAGE_SECONDS = "monitor_scrape_duration_seconds"
            buckets [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        /// Size of a page of metrics before compression, in bytes
        pub(crate) histogram PAGE_BYTES = "monitor_scrape_size_bytes"
            buckets [4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0, 16777216.0];
        /// Requests for the page of metrics, by what became of them
        pub(crate) counter SCRAPES = "monitor_scrapes_total" { result: ScrapeResult };
    }

    /// What a scrape was answered.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
    pub(crate) enum ScrapeResult {
        /// The page.
        Ok,
        /// 401: the token was missing or wrong.
        Denied,
        /// 503: too many scrapes were there before.
        Busy,
        /// 503: the page was not ready in time.
        Timeout,
        /// 500: the page could not be made.
        Failed,
    }

    /// Counts one scrape.
    pub(crate) fn count(result: ScrapeResult) {
        SCRAPES.with(SCRAPES { result }).inc();
    }
}
