//! All that a table holds, in a fixed order: for whoever shows it, never for a request.

use std::sync::Arc;

use super::super::path::PathNode;
use super::{HostPattern, Hosts, Shards};

impl Hosts {
    /// Every host and its paths: exact hosts, then wildcards, then the one for all others, each by name.
    pub fn iter(&self) -> impl Iterator<Item = (HostPattern, &PathNode)> {
        let exact = self.exact.sorted().into_iter().map(|(host, paths)| (HostPattern::Exact(Arc::clone(host)), paths));
        let below =
            self.wildcard.sorted().into_iter().map(|(host, paths)| (HostPattern::Below(Arc::clone(host)), paths));
        exact.chain(below).chain(self.any.as_deref().map(|paths| (HostPattern::Any, paths)))
    }
}

impl Shards {
    fn sorted(&self) -> Vec<(&Arc<str>, &PathNode)> {
        let mut hosts: Vec<_> =
            self.maps.iter().flat_map(|map| map.iter()).map(|(host, paths)| (host, paths.as_ref())).collect();
        hosts.sort_unstable_by_key(|(host, _)| *host);
        hosts
    }
}
