//! The toolkit's own pages in an app: scrapes, the live page with its feed, anomalies. A request for one of them is told
//! here, so that it is not taken for traffic of the service; what the pages say is for others.

use std::cell::OnceCell;
use std::sync::{Mutex, PoisonError};

use actix_web::dev::ServiceRequest;
use actix_web::{Resource, web};

/// How the names of these resources begin.
const NAME: &str = "monitor_runtime:";

/// What the paths of all pages of this process end with.
static ENDS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A resource at `path` that is one of these pages.
pub(super) fn resource(path: &str) -> Resource {
    // Of a pattern, what stands before its first value; a scope may stand before all of it.
    let end = path.split_once('{').map_or(path, |(text, _)| text);
    let mut ends = ENDS.lock().unwrap_or_else(PoisonError::into_inner);
    if !ends.iter().any(|known| known == end) {
        ends.push(end.to_owned());
    }
    web::resource(path).name(&format!("{NAME}{path}"))
}

/// Whether a resource with this name is one of these pages.
pub(super) fn is_own(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.starts_with(NAME))
}

/// What a middleware knows of these pages.
#[derive(Debug, Default)]
pub(super) struct OwnPages {
    /// A copy of [`ENDS`], made by the first request: by then the app is whole.
    ends: OnceCell<Box<[String]>>,
}

impl OwnPages {
    /// Whether a request is for one of them, before it is known which resource serves it.
    #[inline]
    pub(super) fn have(&self, request: &ServiceRequest) -> bool {
        match self.ends.get() {
            Some(ends) if ends.is_empty() => false,
            _ => self.look_for(request),
        }
    }

    #[inline(never)]
    fn look_for(&self, request: &ServiceRequest) -> bool {
        let ends = self.ends.get_or_init(|| ENDS.lock().unwrap_or_else(PoisonError::into_inner).as_slice().into());
        // As the routes are matched: without escapes, and whatever `NormalizePath` makes of a slash at the end.
        let path = if request.path().contains('%') { request.match_info().as_str() } else { request.path() };
        let path = path.trim_end_matches('/');
        // Most paths are told by their text, without asking the app for the resource.
        let may_be = ends.iter().any(|end| path.ends_with(end.as_str()) || end.ends_with('/') && path.contains(&**end));
        may_be && is_own(request.resource_map().match_name(path))
    }
}
