//! A route: the conditions under which it takes a request, its rank among others, and its chain.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};

use super::chain::Chain;
use crate::clock::UnixTime;

/// One match of one rule of one `ApiRoute`, under one host.
#[derive(Debug)]
pub struct Route {
    /// What the request must be beyond its host and path.
    pub conditions: Conditions,
    /// Its place among routes of the same path; unique.
    pub rank: Rank,
    /// What happens to the requests that it takes.
    pub chain: Arc<Chain>,
}

/// A path as a rule writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathMatch {
    /// This path alone. `/orders` and `/orders/` differ.
    Exact(Arc<str>),
    /// This path and all below it, by whole segments; a trailing slash means nothing.
    Prefix(Arc<str>),
}

impl PathMatch {
    /// What follows the leading slash, `None` for the root of all prefixes, and whether the match is exact.
    pub(super) fn parts(&self) -> (Option<&str>, bool) {
        match self {
            Self::Exact(path) => (Some(path.strip_prefix('/').unwrap_or(path)), true),
            Self::Prefix(path) => {
                let path = path.strip_suffix('/').unwrap_or(path);
                (path.strip_prefix('/'), false)
            }
        }
    }
}

/// What a request must be beyond its host and path. All must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conditions {
    /// Any of these; empty: every method.
    pub methods: Box<[Method]>,
    /// Each of these headers once, with exactly this value.
    pub headers: Box<[(HeaderName, HeaderValue)]>,
}

impl Conditions {
    /// Whether a request with this head meets them.
    pub fn hold(&self, head: &Parts) -> bool {
        (self.methods.is_empty() || self.methods.contains(&head.method))
            && self.headers.iter().all(|(name, value)| header_is(head, name, value))
    }
}

/// A field that is there twice says two things, and matches nothing.
fn header_is(head: &Parts, name: &HeaderName, wanted: &HeaderValue) -> bool {
    let mut values = head.headers.get_all(name).iter();
    values.next() == Some(wanted) && values.next().is_none()
}

/// Which of several routes of the same host and path comes first: as in Gateway API, one that names methods, then the
/// most headers, then the oldest object, then the first by name, then the first in its object. The least rank wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// Zero if methods are named, else one.
    pub any_method: bool,
    /// `u32::MAX` less the number of headers named.
    pub headers_missing: u32,
    /// When the object was created.
    pub created: UnixTime,
    /// `namespace/name` of the object.
    pub object: Arc<str>,
    /// Which rule of the object.
    pub rule: u32,
    /// Which match of the rule.
    pub entry: u32,
}
