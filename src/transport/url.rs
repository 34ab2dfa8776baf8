//! An `http` or `https` URL, read once: scheme, host, port and path, and nothing that only some readers take.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::PathAndQuery;
use thiserror::Error;

use crate::wire::forwarded::Scheme;
use crate::wire::host::{Host, HostError};

/// The longest URL that is read, in bytes.
const MAX_BYTES: usize = 2_048;

/// An absolute `http` or `https` URL without user information or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    host: Host<'static>,
    path: PathAndQuery,
}

/// Why a text is no such URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Over 2 KiB.
    #[error("the URL is longer than 2048 bytes")]
    TooLong,
    /// Not an absolute URL with a host.
    #[error("the URL is not absolute, or has a character that must be escaped")]
    Form,
    /// Neither http nor https.
    #[error("the URL's scheme is neither https nor http")]
    Scheme,
    /// A user, and perhaps a password, before the host.
    #[error("the URL has a user or password in it")]
    UserInformation,
    /// The host or port.
    #[error("the URL's host is malformed: {0}")]
    Host(HostError),
    /// What follows `#` is for readers of a document and is never sent.
    #[error("the URL has a fragment")]
    Fragment,
}

impl Url {
    /// Reads an absolute URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        check_text(text)?;
        let uri: Uri = text.parse().map_err(|_| UrlError::Form)?;
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            Some(_) => return Err(UrlError::Scheme),
            None => return Err(UrlError::Form),
        };
        let authority = uri.authority().ok_or(UrlError::Form)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::UserInformation);
        }
        let host = Host::parse(authority.as_str().as_bytes()).map_err(UrlError::Host)?.into_owned();
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { scheme, host, path })
    }

    /// What a `Location` field in a reply to this URL leads to: an absolute URL, or a path from the root on the same
    /// origin. Relative paths are not read: no server of key sets sends them (RFC 9110, section 10.2.2, allows them).
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        if location.starts_with('/') && !location.starts_with("//") {
            check_text(location)?;
            let path = location.parse().map_err(|_| UrlError::Form)?;
            return Ok(Self { scheme: self.scheme, host: self.host.clone(), path });
        }
        Self::parse(location)
    }

    /// How it is fetched.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name or address, an IPv6 address without its brackets: as resolvers and certificates want it.
    pub fn host(&self) -> &str {
        let name = self.host.name();
        name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
    }

    /// The address, if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// The port: as written, else the scheme's.
    pub fn port(&self) -> u16 {
        self.host.port().unwrap_or(match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        })
    }

    /// The Host field, and the target of CONNECT once its port is written.
    pub const fn authority(&self) -> &Host<'static> {
        &self.host
    }

    /// Path and query.
    pub const fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// Whether both have one scheme, host and port (RFC 6454).
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.host() == other.host() && self.port() == other.port()
    }
}

/// In its one form: the host in lower case.
impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}{}", self.scheme.as_str(), self.host, self.path)
    }
}

fn check_text(text: &str) -> Result<(), UrlError> {
    match text {
        _ if text.len() > MAX_BYTES => Err(UrlError::TooLong),
        _ if text.contains('#') => Err(UrlError::Fragment),
        // The parser lets bytes beyond ASCII through, and servers differ in how they read them.
        _ if !text.is_ascii() => Err(UrlError::Form),
        _ => Ok(()),
    }
}
