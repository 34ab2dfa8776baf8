//! Snapshots made by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::clock::UnixTime;
use crate::name::Bytes;
use crate::snapshot::{
    Access, Action, Backend, Chain, Conditions, Dialect, Endpoints, HeaderEdits, HostHeader, HostPattern, Hosts,
    PathMatch, Protocol, Rank, Route, Snapshot, Stages, Timeouts, Upstream, UpstreamId, Weighted,
};

/// The host of every route here, as clients ask for it.
pub(super) const HOST: &str = "api.example.com";

/// The rules of a snapshot under construction.
#[derive(Default)]
pub(super) struct Tables {
    hosts: Hosts,
    rules: u32,
    pub(super) identity_headers: Vec<http::HeaderName>,
}

impl Tables {
    /// Adds a rule for a path prefix.
    pub(super) fn rule(mut self, prefix: &str, stages: Stages) -> Self {
        self.chain(prefix, Chain::Serve(Box::new(stages)));
        self
    }

    /// Adds a rule of any kind.
    pub(super) fn chain(&mut self, prefix: &str, chain: Chain) {
        let rank = Rank {
            any_method: true,
            headers_missing: u32::MAX,
            created: UnixTime::default(),
            object: "shop/orders".into(),
            rule: self.rules,
            entry: 0,
        };
        let route = Route { conditions: Conditions::default(), rank, chain: Arc::new(chain) };
        self.rules += 1;
        self.hosts.insert(&HostPattern::parse(HOST), &PathMatch::Prefix(prefix.into()), Arc::new(route));
    }

    pub(super) fn snapshot(self) -> Snapshot {
        Snapshot {
            hosts: self.hosts,
            identity_headers: Arc::new(crate::wire::headers::IdentityHeaders::new(&self.identity_headers)),
            ..Snapshot::default()
        }
    }
}

/// A snapshot with one open rule that sends everything to `address`.
pub(super) fn open_to(address: SocketAddr) -> Snapshot {
    Tables::default().rule("/", stages(forward(address))).snapshot()
}

/// A rule that is open to everybody and takes `action`.
pub(super) fn stages(action: Action) -> Stages {
    Stages {
        rule: "shop/orders/all".into(),
        access: Access::Anonymous,
        max_body: Bytes(1 << 20),
        timeouts: Timeouts { request: None, connect: Duration::from_secs(1), idle: Duration::from_mins(1) },
        request: HeaderEdits::default(),
        host: None,
        path: None,
        response: HeaderEdits::default(),
        dialect: Dialect::Problem,
        action,
    }
}

/// Everything to `address`, over HTTP/1.1.
pub(super) fn forward(address: SocketAddr) -> Action {
    to(upstream(&[address], Protocol::Http1))
}

/// Everything to this upstream.
pub(super) fn to(upstream: Arc<Upstream>) -> Action {
    backend(Backend::Upstream { upstream, strip: "".into(), base: "".into(), credential: None, access: None })
}

/// Everything to this backend.
pub(super) fn backend(backend: Backend) -> Action {
    Action::Forward(Weighted { backends: [(1, backend)].into(), total: 1 })
}

pub(super) fn upstream(addresses: &[SocketAddr], protocol: Protocol) -> Arc<Upstream> {
    Arc::new(Upstream {
        id: UpstreamId("shop/orders:80".into()),
        protocol,
        host: HostHeader::FromClient,
        tls: None,
        endpoints: Arc::new(ArcSwap::from_pointee(Endpoints { addresses: addresses.into() })),
    })
}
