//! Health, readiness, metrics, redacted dump, console.
//!
//! Two servers: the probes, which may be open to a cluster, and the operator's view, which is for this machine alone.
//! Neither changes anything, and neither shows a secret: what is shown is picked field by field, never by leaving out.

mod dump;
mod metrics;
mod pages;
mod readiness;
mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::finding::Finding;
use crate::snapshot::Snapshot;
use crate::telemetry::{Counters, LogLosses, Publications};
pub use pages::{operator, probes};
pub use readiness::{Missing, Readiness};
pub use server::serve;

/// What is shown.
pub struct View {
    /// Time.
    pub clock: Clock,
    /// The snapshot in force.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Which it is, and what it took.
    pub publications: Arc<Publications>,
    /// Whether this replica can be sent requests.
    pub readiness: Arc<Readiness>,
    /// What is wrong with the resources, in order.
    pub findings: watch::Receiver<Arc<[Finding]>>,
    /// The counters of requests.
    pub counters: Counters,
    /// What of the access log was lost.
    pub log_losses: LogLosses,
}
