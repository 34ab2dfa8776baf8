//! The three sockets of a gateway, bound before anything else is started: a port that is taken is the commonest mistake.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::StartError;
use crate::cli::{Listen, Settings};
use crate::proxy::Listener;

/// Bound sockets that do not accept yet.
pub(super) struct Sockets {
    pub(super) http: Listener,
    pub(super) probes: TcpListener,
    pub(super) admin: TcpListener,
}

/// Where they are, port 0 replaced by the port that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) http: SocketAddr,
    pub(super) probes: SocketAddr,
    pub(super) admin: SocketAddr,
}

impl Sockets {
    pub(super) async fn bind(settings: &Settings) -> Result<(Self, Addresses), StartError> {
        let wrong = |listen: Listen| {
            let address = settings.address(listen);
            move |source: io::Error| StartError::Listen { flag: listen.flag(), address, source }
        };
        let http = Listener::bind(settings.http).map_err(wrong(Listen::Http))?;
        let probes = TcpListener::bind(settings.probes).await.map_err(wrong(Listen::Probes))?;
        let admin = TcpListener::bind(settings.admin).await.map_err(wrong(Listen::Admin))?;
        let addresses = Addresses {
            http: http.address().map_err(wrong(Listen::Http))?,
            probes: probes.local_addr().map_err(wrong(Listen::Probes))?,
            admin: admin.local_addr().map_err(wrong(Listen::Admin))?,
        };
        Ok((Self { http, probes, admin }, addresses))
    }
}
