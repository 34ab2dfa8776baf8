//! From a path to a route: a tree of segments.
//!
//! ```text
//! /            (root)   prefix: the routes of Prefix /
//! └ orders              exact: those of Exact /orders       prefix: those of Prefix /orders
//!   ├ ""                exact: those of Exact /orders/
//!   └ archive           …
//! ```
//!
//! A look-up walks down as far as segments are found, then back up until a list has a route whose conditions hold: an
//! exact path before a prefix, a longer prefix before a shorter one. It costs one binary search per segment and
//! allocates nothing. Paths are compared byte by byte after normalisation (see `wire::target`).

mod walk;

use std::sync::Arc;

use http::request::Parts;

use super::route::{PathMatch, Route};

/// One segment of the tree and all below it.
#[derive(Clone, Debug, Default)]
pub struct PathNode {
    /// Sorted by segment.
    children: Vec<(Arc<str>, Arc<PathNode>)>,
    /// Routes for exactly this path, best first.
    exact: Vec<Arc<Route>>,
    /// Routes for this path and all below it, best first.
    prefix: Vec<Arc<Route>>,
}

impl PathNode {
    /// The route that takes a request for `path`, a normalised absolute path, with this head.
    pub fn find(&self, path: &str, head: &Parts) -> Option<&Arc<Route>> {
        self.descend(path.strip_prefix('/'), head)
    }

    fn descend(&self, rest: Option<&str>, head: &Parts) -> Option<&Arc<Route>> {
        let Some(rest) = rest else {
            return first(&self.exact, head).or_else(|| first(&self.prefix, head));
        };
        let (segment, tail) = split(rest);
        self.child(segment).and_then(|child| child.descend(tail, head)).or_else(|| first(&self.prefix, head))
    }

    fn child(&self, segment: &str) -> Option<&PathNode> {
        let place = self.place(segment).ok()?;
        self.children.get(place).map(|(_, child)| child.as_ref())
    }

    fn place(&self, segment: &str) -> Result<usize, usize> {
        self.children.binary_search_by(|(name, _)| name.as_ref().cmp(segment))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.children.is_empty() && self.exact.is_empty() && self.prefix.is_empty()
    }

    /// Adds `route` at `path`; of routes with equal rank the one that came first stays first.
    pub(super) fn insert(&mut self, path: &PathMatch, route: Arc<Route>) {
        let (text, is_exact) = path.parts();
        let node = self.grow(text);
        let list = if is_exact { &mut node.exact } else { &mut node.prefix };
        let place = list.partition_point(|other| other.rank <= route.rank);
        list.insert(place, route);
    }

    fn grow(&mut self, rest: Option<&str>) -> &mut Self {
        let Some(rest) = rest else { return self };
        let (segment, tail) = split(rest);
        let place = self.place(segment).unwrap_or_else(|place| {
            self.children.insert(place, (segment.into(), Arc::default()));
            place
        });
        #[expect(clippy::indexing_slicing, reason = "found or inserted just above")]
        let child = &mut self.children[place].1;
        Arc::make_mut(child).grow(tail)
    }

    /// Removes `route` at `path`, and the segments that lead nowhere then.
    pub(super) fn remove(&mut self, path: &PathMatch, route: &Route) {
        let (text, is_exact) = path.parts();
        self.prune(text, is_exact, route);
    }

    fn prune(&mut self, rest: Option<&str>, is_exact: bool, route: &Route) {
        let Some(rest) = rest else {
            let list = if is_exact { &mut self.exact } else { &mut self.prefix };
            list.retain(|other| other.rank != route.rank);
            return;
        };
        let (segment, tail) = split(rest);
        let Ok(place) = self.place(segment) else { return };
        let Some((_, child)) = self.children.get_mut(place) else { return };
        Arc::make_mut(child).prune(tail, is_exact, route);
        if child.is_empty() {
            self.children.remove(place);
        }
    }
}

fn first<'a>(routes: &'a [Arc<Route>], head: &Parts) -> Option<&'a Arc<Route>> {
    routes.iter().find(|route| route.conditions.hold(head))
}

/// The first segment, and what follows its slash.
fn split(path: &str) -> (&str, Option<&str>) {
    let slash = path.bytes().position(|byte| byte == b'/');
    match slash.and_then(|slash| Some((path.get(..slash)?, path.get(slash + 1..)?))) {
        Some((segment, tail)) => (segment, Some(tail)),
        None => (path, None),
    }
}
