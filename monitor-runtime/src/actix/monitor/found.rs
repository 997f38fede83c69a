//! The series that a worker has found before: one look by pattern instead of one in each family by all labels.

use std::cell::RefCell;
use std::collections::HashMap;

use actix_web::http::{Method, StatusCode};
use foldhash::fast::RandomState;

use super::settings::{OTHER, Settings, UNMATCHED};
use crate::builtin::{API_REQUEST_LATENCY, API_REQUESTS};
use crate::metrics::{CounterSeries, HistogramSeries, has_series};

/// The series of every request.
#[derive(Clone, Copy)]
pub(super) struct Series {
    pub(super) requests: CounterSeries,
    pub(super) latency: HistogramSeries,
}

/// By pattern: an app has only so many. Under each, what its requests had.
#[derive(Default)]
pub(super) struct Found {
    by_pattern: RefCell<HashMap<String, Vec<Row>, RandomState>>,
}

struct Row {
    method: Method,
    status: StatusCode,
    series: Series,
}

/// Beyond so many methods and statuses of one pattern, the families are asked.
const ROWS: usize = 32;

impl Found {
    pub(super) fn series(
        &self,
        settings: &Settings,
        pattern: Option<&str>,
        method: &Method,
        status: StatusCode,
    ) -> Series {
        // No pattern reads so: they begin with a slash.
        let key = pattern.unwrap_or(UNMATCHED);
        if let Some(rows) = self.by_pattern.borrow().get(key)
            && let Some(row) = rows.iter().find(|row| row.status == status && row.method == *method)
        {
            return row.series;
        }
        self.find(settings, pattern, method, status)
    }

    #[cold]
    fn find(&self, settings: &Settings, pattern: Option<&str>, method: &Method, status: StatusCode) -> Series {
        let (endpoint, name) = (settings.endpoint(pattern), settings.method(method));
        let requests = || API_REQUESTS { endpoint, method: name, status: status.as_u16() };
        let latency = || API_REQUEST_LATENCY { endpoint, method: name };
        let series = Series { requests: API_REQUESTS.with(requests()), latency: API_REQUEST_LATENCY.with(latency()) };
        // What counts under `_overflow` may have a series of its own the next time; and of methods that nobody listed
        // there is no end.
        let own =
            has_series(API_REQUESTS.family(), &requests()) && has_series(API_REQUEST_LATENCY.family(), &latency());
        if own && name != OTHER {
            let mut by_pattern = self.by_pattern.borrow_mut();
            let rows = by_pattern.entry(pattern.unwrap_or(UNMATCHED).to_owned()).or_default();
            if rows.len() < ROWS {
                rows.push(Row { method: method.clone(), status, series });
            }
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(found: &Found) -> usize {
        found.by_pattern.borrow().values().map(Vec::len).sum()
    }

    #[test]
    fn only_what_has_an_end_is_kept() {
        let (found, settings) = (Found::default(), Settings::default());
        for number in 0..100 {
            let method = Method::from_bytes(format!("FOUND{number}").as_bytes()).expect("a token");
            found.series(&settings, Some("/found"), &method, StatusCode::OK);
            found.series(&settings, None, &Method::GET, StatusCode::OK);
        }
        assert_eq!(rows(&found), 1);
        for status in (200..600).map(|status| StatusCode::from_u16(status).expect("valid")) {
            found.series(&settings, Some("/found"), &Method::GET, status);
        }
        assert_eq!(rows(&found), 1 + ROWS);
    }

    #[test]
    fn what_is_kept_counts_where_the_families_say() {
        let (found, settings) = (Found::default(), Settings::default());
        for _ in 0..3 {
            found.series(&settings, Some("/found/{again}"), &Method::PUT, StatusCode::CREATED).requests.inc();
        }
        let labels = API_REQUESTS { endpoint: "/found/{again}", method: "PUT", status: 201 };
        assert_eq!(API_REQUESTS.with(labels).value(), 3);
    }
}
