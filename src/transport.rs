//! Dials out: DNS, TCP, TLS, the egress rules, caps and timeouts; pools, key sets and OTLP share it.

mod egress;
mod fetch;
mod resolve;
#[cfg(test)]
pub(crate) mod scripted;
mod stream;
mod tls;
mod tunnel;
mod url;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use egress::{EgressItem, EgressItemError, EgressRules};
pub use fetch::{Document, FetchError, Fetched, Fetcher, Freshness, Get, RedirectError, Validators};
pub use resolve::{
    FixedNames, MAX_TTL, MIN_TTL, Resolve, ResolveError, Resolved, ResolverSetupError, Resolving, SystemResolver,
};
pub use stream::{Stream, poll_write_gathered};
pub use tls::{RootsError, client_config, client_config_trusting};
pub use tunnel::{HttpProxy, HttpProxyError, TunnelError};
pub use url::{Url, UrlError};

/// Why there is no connection. Whoever dials sets the time limit.
#[derive(Debug, Error)]
pub enum DialError {
    /// The endpoint refused, or is not reachable.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The endpoint's certificate is not valid for its name, or it does not speak TLS.
    #[error("no TLS session with {address}: {source}")]
    Tls {
        /// Where to.
        address: SocketAddr,
        /// What rustls said.
        source: io::Error,
    },
    /// The name to verify is not a host name.
    #[error("the name to verify is not a host name")]
    Name,
}

/// Opens a connection to `address`; with TLS where a name to verify is given.
pub async fn dial(address: SocketAddr, tls: Option<(&str, &Arc<ClientConfig>)>) -> Result<Stream, DialError> {
    let tcp = connect(address).await?;
    match tls {
        Some((name, config)) => secure(tcp, address, name, config).await,
        None => Ok(Stream::Plain(tcp)),
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, DialError> {
    let tcp = TcpStream::connect(address).await.map_err(|source| DialError::Connect { address, source })?;
    // Small writes are whole messages here: waiting to fill a segment only delays them.
    tcp.set_nodelay(true).map_err(|source| DialError::Connect { address, source })?;
    Ok(tcp)
}

/// Begins TLS on a connection to `address`, with whoever answers to `name`.
async fn secure(
    tcp: TcpStream,
    address: SocketAddr,
    name: &str,
    config: &Arc<ClientConfig>,
) -> Result<Stream, DialError> {
    let name = ServerName::try_from(name.to_owned()).map_err(|_| DialError::Name)?;
    let session = TlsConnector::from(Arc::clone(config))
        .connect(name, tcp)
        .await
        .map_err(|source| DialError::Tls { address, source })?;
    Ok(Stream::Tls(Box::new(session)))
}
