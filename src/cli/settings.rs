//! How a gateway runs, whatever its objects come from.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::Listen;
use crate::telemetry::LogTarget;
use crate::transport::{EgressItem, HttpProxy};
use crate::wire::forwarded::TrustedProxies;

/// What an installation decides about objects, whether it serves them or only checks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The class of the objects that count.
    pub class: Box<str>,
    /// In a cluster it adds to what URLs may reach; with files, it is all that they may reach, unless it is empty.
    pub egress_allow: Vec<EgressItem>,
}

/// How a gateway runs, whatever its objects come from.
#[derive(Debug)]
pub struct Settings {
    /// Where requests are served.
    pub http: SocketAddr,
    /// Where health, readiness and metrics are served.
    pub probes: SocketAddr,
    /// Where the operator's view is served; a loopback address.
    pub admin: SocketAddr,
    /// Data threads.
    pub threads: NonZeroUsize,
    /// Client connections at once; more wait in the kernel's queue.
    pub max_connections: NonZeroUsize,
    /// What it decides about objects.
    pub installation: Installation,
    /// The peers whose word on the client's address is taken, and in which headers they give it.
    pub trusted_proxies: TrustedProxies,
    /// The proxy through which key sets are fetched.
    pub outbound_proxy: Option<HttpProxy>,
    /// More authorities to trust in outbound TLS, in PEM.
    pub ca_file: Option<PathBuf>,
    /// The folder for what outlives a process without a cluster.
    pub state: Option<PathBuf>,
    /// Where the access log is written.
    pub access_log: LogTarget,
    /// Which other log lines are written; a filter as `tracing-subscriber` reads it.
    pub log: Box<str>,
    /// From being told to end to accepting no more connections, so that whoever sends them can learn of it.
    pub shutdown_delay: Duration,
    /// From then to the end, for requests that are under way.
    pub shutdown_grace: Duration,
}

impl Settings {
    /// The address of one of the listeners.
    pub const fn address(&self, listen: Listen) -> SocketAddr {
        match listen {
            Listen::Http => self.http,
            Listen::Probes => self.probes,
            Listen::Admin => self.admin,
        }
    }

    /// The address of one of the listeners, to change it.
    pub const fn address_mut(&mut self, listen: Listen) -> &mut SocketAddr {
        match listen {
            Listen::Http => &mut self.http,
            Listen::Probes => &mut self.probes,
            Listen::Admin => &mut self.admin,
        }
    }
}
