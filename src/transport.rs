//! Dials out: DNS, TCP, TLS, the egress rules, caps and timeouts; pools, key sets and OTLP share it.

mod stream;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use stream::Stream;
pub use tls::client_config;

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
    let tcp = TcpStream::connect(address).await.map_err(|source| DialError::Connect { address, source })?;
    // Small writes are whole messages here: waiting to fill a segment only delays them.
    tcp.set_nodelay(true).map_err(|source| DialError::Connect { address, source })?;
    let Some((name, config)) = tls else { return Ok(Stream::Plain(tcp)) };
    let name = ServerName::try_from(name.to_owned()).map_err(|_| DialError::Name)?;
    let session = TlsConnector::from(Arc::clone(config))
        .connect(name, tcp)
        .await
        .map_err(|source| DialError::Tls { address, source })?;
    Ok(Stream::Tls(Box::new(session)))
}
