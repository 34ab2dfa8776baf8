//! From a host name to the paths served under it.
//!
//! ```text
//! api.example.com ──► exact    256 shards ─► map ─► paths      first
//! *.example.com   ──► wildcard 256 shards ─► map ─► paths      then, the longest suffix first
//! (no host named) ──► any                         ─► paths      last
//! ```
//!
//! The most specific host decides alone: a request that none of its paths take is not passed on to a wildcard, since a
//! route meant for 'all others' must not open what a more careful route closes.
//!
//! An edit copies one shard's map (1/256 of the hosts) and the path that leads to the route; all else is shared with
//! the snapshot before. A look-up hashes the host once per candidate and allocates nothing.

mod walk;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use super::path::PathNode;
use super::route::{PathMatch, Route};

const SHARDS: usize = 256;

/// Which hosts a route serves. Names are in lower case, without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This host alone.
    Exact(Arc<str>),
    /// Every host below this suffix, at any depth: `example.com` for `*.example.com`.
    Below(Arc<str>),
    /// Every host.
    Any,
}

impl HostPattern {
    /// The pattern that a user wrote: `api.example.com` or `*.example.com`.
    pub fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix("*.") {
            Some(suffix) => Self::Below(suffix.into()),
            None => Self::Exact(text.into()),
        }
    }

    /// Which part of the table has this pattern: an edit copies the part.
    pub fn shard(&self) -> usize {
        match self {
            Self::Exact(name) => shard(name),
            Self::Below(suffix) => SHARDS + shard(suffix),
            Self::Any => SHARDS + SHARDS,
        }
    }

    /// Whether every host that `other` covers is covered by this one.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Exact(ours), Self::Exact(theirs)) => ours == theirs,
            (Self::Below(suffix), Self::Exact(host) | Self::Below(host)) => {
                below(host, suffix) || (matches!(other, Self::Below(_)) && host == suffix)
            }
            (Self::Exact(_), Self::Below(_) | Self::Any) | (Self::Below(_), Self::Any) => false,
        }
    }
}

fn below(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// The table of all hosts.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    exact: Shards,
    wildcard: Shards,
    any: Option<Arc<PathNode>>,
}

impl Hosts {
    /// The paths of the most specific host that covers `host`, which is in lower case.
    pub fn find(&self, host: &str) -> Option<&PathNode> {
        if let Some(paths) = self.exact.get(host) {
            return Some(paths);
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(paths) = self.wildcard.get(parent) {
                return Some(paths);
            }
            rest = parent;
        }
        self.any.as_deref()
    }

    /// Adds `route` under `host` and `path`.
    pub fn insert(&mut self, host: &HostPattern, path: &PathMatch, route: Arc<Route>) {
        let paths = match host {
            HostPattern::Exact(name) => self.exact.entry(name),
            HostPattern::Below(suffix) => self.wildcard.entry(suffix),
            HostPattern::Any => self.any.get_or_insert_default(),
        };
        Arc::make_mut(paths).insert(path, route);
    }

    /// Removes what [`Hosts::insert`] added.
    pub fn remove(&mut self, host: &HostPattern, path: &PathMatch, route: &Route) {
        match host {
            HostPattern::Exact(name) => self.exact.edit(name, path, route),
            HostPattern::Below(suffix) => self.wildcard.edit(suffix, path, route),
            HostPattern::Any => {
                if let Some(paths) = &mut self.any {
                    Arc::make_mut(paths).remove(path, route);
                    if paths.is_empty() {
                        self.any = None;
                    }
                }
            }
        }
    }
}

type HostMap = HashMap<Arc<str>, Arc<PathNode>, foldhash::quality::FixedState>;

/// A map of hosts in [`SHARDS`] parts, each shared until it is edited. Host names come from resources, not from clients,
/// so a fixed seed gives an attacker nothing; and it makes equal tables equal.
#[derive(Clone, Debug)]
struct Shards {
    maps: Box<[Arc<HostMap>]>,
    used: bool,
}

impl Default for Shards {
    fn default() -> Self {
        let empty = Arc::new(HostMap::default());
        Self { maps: vec![empty; SHARDS].into(), used: false }
    }
}

impl Shards {
    fn get(&self, host: &str) -> Option<&PathNode> {
        if !self.used {
            return None;
        }
        self.maps.get(shard(host)).and_then(|map| map.get(host)).map(AsRef::as_ref)
    }

    fn entry(&mut self, host: &Arc<str>) -> &mut Arc<PathNode> {
        self.used = true;
        #[expect(clippy::indexing_slicing, reason = "shard() is below SHARDS, which is the length")]
        let map = Arc::make_mut(&mut self.maps[shard(host)]);
        map.entry(Arc::clone(host)).or_default()
    }

    fn edit(&mut self, host: &str, path: &PathMatch, route: &Route) {
        let Some(map) = self.maps.get_mut(shard(host)).map(Arc::make_mut) else { return };
        let Some(paths) = map.get_mut(host) else { return };
        Arc::make_mut(paths).remove(path, route);
        if paths.is_empty() {
            map.remove(host);
        }
    }
}

fn shard(host: &str) -> usize {
    let hash = foldhash::fast::FixedState::with_seed(0).hash_one(host);
    usize::from(hash.to_le_bytes()[0])
}
