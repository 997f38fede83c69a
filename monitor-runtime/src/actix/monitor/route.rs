//! One route as a worker has seen it, with the series of its requests by method and status; which route a request took
//! is for others to find.

use std::cell::RefCell;
use std::rc::Rc;

use actix_web::http::{Method, StatusCode};

use super::settings::{OTHER, Settings};
use crate::anomaly::Endpoint;
use crate::builtin::{API_REQUEST_LATENCY, API_REQUESTS};
use crate::metrics::{ChosenBy, CounterSeries, HistogramSeries, has_series};
use crate::watch;

/// The series of every request.
#[derive(Clone, Copy)]
pub(super) struct Series {
    pub(super) requests: CounterSeries,
    pub(super) latency: HistogramSeries,
    /// What judges them.
    pub(super) endpoint: &'static Endpoint,
}

/// One route, or that none matched.
pub(super) struct Route {
    /// As the app wrote it; `None` where none matched.
    pattern: Option<String>,
    /// Whether its requests are left out.
    pub(super) skipped: bool,
    rows: RefCell<Vec<Row>>,
}

struct Row {
    method: Method,
    status: StatusCode,
    series: Series,
}

/// Who chose the labels of a request with this method label and status.
///
/// Patterns, methods that are told apart and statuses have an end, so they are not held back at a start under traffic.
/// But which methods come, and which requests are refused, clients choose.
pub(super) fn chosen_by(method: &str, status: StatusCode) -> ChosenBy {
    if method == OTHER || status.is_client_error() { ChosenBy::Client } else { ChosenBy::Program }
}

/// Beyond so many methods and statuses of one route, the families are asked.
const ROWS: usize = 32;

impl Route {
    pub(super) fn new(settings: &Settings, pattern: Option<String>, left_out: bool) -> Rc<Route> {
        let skipped = left_out || pattern.as_deref().is_some_and(|pattern| settings.skips(pattern));
        Rc::new(Route { pattern, skipped, rows: RefCell::default() })
    }

    /// What the endpoint label reads.
    pub(super) fn endpoint<'a>(&'a self, settings: &'a Settings) -> &'a str {
        settings.endpoint(self.pattern.as_deref())
    }

    #[inline]
    pub(super) fn series(&self, settings: &Settings, method: &Method, status: StatusCode) -> Series {
        let rows = self.rows.borrow();
        if let Some(row) = rows.iter().find(|row| row.status == status && row.method == *method) {
            return row.series;
        }
        drop(rows);
        self.find(settings, method, status)
    }

    #[cold]
    fn find(&self, settings: &Settings, method: &Method, status: StatusCode) -> Series {
        let (endpoint, name) = (self.endpoint(settings), settings.method(method));
        let by = chosen_by(name, status);
        let requests = || API_REQUESTS { endpoint, method: name, status: status.as_u16() };
        let latency = || API_REQUEST_LATENCY { endpoint, method: name };
        let series = Series {
            requests: API_REQUESTS.with_chosen(requests(), by),
            latency: API_REQUEST_LATENCY.with_chosen(latency(), by),
            endpoint: watch::endpoint(endpoint),
        };
        // What counts under `_overflow` may have a series of its own the next time; and of methods that nobody listed
        // there is no end.
        let own =
            has_series(API_REQUESTS.family(), &requests()) && has_series(API_REQUEST_LATENCY.family(), &latency());
        let mut rows = self.rows.borrow_mut();
        if own && name != OTHER && rows.len() < ROWS {
            rows.push(Row { method: method.clone(), status, series });
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_an_end_is_kept() {
        let settings = Settings::default();
        let (route, unmatched) =
            (Route::new(&settings, Some("/found".to_owned()), false), Route::new(&settings, None, false));
        let rows = || route.rows.borrow().len() + unmatched.rows.borrow().len();
        for number in 0..100 {
            let method = Method::from_bytes(format!("FOUND{number}").as_bytes()).expect("a token");
            route.series(&settings, &method, StatusCode::OK);
            unmatched.series(&settings, &Method::GET, StatusCode::OK);
        }
        assert_eq!(rows(), 1);
        for status in (200..600).map(|status| StatusCode::from_u16(status).expect("valid")) {
            route.series(&settings, &Method::GET, status);
        }
        assert_eq!(rows(), 1 + ROWS);
    }
}
