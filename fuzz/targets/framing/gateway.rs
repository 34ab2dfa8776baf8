//! The data plane, with one route of each kind.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bearward::clock::{Clock, UnixTime};
use bearward::finding::Code;
use bearward::issuer::{self, Authority};
use bearward::jose::FingerprintKey;
use bearward::name::{Bytes, SnapshotId};
use bearward::proxy::{Limits, Listener, Parts, Proxy};
use bearward::secret::Secret;
use bearward::snapshot::{
    Access, Action, Backend, Chain, Conditions, Dialect, Endpoints, HeaderEdits, HostHeader, HostPattern, Hosts,
    PathMatch, Protocol, Rank, Redirect, Refused, Route, Snapshot, Stages, Timeouts, Upstream, UpstreamId, Weighted,
};
use bearward::telemetry::{Counters, LogFile, LogTarget};
use bearward::transport;
use bearward::wire::forwarded::TrustedProxies;
use bearward::wire::headers::IdentityHeaders;
use http::{HeaderName, StatusCode};

/// A field that only the gateway may set.
pub(crate) const IDENTITY: HeaderName = HeaderName::from_static("x-subject");

/// Starts the data plane in front of `upstream`; it ends with the process.
pub(crate) fn start(upstream: SocketAddr) -> SocketAddr {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let _inside = runtime.enter();
    let counters = Counters::new(1);
    let log = LogFile::open(&LogTarget::Nowhere).expect("nowhere can be opened");
    let mut proxy = Proxy::start(
        Parts {
            threads: 1,
            limits: Limits::default(),
            trusted_proxies: TrustedProxies::default(),
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot(upstream))),
            clock: Clock::system(),
            tls: transport::client_config().expect("the roots are compiled in"),
            seed: 1,
            fingerprints: FingerprintKey::new(&Secret::new(vec![1; 32])),
            authority: Arc::new(Authority::new(issuer::Parts::in_memory(Clock::system()))),
            counters,
        },
        &log,
    )
    .expect("threads can be made");
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = listener.address().expect("it is bound");
    proxy.listen(listener);
    // What is dropped ends.
    std::mem::forget((proxy, log, runtime));
    address
}

fn snapshot(upstream: SocketAddr) -> Snapshot {
    let mut hosts = Hosts::default();
    let chains = [
        ("/", Chain::Serve(Box::new(stages(forward(upstream))))),
        ("/closed", Chain::Refuse(Refused { rule: "fuzz/closed/0".into(), code: Code::NoAuth })),
        ("/away", Chain::Serve(Box::new(stages(redirect())))),
    ];
    for (number, (path, chain)) in (0..).zip(chains) {
        let rank = Rank {
            any_method: true,
            headers_missing: u32::MAX,
            created: UnixTime::from_secs(0),
            object: "fuzz/routes".into(),
            rule: number,
            entry: 0,
        };
        let route = Route { conditions: Conditions::default(), rank, chain: Arc::new(chain) };
        hosts.insert(&HostPattern::Any, &PathMatch::Prefix(path.into()), Arc::new(route));
    }
    let identity_headers = Arc::new(IdentityHeaders::new([&IDENTITY]));
    Snapshot { id: SnapshotId(1), hosts, identity_headers, ..Snapshot::default() }
}

fn stages(action: Action) -> Stages {
    Stages {
        rule: "fuzz/open/0".into(),
        access: Access::Anonymous,
        max_body: Bytes(1 << 12),
        timeouts: Timeouts {
            request: Some(std::time::Duration::from_secs(1)),
            connect: std::time::Duration::from_secs(1),
            idle: std::time::Duration::from_secs(1),
        },
        request: HeaderEdits::default(),
        host: None,
        path: None,
        response: HeaderEdits::default(),
        dialect: Dialect::Problem,
        action,
    }
}

fn forward(address: SocketAddr) -> Action {
    let upstream = Upstream {
        id: UpstreamId("fuzz/upstream".into()),
        protocol: Protocol::Http1,
        host: HostHeader::FromClient,
        tls: None,
        endpoints: Arc::new(ArcSwap::from_pointee(Endpoints { addresses: [address].into() })),
    };
    let backend = Backend::Upstream {
        upstream: Arc::new(upstream),
        strip: "".into(),
        base: "".into(),
        credential: None,
        access: None,
    };
    Action::Forward(Weighted { backends: [(1, backend)].into(), total: 1 })
}

fn redirect() -> Action {
    Action::Redirect(Redirect {
        status: StatusCode::FOUND,
        scheme: None,
        authority: Some(http::uri::Authority::from_static("elsewhere.example.com")),
        path: None,
    })
}
