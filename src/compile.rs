//! Turns resources into a snapshot and findings, redoing only what changed.
//!
//! ```text
//! object ─ unit ──────────────► what it decides alone      Services ─► endpoint cells
//!            │ policies, models, ports (look-ups logged, misses too)  Secrets ─► key cells
//!            ▼
//!          chain ─────────────► what becomes of the requests of a rule
//!            │ ownership of hosts, duplicates
//!            ▼
//!          link ──────────────► hosts, paths, routes ─► snapshot
//! ```
//!
//! Each level is a function of stated inputs, remembered until one of them changes. The snapshot and all findings are a
//! function of the objects alone: neither the order of events nor what was in force before decides anything. [`oracle()`]
//! computes the same from nothing, and a test holds the two together.
//!
//! A rule is served only if all that it needs is there and in order. There is no way from a broken rule to an open one:
//! it becomes [`Chain::Refuse`](crate::snapshot::Chain::Refuse).

pub mod admission;
mod cells;
mod chain;
mod compiler;
mod identity;
mod issuers;
mod known;
mod linker;
mod models;
mod notes;
mod oracle;
mod ownership;
mod policies;
mod retired;
mod routes;
mod secrets;
mod services;
mod signing;
#[cfg(test)]
mod tests;
mod unit;
mod users;
mod verdicts;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

pub use compiler::Compiler;
pub use oracle::oracle;

use crate::finding::Finding;
use crate::name::{Bytes, ObjectKey};
use crate::resources::{DnsName, KeySource, Scope, Verdict, Version};
use crate::rotation::Plans;
use crate::snapshot::{Endpoints, KeyCell, Snapshot, Timeouts};

/// What an installation decides for all its resources.
#[derive(Clone)]
pub struct Settings {
    /// The class of the objects that are ours.
    pub class: Arc<str>,
    /// Whether an `ApiRoute` may take every host by naming none.
    pub hosts_without_names: bool,
    /// What holds where a rule does not say.
    pub defaults: Defaults,
    /// Whether a URL may lead to this address. A function, since the rules of egress belong to the layer that dials.
    pub egress: Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>,
    /// Our own service account as `namespace:name`, for the command that lets us read Secrets.
    pub service_account: Arc<str>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Settings").field("class", &self.class).finish_non_exhaustive()
    }
}

/// What holds where a rule does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// How long things may take.
    pub timeouts: Timeouts,
    /// The most bytes of a request's body.
    pub max_body: Bytes,
}

/// No limit on the whole of a request, since streams have no end that could be foreseen; 2 s for a connection, 60 s of
/// silence, and 10 MiB of a request's body.
impl Default for Defaults {
    fn default() -> Self {
        let timeouts = Timeouts { request: None, connect: Duration::from_secs(2), idle: Duration::from_mins(1) };
        Self { timeouts, max_body: Bytes(10 << 20) }
    }
}

/// What a compile gives.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What requests are served by from now on; the same as before if nothing in it changed.
    pub snapshot: Arc<Snapshot>,
    /// The verdicts that changed, by object; `None` where the object is gone, or is another installation's now.
    pub verdicts: Vec<(ObjectKey, Option<Arc<Verdict>>)>,
    /// What is wrong with the scopes themselves; all of it.
    pub scope_findings: Vec<Finding>,
    /// The cells that others fill; the same as before if none came or went.
    pub wanted: Arc<Wanted>,
    /// Whose signing keys rotate, and when; the same as before if nothing in it changed.
    pub plans: Plans,
    /// As of when each scope is in the snapshot.
    pub versions: BTreeMap<Scope, Version>,
    /// What had to be done.
    pub work: Work,
}

/// The cells that others fill, each with what it is to be filled with, in order.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Key sets to fetch.
    pub keys: Vec<(KeySource, Arc<KeyCell>)>,
    /// Names to look up.
    pub names: Vec<(DnsName, Arc<ArcSwap<Endpoints>>)>,
}

/// How much one compile did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Objects of ours that were read.
    pub units: usize,
    /// Chains that were made.
    pub chains: usize,
    /// Policies that were joined.
    pub policies: usize,
    /// Hosts whose paths changed.
    pub hosts: usize,
    /// Parts of the table of hosts that were copied.
    pub shards: usize,
}
