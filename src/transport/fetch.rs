//! Fetches small documents by GET over HTTP/1.1: key sets and metadata. Everything is bounded: time, head, body,
//! redirects.
//!
//! ```text
//! Get ─ parse URL ─ resolve ─ egress rules ─ dial that address ─ TLS by the URL's name ─ GET ─┬► 200 ► Document
//!   ▲                  (or: CONNECT through the operator's proxy)                             ├► 304 ► NotModified
//!   └───────────────────── same origin, at most three times ◄─────────────────────────────────┘ 3xx
//! ```
//!
//! The name is resolved once and the address that was judged is the one that is dialled, so that a name cannot lead to
//! a public address first and to a private one afterwards. Nothing is kept between fetches but the configuration: they
//! are rare, and a connection that waited for minutes is one more thing that can be broken.

mod error;
mod exchange;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use rustls::ClientConfig;
use tokio::net::TcpStream;

use super::{EgressRules, HttpProxy, Resolve, ResolveError, Stream, Url, connect, secure};
use crate::clock::Clock;
use crate::wire::forwarded::Scheme;
use exchange::Answer;

pub use error::{FetchError, RedirectError};

/// Redirects that are followed, all on one origin.
const MAX_REDIRECTS: usize = 3;
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;

/// What to get.
#[derive(Clone, Copy, Debug)]
pub struct Get<'a> {
    /// From where: `https`, or `http` if the address is loopback or `insecure_http` is set.
    pub url: &'a str,
    /// Those of the copy at hand; with them the answer may be [`Fetched::NotModified`].
    pub validators: Option<&'a Validators>,
    /// Caches on the way are told to ask the origin.
    pub no_cache: bool,
    /// Plain HTTP may leave the machine.
    pub insecure_http: bool,
    /// The largest body that is taken.
    pub max_bytes: usize,
    /// For everything together, from the look-up of the name to the last byte, redirects included.
    pub timeout: Duration,
}

/// By which an origin recognises the copy that we have (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Of `ETag`.
    pub etag: Option<HeaderValue>,
    /// Of `Last-Modified`.
    pub last_modified: Option<HeaderValue>,
}

impl Validators {
    /// Whether there is nothing to recognise a copy by.
    pub const fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// How old an answer is, and how long it may be believed (RFC 9111).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// How long a cache on the way has held it (`Age`).
    pub age: Duration,
    /// How long it is good from now on, by `max-age`; `None` if it does not say. `Expires` is not read; `no-cache` and
    /// `no-store` say how to keep a copy, not when the original changes.
    pub remaining: Option<Duration>,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its content, within the bound.
    pub bytes: Bytes,
    /// To ask for it again with.
    pub validators: Validators,
    /// How far to believe it.
    pub freshness: Freshness,
}

/// What came of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A new document.
    Document(Document),
    /// The copy at hand is the current one.
    NotModified(Freshness),
}

/// Fetches documents. Holds no connections; one serves the whole process.
pub struct Fetcher {
    resolver: Arc<dyn Resolve>,
    egress: EgressRules,
    tls: Arc<ClientConfig>,
    proxy: Option<HttpProxy>,
    clock: Clock,
}

impl Fetcher {
    /// A fetcher that dials what `egress` permits. `https` URLs go through `proxy` if there is one.
    pub fn new(
        resolver: Arc<dyn Resolve>,
        egress: EgressRules,
        tls: Arc<ClientConfig>,
        proxy: Option<HttpProxy>,
        clock: Clock,
    ) -> Self {
        Self { resolver, egress, tls, proxy, clock }
    }

    /// The clock that its timeouts go by.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Gets one document.
    pub async fn fetch(&self, get: Get<'_>) -> Result<Fetched, FetchError> {
        let fetching = Box::pin(self.follow(get));
        self.clock.timeout(get.timeout, fetching).await.unwrap_or(Err(FetchError::TimedOut(get.timeout)))
    }

    async fn follow(&self, get: Get<'_>) -> Result<Fetched, FetchError> {
        let mut url = Url::parse(get.url).map_err(FetchError::Url)?;
        for _ in 0..=MAX_REDIRECTS {
            let stream = self.open(&url, get).await?;
            match exchange::get(stream, &url, get).await? {
                Answer::Fetched(fetched) => return Ok(fetched),
                Answer::Redirect(location) => {
                    let next = url.join(&location).map_err(|error| FetchError::Redirect(RedirectError::Url(error)))?;
                    if !next.is_same_origin(&url) {
                        return Err(FetchError::Redirect(RedirectError::OtherOrigin));
                    }
                    url = next;
                }
            }
        }
        Err(FetchError::Redirect(RedirectError::TooMany))
    }

    async fn open(&self, url: &Url, get: Get<'_>) -> Result<Stream, FetchError> {
        let proxy = self.proxy.as_ref().filter(|proxy| !proxy.is_bypassed(url));
        let (tcp, address) = match (url.scheme(), proxy) {
            (Scheme::Https, Some(proxy)) => self.tunnel(proxy, url, get.timeout).await?,
            (Scheme::Http, _) | (Scheme::Https, None) => self.connect(url, get).await?,
        };
        match url.scheme() {
            Scheme::Http => Ok(Stream::Plain(tcp)),
            Scheme::Https => Ok(secure(tcp, address, url.host(), &self.tls).await?),
        }
    }

    /// A connection to the host of `url`.
    async fn connect(&self, url: &Url, get: Get<'_>) -> Result<(TcpStream, SocketAddr), FetchError> {
        let mut addresses = self.addresses(url.host(), url.port()).await?;
        if url.scheme() == Scheme::Http && !get.insecure_http {
            // By the address that is dialled: what a name is called says nothing about the way there.
            addresses.retain(|address| address.ip().to_canonical().is_loopback());
            if addresses.is_empty() {
                return Err(FetchError::InsecureHttp);
            }
        }
        let Some(first) = addresses.first().copied() else {
            return Err(FetchError::Resolve(ResolveError::NotFound));
        };
        addresses.retain(|address| self.egress.permits(*address));
        if addresses.is_empty() {
            return Err(FetchError::EgressForbidden(first));
        }
        self.connect_any(&addresses, get.timeout).await
    }

    /// A connection to the proxy, with a tunnel to the host of `url`.
    async fn tunnel(
        &self,
        proxy: &HttpProxy,
        url: &Url,
        timeout: Duration,
    ) -> Result<(TcpStream, SocketAddr), FetchError> {
        if let Some(address) = url.address().map(|address| SocketAddr::new(address, url.port()))
            && !self.egress.permits(address)
        {
            return Err(FetchError::EgressForbidden(address));
        }
        let addresses = self.addresses(proxy.host(), proxy.port()).await?;
        let (mut tcp, address) = self.connect_any(&addresses, timeout).await?;
        proxy.open(&mut tcp, url).await.map_err(FetchError::Tunnel)?;
        Ok((tcp, address))
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, FetchError> {
        let resolved = self.resolver.resolve(host).await.map_err(FetchError::Resolve)?;
        Ok(resolved.addresses().iter().map(|address| SocketAddr::new(*address, port)).collect())
    }

    /// The first connection of several addresses, tried in order with an equal share of the time: one that swallows
    /// packets must not cost the others theirs.
    async fn connect_any(
        &self,
        addresses: &[SocketAddr],
        timeout: Duration,
    ) -> Result<(TcpStream, SocketAddr), FetchError> {
        let tried = by_turns(addresses);
        let share = timeout / u32::try_from(tried.len()).unwrap_or(1).max(1);
        let mut last = FetchError::TimedOut(timeout);
        for address in tried {
            match self.clock.timeout(share, connect(address)).await {
                Some(Ok(tcp)) => return Ok((tcp, address)),
                Some(Err(error)) => {
                    tracing::debug!(%error, "address not reached");
                    last = error.into();
                }
                None => last = FetchError::TimedOut(share),
            }
        }
        Err(last)
    }
}

/// The first few addresses, the two families by turns: one of them may lead nowhere.
fn by_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(SocketAddr::is_ipv6);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut tried = Vec::with_capacity(MAX_ADDRESSES);
    while tried.len() < MAX_ADDRESSES {
        let before = tried.len();
        tried.extend(v4.next());
        tried.extend(v6.next());
        if tried.len() == before {
            break;
        }
    }
    tried.truncate(MAX_ADDRESSES);
    tried
}
