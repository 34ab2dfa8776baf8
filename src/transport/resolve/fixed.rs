//! Names that lead where a table says.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Resolve, ResolveError, Resolved, Resolving, by_rule};

/// A table of names, which can be changed while it is in use. A name that is not in it does not exist. As large as
/// whoever fills it makes it.
#[derive(Debug, Default)]
pub struct FixedNames {
    names: Mutex<BTreeMap<String, Result<Resolved, ResolveError>>>,
}

impl FixedNames {
    /// No names but those that need no table.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `name` leads to `addresses`, for that long at a time; to none: it does not exist.
    pub fn set(&self, name: &str, addresses: Vec<IpAddr>, ttl: Duration) {
        self.put(name, Resolved::new(addresses, ttl));
    }

    /// From now on looking up `name` ends so.
    pub fn fail(&self, name: &str, error: ResolveError) {
        self.put(name, Err(error));
    }

    fn put(&self, name: &str, result: Result<Resolved, ResolveError>) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), result);
    }
}

impl Resolve for FixedNames {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        let result = by_rule(host).map_or_else(
            || {
                let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
                names.get(host).cloned().unwrap_or(Err(ResolveError::NotFound))
            },
            Ok,
        );
        Box::pin(std::future::ready(result))
    }
}
