//! Who the client is when proxies stand in between, and what the upstream is told of it.
//!
//! ```text
//! client ──► proxy A ──► proxy B ──► bearward          X-Forwarded-For: client, A      peer: B
//!   ▲ the first address, from the right, that is no trusted proxy; what is left of it was written by the client
//! ```
//!
//! Nothing that an untrusted peer says of itself goes further. The upstream gets fields written anew, from what was
//! verified.

mod element;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;

use crate::wire::headers::{Names, begins_with, is_odd, remove_where};
use crate::wire::host::Host;

/// The longest chain that is followed; beyond it the client counts as hidden.
pub const MAX_HOPS: usize = 32;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How the fields begin of which a trusted proxy's word is taken, or passed on.
const X_FORWARDED: &str = "x-forwarded-";

/// Fields that name a client, of which no version is taken from anybody.
static CLIENT_FIELDS: Names = Names::new(&[
    "cf-connecting-ip",
    "fastly-client-ip",
    "forwarded",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-original-forwarded-for",
    "x-real-ip",
]);

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// It is not.
    Http,
    /// It is.
    Https,
}

impl Scheme {
    /// As a URI begins.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        match text {
            _ if text.eq_ignore_ascii_case(b"http") => Some(Self::Http),
            _ if text.eq_ignore_ascii_case(b"https") => Some(Self::Https),
            _ => None,
        }
    }
}

/// Which fields the trusted proxies write. Only one kind is read: a proxy that writes one passes the other through from
/// whoever sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// `X-Forwarded-For`, `-Proto` and `-Host`.
    #[default]
    XForwarded,
    /// `Forwarded`, RFC 7239.
    Rfc7239,
}

/// The peers whose word is taken, and what they write. By default, none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    convention: Convention,
}

impl TrustedProxies {
    /// The proxies in these networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>, convention: Convention) -> Self {
        Self { networks: networks.into_iter().collect(), convention }
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// The other end of a connection. Made once for it, so that no request has to write the address again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    address: IpAddr,
    text: HeaderValue,
    trusted: bool,
}

impl Peer {
    /// The peer at this address. An IPv4 address that a socket shows as IPv6 is the IPv4 address.
    pub fn new(address: IpAddr, trusted: &TrustedProxies) -> Self {
        let address = address.to_canonical();
        Self { address, text: to_value(&address.to_string()), trusted: trusted.contains(address) }
    }

    /// Its address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether its word is taken.
    pub const fn is_trusted(&self) -> bool {
        self.trusted
    }
}

/// What is known of the way that a request came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The client's address. `None` where a trusted proxy does not say whom it speaks for: such a request is in no
    /// network, neither an allowed one nor one that may be trusted for being inside.
    pub client: Option<IpAddr>,
    /// The last address that is known: the client's, or that of the proxy that hides it.
    pub nearest: IpAddr,
    /// How the client reached the first trusted proxy.
    pub scheme: Scheme,
    /// The host that the client asked that proxy for; `None` where it is the request's own.
    pub host: Option<Host<'static>>,
    /// From the client to the proxy before the peer; empty where the peer is the client.
    hops: Vec<IpAddr>,
    peer: Peer,
}

impl Forwarded {
    /// Reads the way of a request. Without a trusted peer nothing is read and nothing allocated.
    pub fn of_request(peer: &Peer, scheme: Scheme, headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        let direct = Self {
            client: Some(peer.address),
            nearest: peer.address,
            scheme,
            host: None,
            hops: Vec::new(),
            peer: peer.clone(),
        };
        match trusted.convention {
            _ if !peer.trusted => direct,
            Convention::XForwarded => direct.behind_x_forwarded(headers, trusted),
            Convention::Rfc7239 => direct.behind_rfc_7239(headers, trusted),
        }
    }

    fn behind_x_forwarded(mut self, headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        for entry in from_the_right(headers, &X_FORWARDED_FOR) {
            if !self.goes_on(trusted) {
                break;
            }
            self.step(element::parse_node(entry));
        }
        self.finish();
        // The entry that the proxy next to the client wrote, where each wrote one; else whatever there is.
        let position = self.hops.len().saturating_sub(1);
        let claimed = |name| {
            let mut entries = from_the_right(headers, name).take(position + 1);
            let nearest = entries.next()?;
            Some(entries.last().unwrap_or(nearest))
        };
        self.scheme = claimed(&X_FORWARDED_PROTO).and_then(Scheme::parse).unwrap_or(self.scheme);
        self.host = claimed(&X_FORWARDED_HOST).and_then(|host| Some(Host::parse(host).ok()?.into_owned()));
        self
    }

    fn behind_rfc_7239(mut self, headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        for value in headers.get_all(header::FORWARDED).iter().rev() {
            for element in element::from_the_right(value.as_bytes()) {
                if !self.goes_on(trusted) {
                    break;
                }
                self.scheme = element.proto.and_then(Scheme::parse).unwrap_or(self.scheme);
                self.host = element.host.and_then(|host| Some(Host::parse(host).ok()?.into_owned())).or(self.host);
                self.step(element.node.and_then(element::parse_node));
            }
        }
        self.finish();
        self
    }

    /// Whether the word of the last known hop is taken for the one before it.
    fn goes_on(&self, trusted: &TrustedProxies) -> bool {
        self.client.is_some_and(|last| trusted.contains(last))
    }

    fn step(&mut self, hop: Option<IpAddr>) {
        self.client = hop.map(|hop| hop.to_canonical()).filter(|_| self.hops.len() < MAX_HOPS);
        if let Some(hop) = self.client {
            self.nearest = hop;
            self.hops.push(hop);
        }
    }

    /// The hops were read from the nearest outwards.
    fn finish(&mut self) {
        self.hops.reverse();
    }

    /// Replaces whatever the request says of its way by what is known. `host` is the request's own host in its one form,
    /// as a field.
    pub fn write(&self, host: &HeaderValue, convention: Convention, headers: &mut HeaderMap) {
        // No proxy writes these names in another spelling, so that one came from a client.
        let came_from_a_client = |name: &HeaderName| !self.peer.trusted || is_odd(name);
        remove_where(headers, |name| {
            CLIENT_FIELDS.matches(name) || (begins_with(X_FORWARDED, name) && came_from_a_client(name))
        });
        let claimed = self.host.as_ref().map(|host| to_value(&host.to_string()));
        let host = claimed.unwrap_or_else(|| host.clone());
        match convention {
            Convention::XForwarded => {
                headers.insert(&X_FORWARDED_FOR, self.x_forwarded_for());
                headers.insert(&X_FORWARDED_PROTO, HeaderValue::from_static(self.scheme.as_str()));
                headers.insert(&X_FORWARDED_HOST, host);
            }
            Convention::Rfc7239 => {
                for name in [&X_FORWARDED_FOR, &X_FORWARDED_PROTO, &X_FORWARDED_HOST] {
                    headers.remove(name);
                }
                headers.insert(header::FORWARDED, self.rfc_7239(&host));
            }
        }
    }

    fn x_forwarded_for(&self) -> HeaderValue {
        if self.hops.is_empty() {
            return self.peer.text.clone();
        }
        let mut text = String::new();
        for hop in &self.hops {
            // Writing to a string cannot fail, here and below.
            let _ = write!(text, "{hop}, ");
        }
        let _ = write!(text, "{}", self.peer.address);
        to_value(&text)
    }

    fn rfc_7239(&self, host: &HeaderValue) -> HeaderValue {
        let mut text = String::new();
        for hop in self.hops.iter().chain([&self.peer.address]) {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = match hop {
                IpAddr::V4(hop) => write!(text, "{separator}for={hop}"),
                IpAddr::V6(hop) => write!(text, "{separator}for=\"[{hop}]\""),
            };
            if separator.is_empty() {
                let _ = write!(text, ";host=\"{}\"", host.to_str().unwrap_or_default());
                let _ = write!(text, ";proto={}", self.scheme.as_str());
            }
        }
        to_value(&text)
    }
}

/// The members of a list field, the nearest proxy's first; without empty ones (RFC 9110, section 5.6.1.2).
fn from_the_right<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let values = headers.get_all(name).iter().rev();
    let entries = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty())
}

/// Whether a field speaks of the way that a request came, in any spelling.
pub fn is_of_the_way(name: &HeaderName) -> bool {
    CLIENT_FIELDS.matches(name) || begins_with(X_FORWARDED, name)
}

/// Addresses, hosts and what we wrote around them are header values; the alternative is unreachable.
fn to_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
