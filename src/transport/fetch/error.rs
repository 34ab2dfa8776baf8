//! Why a fetch brought nothing, in words that may stand in a status: no header, no body, no query of a URL.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use crate::transport::{DialError, ResolveError, TunnelError, UrlError};

/// The longest text of a library that a message repeats, in characters.
const MAX_WORDS: usize = 200;

/// Why a fetch brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// The URL cannot be used.
    #[error("{0}")]
    Url(UrlError),
    /// Plain HTTP to an address that is not loopback.
    #[error("plain http leads beyond this machine, expected https")]
    InsecureHttp,
    /// The host has no address that can be had.
    #[error("{0}")]
    Resolve(ResolveError),
    /// The installation does not allow any of the host's addresses; this is the first.
    #[error("the installation does not allow connections to {0}")]
    EgressForbidden(SocketAddr),
    /// Nobody listens there, or there is no way there.
    #[error("cannot connect: {0}")]
    Connect(io::ErrorKind),
    /// The certificate is not valid for the host, or the host does not speak TLS.
    #[error("no TLS session: {0}")]
    Tls(Box<str>),
    /// The proxy opened no tunnel.
    #[error("{0}")]
    Tunnel(TunnelError),
    /// Not done within this time.
    #[error("no complete answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The server answered something else than the document.
    #[error("the server answered {0}, expected 200")]
    Status(u16),
    /// It leads elsewhere.
    #[error("{0}")]
    Redirect(RedirectError),
    /// What came is not HTTP/1.1.
    #[error("the answer is not HTTP/1.1")]
    Protocol,
    /// The head of the answer is larger than any needs to be.
    #[error("the head of the answer is too large")]
    HeadTooLarge,
    /// The body is larger than this many bytes, or says it will be.
    #[error("the answer is larger than {0} bytes")]
    BodyTooLarge(usize),
    /// It is compressed, which was not asked for.
    #[error("the answer has a content encoding, which was not asked for")]
    Encoded,
    /// The connection ended before the body did.
    #[error("the answer ends too early")]
    Truncated,
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RedirectError {
    /// No `Location`, or one that is not text.
    #[error("the server redirects without saying where to")]
    NoLocation,
    /// `Location` is neither an absolute URL nor a path.
    #[error("the server redirects to what is no URL: {0}")]
    Url(UrlError),
    /// Another scheme, host or port: whoever answers there is not whom the policy names.
    #[error("the server redirects to another scheme, host or port")]
    OtherOrigin,
    /// More than three.
    #[error("the server redirects more than 3 times")]
    TooMany,
}

impl From<DialError> for FetchError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Connect { source, .. } => Self::Connect(source.kind()),
            DialError::Tls { source, .. } => Self::Tls(source.to_string().chars().take(MAX_WORDS).collect()),
            DialError::Name => Self::Tls("the URL's host is no name that a certificate could have".into()),
        }
    }
}
