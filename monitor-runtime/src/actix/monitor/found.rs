//! The routes that a worker has seen, each with the series of its requests: one look instead of one in each family by
//! all labels.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::http::{Method, StatusCode};
use foldhash::fast::RandomState;

use super::matches::Matches;
use super::settings::{OTHER, Settings};
use crate::anomaly::Endpoint;
use crate::builtin::{API_REQUEST_LATENCY, API_REQUESTS};
use crate::metrics::{CounterSeries, HistogramSeries, has_series};
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

/// Beyond so many methods and statuses of one route, the families are asked.
const ROWS: usize = 32;

impl Route {
    fn new(settings: &Settings, pattern: Option<String>) -> Rc<Route> {
        let skipped = pattern.as_deref().is_some_and(|pattern| settings.skips(pattern));
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
        let requests = || API_REQUESTS { endpoint, method: name, status: status.as_u16() };
        let latency = || API_REQUEST_LATENCY { endpoint, method: name };
        let series = Series {
            requests: API_REQUESTS.with(requests()),
            latency: API_REQUEST_LATENCY.with(latency()),
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

/// The routes seen: an app has only so many.
pub(super) struct Found {
    by_pattern: RefCell<HashMap<String, Rc<Route>, RandomState>>,
    /// By where in memory the name of a route stands: its resource keeps it there as long as the app lives, and two
    /// resources of one name keep two. So a route is told without writing out its pattern, a third of the cost of a
    /// request; `#[get]` and its like name their routes.
    by_name: RefCell<HashMap<usize, Rc<Route>, RandomState>>,
    /// Until a route without a name is seen, which actix-web looks for at length.
    named: Cell<bool>,
    /// Those without a name, by what was matched.
    by_match: RefCell<Matches>,
    unmatched: Rc<Route>,
}

impl Found {
    pub(super) fn new(settings: &Settings) -> Found {
        Found {
            by_pattern: RefCell::default(),
            by_name: RefCell::default(),
            named: Cell::new(true),
            by_match: RefCell::default(),
            unmatched: Route::new(settings, None),
        }
    }

    /// The route that a request took, which came for `path`.
    #[inline]
    pub(super) fn route(&self, settings: &Settings, request: &HttpRequest, path: &str) -> Rc<Route> {
        // Where something is left of the path, most often nothing matched.
        if request.match_info().unprocessed().is_empty() {
            if self.named.get() {
                return self.with_name(settings, request);
            }
            return self.with_match(settings, request, path);
        }
        self.with_pattern(settings, request.match_pattern().as_deref())
    }

    fn with_name(&self, settings: &Settings, request: &HttpRequest) -> Rc<Route> {
        let name = request.match_name();
        self.named.set(name.is_some());
        let place = name.map(|name| name.as_ptr().addr());
        if let Some(place) = place
            && let Some(route) = self.by_name.borrow().get(&place)
        {
            return Rc::clone(route);
        }
        let route = self.with_pattern(settings, request.match_pattern().as_deref());
        if let Some(place) = place {
            self.by_name.borrow_mut().insert(place, Rc::clone(&route));
        }
        route
    }

    fn with_match(&self, settings: &Settings, request: &HttpRequest, path: &str) -> Rc<Route> {
        // A middleware further in may have changed what was matched to another path.
        let found = request.match_info().as_str();
        let told = found == path;
        if told && let Some(route) = self.by_match.borrow().get(request.match_info(), found) {
            return Rc::clone(route);
        }
        let pattern = request.match_pattern();
        let route = self.with_pattern(settings, pattern.as_deref());
        if told && let Some(pattern) = pattern {
            self.by_match.borrow_mut().learn(request, &pattern, &route);
        }
        route
    }

    /// The route with this pattern, of those that the app has.
    #[inline]
    pub(super) fn with_pattern(&self, settings: &Settings, pattern: Option<&str>) -> Rc<Route> {
        let Some(pattern) = pattern else { return Rc::clone(&self.unmatched) };
        if let Some(route) = self.by_pattern.borrow().get(pattern) {
            return Rc::clone(route);
        }
        self.first_with_pattern(settings, pattern)
    }

    #[cold]
    fn first_with_pattern(&self, settings: &Settings, pattern: &str) -> Rc<Route> {
        let route = Route::new(settings, Some(pattern.to_owned()));
        self.by_pattern.borrow_mut().insert(pattern.to_owned(), Rc::clone(&route));
        route
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(found: &Found) -> usize {
        let routes = found.by_pattern.borrow();
        routes.values().chain([&found.unmatched]).map(|route| route.rows.borrow().len()).sum()
    }

    #[test]
    fn only_what_has_an_end_is_kept() {
        let settings = Settings::default();
        let found = Found::new(&settings);
        let route = found.with_pattern(&settings, Some("/found"));
        for number in 0..100 {
            let method = Method::from_bytes(format!("FOUND{number}").as_bytes()).expect("a token");
            route.series(&settings, &method, StatusCode::OK);
            found.with_pattern(&settings, None).series(&settings, &Method::GET, StatusCode::OK);
        }
        assert_eq!(rows(&found), 1);
        for status in (200..600).map(|status| StatusCode::from_u16(status).expect("valid")) {
            found.with_pattern(&settings, Some("/found")).series(&settings, &Method::GET, status);
        }
        assert_eq!(rows(&found), 1 + ROWS);
    }

    #[test]
    fn what_is_kept_counts_where_the_families_say() {
        let settings = Settings::default();
        let found = Found::new(&settings);
        for _ in 0..3 {
            let route = found.with_pattern(&settings, Some("/found/{again}"));
            route.series(&settings, &Method::PUT, StatusCode::CREATED).requests.inc();
        }
        let labels = API_REQUESTS { endpoint: "/found/{again}", method: "PUT", status: 201 };
        assert_eq!(API_REQUESTS.with(labels).value(), 3);
    }
}
