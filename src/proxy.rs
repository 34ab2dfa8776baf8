//! Serves requests: listen, match, authenticate, limit, transform, forward, settle.
//!
//! One thread per core, each with a runtime, connections, pools and caches of its own; see [`request`] for the life of
//! a request. The control side hands over accepted sockets and snapshots, and is never asked for anything.

mod access;
mod admit;
mod body;
mod claims;
mod connection;
mod credential;
mod deadline;
mod exchange;
mod forward;
mod h2_link;
mod heads;
mod issue;
mod link;
mod listen;
mod patience;
mod pinned;
mod pool;
mod random;
mod receive;
mod redirect;
mod refusal;
mod request;
mod session;
mod taking;
#[cfg(test)]
mod tests;
mod threads;
mod token_cache;
mod trace;
mod transform;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::issuer::Authority;
use crate::jose::FingerprintKey;
use crate::snapshot::Snapshot;
use crate::state::FailingSources;
use crate::wire::forwarded::TrustedProxies;
pub use listen::Listener;
pub use threads::{Parts, Proxy};
use token_cache::SharedTokens;

/// The bounds of one replica's data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections, over all threads; one more waits in the kernel's queue.
    pub connections: usize,
    /// Bytes of a request's head; more is 431. Over HTTP/2, as many as it would have over HTTP/1.1; beyond twice as
    /// many h2 answers 431 itself, which is neither logged nor counted. A target of more than 8 KiB in a head within
    /// the bound is 414.
    pub head_bytes: usize,
    /// Fields of a request's head; more is 431. The crumbs of an HTTP/2 cookie are one field.
    pub head_fields: usize,
    /// Bytes that are read ahead on one HTTP/1.1 connection.
    pub buffer_bytes: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// From the first byte of a head to its last.
    pub head_time: Duration,
    /// Between requests on one connection, and without taking a byte of a reply.
    pub idle_time: Duration,
    /// Waiting upstream connections, over all threads.
    pub idle_links: usize,
    /// How long an upstream connection may wait.
    pub upstream_idle_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 65_536,
            head_bytes: 64 << 10,
            head_fields: 100,
            buffer_bytes: 128 << 10,
            streams: 128,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            idle_links: 1_024,
            upstream_idle_time: Duration::from_mins(1),
        }
    }
}

/// What the threads share: read on the request path, written by the control side only.
struct Shared {
    snapshot: Arc<ArcSwap<Snapshot>>,
    clock: Clock,
    limits: Limits,
    trusted_proxies: TrustedProxies,
    tls: Arc<ClientConfig>,
    idle_links: Arc<AtomicUsize>,
    tokens: Arc<SharedTokens>,
    failing_sources: FailingSources,
    /// What answers at the endpoints of our own issuers.
    authority: Arc<Authority>,
    /// What the subjects of the access log are hidden with.
    fingerprints: FingerprintKey,
    /// Where the last reference to an old snapshot goes.
    retired: mpsc::Sender<Arc<Snapshot>>,
}
