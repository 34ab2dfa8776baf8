//! A set of endpoints that are interchangeable.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderValue;

/// What an upstream is, independent of any snapshot: state that outlives snapshots is kept under it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamId(pub Arc<str>);

impl fmt::Display for UpstreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Which version of HTTP an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 over cleartext with prior knowledge.
    H2c,
}

/// The Host header that an upstream is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// What the client sent.
    FromClient,
    /// This.
    Fixed(HeaderValue),
}

/// A set of endpoints, and how to speak to them.
#[derive(Debug)]
pub struct Upstream {
    /// Stable identity.
    pub id: UpstreamId,
    /// How to speak.
    pub protocol: Protocol,
    /// Whom to ask for.
    pub host: HostHeader,
    /// The name to verify in the endpoint's certificate; `None` for cleartext.
    pub tls: Option<Arc<str>>,
    /// Where; swapped in place when endpoints move.
    pub endpoints: Arc<ArcSwap<Endpoints>>,
}

/// The addresses that are in service now: sorted, without repetition, and already checked against the egress rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Where to dial.
    pub addresses: Arc<[SocketAddr]>,
}
