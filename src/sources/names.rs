//! Keeps the addresses of host names that URLs lead to: looked up at once, and again when their time to live has passed.
//!
//! Addresses go into the snapshot's cells sorted, once each, and only those that the egress rules permit. What was found
//! stays in use while name servers fail; a name that leads to forbidden addresses alone has none at once.

mod keeper;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use super::keepers::{Wanted, keep_each};
use super::pace::Draw;
use crate::clock::Clock;
use crate::resources::{DnsName, Update};
use crate::snapshot::Endpoints;
use crate::tasks::Tasks;
use crate::transport::{EgressRules, Resolve};
use keeper::Keeper;

/// The names that the snapshot holds, each with its cell.
pub type WantedNames = Wanted<DnsName, ArcSwap<Endpoints>>;

/// What is needed to look names up.
#[derive(Clone)]
pub struct Parts {
    /// Who looks up.
    pub resolver: Arc<dyn Resolve>,
    /// Which addresses may be used.
    pub egress: EgressRules,
    /// When to look again.
    pub clock: Clock,
    /// So that replicas do not ask in step.
    pub draw: Draw,
}

/// Keeps the names in `wanted`. A report of each is sent after it was first looked up, well or not, and then when it
/// changes. Ends when `wanted` or `sender` has no other end.
pub fn start(tasks: &mut Tasks, wanted: watch::Receiver<Arc<WantedNames>>, parts: Parts, sender: mpsc::Sender<Update>) {
    tasks.spawn(
        "names",
        keep_each("name", wanted, move |name, cell| Keeper::new(name, cell, parts.clone(), sender.clone()).run()),
    );
}
