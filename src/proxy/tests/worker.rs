//! A data thread's state without its thread.

use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Method;

use super::gateway::{START, authority};
use crate::clock::{Clock, ManualClock};
use crate::jose::FingerprintKey;
use crate::proxy::exchange::Exchange;
use crate::proxy::random::Random;
use crate::proxy::session::Session;
use crate::proxy::token_cache::SharedTokens;
use crate::proxy::worker::Worker;
use crate::proxy::{Limits, Shared};
use crate::secret::Secret;
use crate::state::FailingSources;
use crate::wire::forwarded::{Peer, TrustedProxies};

/// A worker that serves nothing.
pub(super) fn worker() -> Rc<Worker> {
    let (retired, _) = tokio::sync::mpsc::channel(1);
    let clock = Arc::new(ManualClock::new(START));
    let shared = Shared {
        snapshot: Arc::new(ArcSwap::from_pointee(crate::snapshot::Snapshot::default())),
        clock: Clock::manual(Arc::clone(&clock)),
        limits: Limits::default(),
        trusted_proxies: TrustedProxies::default(),
        tls: crate::transport::client_config().unwrap(),
        idle_links: Arc::default(),
        tokens: Arc::new(SharedTokens::new()),
        failing_sources: FailingSources::new(),
        authority: Arc::new(authority(&clock)),
        fingerprints: FingerprintKey::new(&Secret::new(vec![1; 32])),
        retired,
    };
    Worker::new(Arc::new(shared), Arc::default(), None, Random::from_seed(1))
}

/// A request that has just come in on a connection of its own.
pub(super) fn exchange(worker: &Rc<Worker>, method: Method) -> Box<Exchange> {
    let peer = Peer::new("192.0.2.1".parse().unwrap(), &TrustedProxies::default());
    let session = Session::new(worker.deadlines(), Limits::default(), peer);
    let taking = session.begin();
    Exchange::new(Rc::clone(worker), session, taking, method)
}
