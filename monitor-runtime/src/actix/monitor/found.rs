//! The routes that a worker has seen, each with the series of its requests: one look instead of one in each family by
//! all labels.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use actix_web::HttpRequest;
use foldhash::fast::RandomState;

use super::matches::Matches;
use super::route::Route;
use super::settings::Settings;
use crate::actix::own::is_own;

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
            unmatched: Route::new(settings, None, false),
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
        self.with_pattern(settings, request.match_pattern().as_deref(), || request.match_name())
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
        let route = self.with_pattern(settings, request.match_pattern().as_deref(), || name);
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
        let route = self.with_pattern(settings, pattern.as_deref(), || request.match_name());
        if told && let Some(pattern) = pattern {
            self.by_match.borrow_mut().learn(request, &pattern, &route);
        }
        route
    }

    /// The route with this pattern, of those that the app has; `name` is its resource's.
    #[inline]
    pub(super) fn with_pattern<'a>(
        &self,
        settings: &Settings,
        pattern: Option<&str>,
        name: impl FnOnce() -> Option<&'a str>,
    ) -> Rc<Route> {
        let Some(pattern) = pattern else { return Rc::clone(&self.unmatched) };
        if let Some(route) = self.by_pattern.borrow().get(pattern) {
            return Rc::clone(route);
        }
        self.first_with_pattern(settings, pattern, name())
    }

    #[cold]
    fn first_with_pattern(&self, settings: &Settings, pattern: &str, name: Option<&str>) -> Rc<Route> {
        let own = is_own(name) && !settings.counts_own_pages;
        let route = Route::new(settings, Some(pattern.to_owned()), own);
        self.by_pattern.borrow_mut().insert(pattern.to_owned(), Rc::clone(&route));
        route
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::{Method, StatusCode};

    use super::*;
    use crate::builtin::API_REQUESTS;

    #[test]
    fn what_is_kept_counts_where_the_families_say() {
        let settings = Settings::default();
        let found = Found::new(&settings);
        for _ in 0..3 {
            let route = found.with_pattern(&settings, Some("/found/{again}"), || None);
            route.series(&settings, &Method::PUT, StatusCode::CREATED).requests.inc();
        }
        let labels = API_REQUESTS { endpoint: "/found/{again}", method: "PUT", status: 201 };
        assert_eq!(API_REQUESTS.with(labels).value(), 3);
    }
}
