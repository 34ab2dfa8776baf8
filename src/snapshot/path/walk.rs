//! All routes of a tree, in a fixed order: for whoever shows them, never for a request.

use std::sync::Arc;

use super::super::route::{PathMatch, Route};
use super::PathNode;

impl PathNode {
    /// Every route below this, with its path: by path, exact before prefix, the best first.
    pub fn routes(&self) -> Vec<(PathMatch, &Arc<Route>)> {
        let mut routes = Vec::new();
        self.collect(&mut String::new(), &mut routes);
        routes
    }

    fn collect<'a>(&'a self, path: &mut String, routes: &mut Vec<(PathMatch, &'a Arc<Route>)>) {
        let root = if path.is_empty() { "/" } else { path.as_str() };
        routes.extend(self.exact.iter().map(|route| (PathMatch::Exact(root.into()), route)));
        routes.extend(self.prefix.iter().map(|route| (PathMatch::Prefix(root.into()), route)));
        for (segment, child) in &self.children {
            let length = path.len();
            path.push('/');
            path.push_str(segment);
            child.collect(path, routes);
            path.truncate(length);
        }
    }
}
