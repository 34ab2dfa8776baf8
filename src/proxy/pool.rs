//! The connections of one data thread to endpoints: in use, or waiting to be used again.
//!
//! Waiting HTTP/1.1 links are a stack per endpoint: the one used last is the one least likely to have been closed. All
//! threads together keep at most [`Shared::idle_links`](super::Shared) of them; one over the bound is closed instead.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::h2_link::H2Link;
use super::link::Link;
use crate::clock::Tick;
use crate::snapshot::Protocol;

/// What tells connections apart that must not be used for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PoolKey {
    pub(super) address: SocketAddr,
    pub(super) protocol: Protocol,
    pub(super) tls: Option<Arc<str>>,
}

/// All connections of one thread. Bounded by the endpoints in use: the sweep forgets the others.
pub(super) struct Pool {
    endpoints: RefCell<HashMap<PoolKey, Rc<EndpointPool>, foldhash::fast::RandomState>>,
    idle: Arc<AtomicUsize>,
    max_idle: usize,
}

/// The connections of one thread to one endpoint.
pub(super) struct EndpointPool {
    #[expect(clippy::vec_box, reason = "a link is large, and comes and goes with every request")]
    links: RefCell<Vec<Box<Link>>>,
    h2: RefCell<Option<H2Link>>,
    /// Requests that this thread has under way there.
    in_flight: Cell<u32>,
    idle: Arc<AtomicUsize>,
    max_idle: usize,
}

/// Counts one request as under way for as long as it lives.
pub(super) struct InFlight {
    pub(super) address: SocketAddr,
    pub(super) endpoint: Rc<EndpointPool>,
}

impl Pool {
    /// An empty pool that counts its idle links in `idle`, together with the other threads.
    pub(super) fn new(idle: Arc<AtomicUsize>, max_idle: usize) -> Self {
        Self { endpoints: RefCell::default(), idle, max_idle }
    }

    /// Counts a request in at this endpoint.
    pub(super) fn enter(&self, key: PoolKey) -> InFlight {
        let address = key.address;
        let endpoint = self.endpoint(key);
        endpoint.in_flight.set(endpoint.in_flight.get().saturating_add(1));
        InFlight { address, endpoint }
    }

    fn endpoint(&self, key: PoolKey) -> Rc<EndpointPool> {
        let mut endpoints = self.endpoints.borrow_mut();
        let endpoint = endpoints.entry(key).or_insert_with(|| {
            Rc::new(EndpointPool {
                links: RefCell::default(),
                h2: RefCell::default(),
                in_flight: Cell::new(0),
                idle: Arc::clone(&self.idle),
                max_idle: self.max_idle,
            })
        });
        Rc::clone(endpoint)
    }

    /// How many requests this thread has under way at this endpoint.
    pub(super) fn load(&self, key: &PoolKey) -> u32 {
        self.endpoints.borrow().get(key).map_or(0, |endpoint| endpoint.in_flight.get())
    }

    /// Closes what has been idle since before `oldest` or was closed by its endpoint, and forgets unused endpoints.
    pub(super) fn sweep(&self, oldest: Tick) {
        self.endpoints.borrow_mut().retain(|_, endpoint| {
            let mut links = endpoint.links.borrow_mut();
            let before = links.len();
            links.retain_mut(|link| link.idle_since.is_some_and(|since| since >= oldest) && link.is_reusable());
            endpoint.idle.fetch_sub(before - links.len(), Ordering::Relaxed);
            endpoint.h2.borrow_mut().take_if(|link| link.is_closed());
            !links.is_empty() || endpoint.in_flight.get() > 0 || endpoint.h2.borrow().is_some()
        });
    }

    /// Closes everything idle, and keeps no HTTP/2 connection for later: those end with their last request.
    pub(super) fn clear(&self) {
        for endpoint in self.endpoints.borrow().values() {
            endpoint.h2.borrow_mut().take();
        }
        self.sweep(Tick::from_start(Duration::MAX));
    }
}

impl EndpointPool {
    /// Whether a link waits, closed by its endpoint or not.
    pub(super) fn has_waiting(&self) -> bool {
        !self.links.borrow().is_empty() || self.h2.borrow().is_some()
    }

    /// The HTTP/2 connection, if one is open.
    pub(super) fn h2_link(&self) -> Option<H2Link> {
        let mut link = self.h2.borrow_mut();
        link.take_if(|link| link.is_closed());
        link.clone()
    }

    /// Shares `link` with later requests. One that was opened at the same time ends when its requests have.
    pub(super) fn keep_h2(&self, link: H2Link) -> H2Link {
        *self.h2.borrow_mut() = Some(link.clone());
        link
    }

    /// The link that has waited least. Its endpoint may have closed it since.
    pub(super) fn take(&self) -> Option<Box<Link>> {
        let link = self.links.borrow_mut().pop()?;
        self.idle.fetch_sub(1, Ordering::Relaxed);
        Some(link)
    }

    /// Keeps a link whose exchange is over, if it can be used again and there is room.
    pub(super) fn put(&self, mut link: Box<Link>, now: Tick) {
        if !link.is_reusable() {
            return;
        }
        if self.idle.fetch_add(1, Ordering::Relaxed) >= self.max_idle {
            self.idle.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        link.idle_since = Some(now);
        self.links.borrow_mut().push(link);
    }
}

impl Drop for EndpointPool {
    fn drop(&mut self) {
        self.idle.fetch_sub(self.links.borrow().len(), Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let count = &self.endpoint.in_flight;
        count.set(count.get().saturating_sub(1));
    }
}
