//! The HTTP proxy that stands between us and the internet, and tunnels through it (RFC 9110, section 9.3.6).
//!
//! The operator sets it up, so the egress rules do not apply to its address. Names are resolved by the proxy, which is
//! then the one that decides where a name may lead; addresses written in a URL are still judged here.

mod bypass;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Url;
use crate::secret::Secret;
use crate::wire::host::{Host, HostError};
use bypass::Bypass;

/// The longest head of a proxy's answer.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Which proxy to use, and for which hosts not to: what `HTTPS_PROXY` and `NO_PROXY` say.
pub struct HttpProxy {
    host: Host<'static>,
    /// The value of `Proxy-Authorization`.
    authorization: Option<Secret>,
    bypass: Bypass,
}

/// Why the setting cannot be used. Says nothing of its text: there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HttpProxyError {
    /// Proxies that are themselves spoken to by TLS or SOCKS are not supported.
    #[error("the proxy's scheme is not supported, expected http://")]
    Scheme,
    /// The part after the user information.
    #[error("the proxy's host is malformed: {0}")]
    Host(HostError),
    /// A bad escape, or a control character once unescaped.
    #[error("the proxy's user or password is malformed")]
    UserInformation,
    /// A path would be ignored.
    #[error("the proxy has a path, a query or a fragment")]
    Path,
}

/// Why a proxy opened no tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TunnelError {
    /// It answered so.
    #[error("the proxy answered {0} to CONNECT")]
    Refused(u16),
    /// What it answered is not HTTP, or longer than any answer is.
    #[error("the proxy's answer to CONNECT is not HTTP")]
    Malformed,
    /// It closed the connection, or the connection broke.
    #[error("the proxy closed the connection")]
    Closed,
}

impl HttpProxy {
    /// Reads `[http://][user[:password]@]host[:port]` and the list of hosts that are reached directly: names, which
    /// stand for all names below them too, addresses, networks, each but the last with a port if need be, or `*`.
    /// Loopback is always reached directly. The port is 80 if none is written.
    pub fn parse(proxy: &str, bypass: &str) -> Result<Self, HttpProxyError> {
        let rest = match proxy.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(HttpProxyError::Scheme),
            None => proxy,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        if host.contains(['/', '?', '#']) {
            return Err(HttpProxyError::Path);
        }
        let host = Host::parse(host.as_bytes()).map_err(HttpProxyError::Host)?.into_owned();
        Ok(Self { host, authorization: user.map(basic).transpose()?, bypass: Bypass::parse(bypass) })
    }

    /// The proxy's name or address, without brackets.
    pub(super) fn host(&self) -> &str {
        let name = self.host.name();
        name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
    }

    pub(super) fn port(&self) -> u16 {
        self.host.port().unwrap_or(80)
    }

    /// Whether `url` is reached without it.
    pub(super) fn is_bypassed(&self, url: &Url) -> bool {
        self.bypass.covers(url.host(), url.port())
    }

    /// Asks on `tcp`, a connection to the proxy, for a tunnel to the host of `url`.
    pub(super) async fn open(&self, tcp: &mut TcpStream, url: &Url) -> Result<(), TunnelError> {
        let target = format!("{}:{}", url.authority().name(), url.port());
        let mut request = Secret::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes());
        if let Some(authorization) = &self.authorization {
            let parts = [request.expose(), b"Proxy-Authorization: ", authorization.expose(), b"\r\n"];
            request = Secret::new(parts.concat());
        }
        tcp.write_all(request.expose()).await.map_err(|_| TunnelError::Closed)?;
        tcp.write_all(b"\r\n").await.map_err(|_| TunnelError::Closed)?;
        match read_status(tcp).await? {
            200..=299 => Ok(()),
            status => Err(TunnelError::Refused(status)),
        }
    }
}

/// The setting without its password.
impl std::fmt::Debug for HttpProxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HttpProxy").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Reads an answer's head. The other end of the tunnel waits for us to speak first, so what follows the head is a fault.
async fn read_status(tcp: &mut TcpStream) -> Result<u16, TunnelError> {
    let mut head = Vec::with_capacity(512);
    loop {
        if tcp.read_buf(&mut head).await.map_err(|_| TunnelError::Closed)? == 0 {
            return Err(TunnelError::Closed);
        }
        match head.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) if end.saturating_add(4) == head.len() => return status(&head).ok_or(TunnelError::Malformed),
            Some(_) => return Err(TunnelError::Malformed),
            None if head.len() > MAX_HEAD_BYTES => return Err(TunnelError::Malformed),
            None => {}
        }
    }
}

/// `HTTP/1.1 200 OK`, with or without the last word.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    let (digits, _) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_status = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_status { digits.parse().ok() } else { None }
}

/// `Basic` credentials (RFC 7617) from the user information of a URL.
fn basic(user: &str) -> Result<Secret, HttpProxyError> {
    let mut plain = unescape(user).ok_or(HttpProxyError::UserInformation)?;
    if !plain.contains(&b':') {
        plain.push(b':');
    }
    let plain = Secret::new(plain);
    // Room for all of it from the beginning: what grows leaves copies behind.
    let mut value = String::with_capacity(plain.expose().len().saturating_mul(2).saturating_add(16));
    value.push_str("Basic ");
    STANDARD.encode_string(plain.expose(), &mut value);
    Ok(Secret::new(value.into_bytes()))
}

/// Resolves `%41`; nothing where an escape is bad or hides a control character.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len().saturating_add(1));
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high << 4 | low).ok()?
            }
            byte => byte,
        };
        if byte.is_ascii_control() {
            return None;
        }
        plain.push(byte);
    }
    Some(plain)
}
