//! Which route takes a request, and what an edit leaves alone.

mod edits;
mod look_up;
mod stages;

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request};

use super::{Chain, Conditions, HostPattern, Hosts, PathMatch, Rank, Refused, Route};
use crate::clock::UnixTime;
use crate::finding::Code;

/// A rank after that of every lower number.
fn rank(number: u32) -> Rank {
    Rank {
        any_method: true,
        headers_missing: u32::MAX,
        created: UnixTime::from_secs(0),
        object: "shop/orders".into(),
        rule: number,
        entry: 0,
    }
}

/// A route that is told from others by `name`.
fn route(name: &str, rank: Rank, conditions: Conditions) -> Arc<Route> {
    let chain = Arc::new(Chain::Refuse(Refused { rule: name.into(), code: Code::NoAuth }));
    Arc::new(Route { conditions, rank, chain })
}

fn plain(name: &str, number: u32) -> Arc<Route> {
    route(name, rank(number), Conditions::default())
}

fn host(text: &str) -> HostPattern {
    if text == "*" { HostPattern::Any } else { HostPattern::parse(text) }
}

fn exact(path: &str) -> PathMatch {
    PathMatch::Exact(path.into())
}

fn prefix(path: &str) -> PathMatch {
    PathMatch::Prefix(path.into())
}

fn methods<const N: usize>(methods: [Method; N]) -> Conditions {
    Conditions { methods: methods.into(), ..Conditions::default() }
}

fn headers<const N: usize>(headers: [(&'static str, &'static str); N]) -> Conditions {
    let headers = headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    Conditions { headers: headers.into(), ..Conditions::default() }
}

fn head(method: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// The name of the route that takes a request.
fn find<'t>(hosts: &'t Hosts, host: &str, path: &str, head: &Parts) -> Option<&'t str> {
    hosts.find(host)?.find(path, head).map(|route| route.chain.rule().as_ref())
}
