//! Routes told by what was matched of a path, without their pattern, which actix-web writes out anew for whoever asks.
//!
//! A pattern is text and names by turns: `/users/{id}/posts/{post}`. The text is what the path has between the values
//! that were found, and each name stands in one place in memory as long as the process lives, that of the resource or
//! scope whose it is; of two with the same name each has a place of its own. So text and places tell the pattern, but
//! for resources that are given several patterns at once, which are called by their first: an app that has one is not
//! told this way.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::dev::{Path, ResourceDef, ResourceMap, Url};
use foldhash::fast::RandomState;

use super::route::Route;

/// The routes that were seen to be told by what was matched.
#[derive(Default)]
pub(super) struct Matches {
    /// Those without names, by their text.
    plain: HashMap<String, Rc<Route>, RandomState>,
    /// The others, by the place of their first name. More than one have it where it is a scope's.
    named: HashMap<usize, Vec<Matched>, RandomState>,
    /// Whether the app can be told; known once it was asked.
    tells: OnceCell<bool>,
}

struct Matched {
    /// Text and the name after it.
    parts: Vec<(String, usize)>,
    /// The text after the last name.
    end: String,
    route: Rc<Route>,
}

impl Matches {
    /// The route whose match this is; `path` is where it was found.
    #[inline]
    pub(super) fn get(&self, found: &Path<Url>, path: &str) -> Option<&Rc<Route>> {
        // Each look at `found` has actix-web look for the path in the URI: as few as can be.
        let mut rest = found.iter();
        let Some(first) = rest.next() else { return self.plain.get(path) };
        let all = self.named.get(&place(first.0))?;
        if let [matched] = &all[..] {
            return matched.is(path, first, rest).then_some(&matched.route);
        }
        let is = |matched: &&Matched| {
            let mut rest = found.iter();
            rest.next().is_some_and(|first| matched.is(path, first, rest))
        };
        Some(&all.iter().find(is)?.route)
    }

    /// Remembers a route, if it is one that its match tells.
    #[cold]
    pub(super) fn learn(&mut self, request: &HttpRequest, pattern: &str, route: &Rc<Route>) {
        if !self.tells.get_or_init(|| all_have_one_pattern(request.resource_map())) {
            return;
        }
        let found = request.match_info();
        let Some(matched) = Matched::of(found, pattern, route) else { return };
        match matched.parts.first() {
            None => drop(self.plain.insert(matched.end, matched.route)),
            Some((_, first)) => self.named.entry(*first).or_default().push(matched),
        }
    }
}

impl Matched {
    /// None where the pattern is not made of this text and these names.
    fn of(found: &Path<Url>, mut pattern: &str, route: &Rc<Route>) -> Option<Matched> {
        let (mut path, mut parts) = (found.as_str(), Vec::new());
        for (name, value) in found.iter() {
            let text = path.get(..place(value).checked_sub(place(path))?)?;
            path = path.get(text.len() + value.len()..)?;
            parts.push((text.to_owned(), place(name)));
            pattern = after_name(pattern.strip_prefix(text)?, name)?;
        }
        (pattern == path).then(|| Matched { parts, end: path.to_owned(), route: Rc::clone(route) })
    }

    #[inline]
    fn is<'a>(
        &self,
        mut path: &'a str,
        first: (&'a str, &'a str),
        mut rest: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> bool {
        let mut found = Some(first);
        for (text, name) in &self.parts {
            let Some((found_name, value)) = found else { return false };
            let Some(after) = path.strip_prefix(text.as_str()) else { return false };
            if place(after) != place(value) || place(found_name) != *name {
                return false;
            }
            let Some(after) = after.get(value.len()..) else { return false };
            path = after;
            found = rest.next();
        }
        found.is_none() && path == self.end
    }
}

/// Where text stands in memory.
#[inline]
fn place(text: &str) -> usize {
    text.as_ptr().addr()
}

/// What follows `{name}` or `{name:expression}` at the beginning of a pattern.
fn after_name<'a>(pattern: &'a str, name: &str) -> Option<&'a str> {
    let rest = pattern.strip_prefix('{')?.strip_prefix(name)?;
    if !rest.starts_with(['}', ':']) {
        return None;
    }
    let mut open = 1;
    let end = rest.find(|char| {
        open += match char {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        open == 0
    })?;
    let rest = &rest[end + 1..];
    // The last may take all that is left of a path.
    Some(rest.strip_prefix('*').unwrap_or(rest))
}

/// Whether no resource of an app has several patterns. A map does not say it but in what it prints for debugging, where
/// a pattern that reads as `SEVERAL` only costs time; if another actix-web prints otherwise, no app is told.
fn all_have_one_pattern(map: &ResourceMap) -> bool {
    const SEVERAL: &str = "List([";
    let prints = |shown: &dyn std::fmt::Debug| format!("{shown:?}").contains(SEVERAL);
    prints(&ResourceDef::new(["/a", "/b"])) && !prints(&ResourceDef::new("/a")) && !prints(map)
}
