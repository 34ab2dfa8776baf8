//! Reads `Forwarded` elements (RFC 7239, section 4) from the right, and the addresses in them.
//!
//! From the right, since what is left was written by whoever came before: an opening quote there must not swallow what
//! a trusted proxy appended.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What one proxy says of the request that it received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// `for`: who it came from.
    pub(super) node: Option<&'a [u8]>,
    pub(super) proto: Option<&'a [u8]>,
    pub(super) host: Option<&'a [u8]>,
}

/// The elements of one field, the last one first. Empty ones are passed over.
pub(super) fn from_the_right(field: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let elements = split_outside_quotes(field, b',');
    elements.filter(|element| !element.trim_ascii().is_empty()).map(read)
}

/// A parameter that is said twice is not believed: one of the two may be somebody else's.
fn read(element: &[u8]) -> Element<'_> {
    let mut read = Element::default();
    let mut repeated = false;
    for pair in split_outside_quotes(element, b';') {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else { continue };
        let value = unquote(value.trim_ascii());
        let slot = match name.trim_ascii() {
            name if name.eq_ignore_ascii_case(b"for") => &mut read.node,
            name if name.eq_ignore_ascii_case(b"proto") => &mut read.proto,
            name if name.eq_ignore_ascii_case(b"host") => &mut read.host,
            _ => continue,
        };
        repeated |= slot.replace(value).is_some();
    }
    if repeated { Element::default() } else { read }
}

/// Escapes inside a quoted value do not occur in addresses, hosts and schemes; with one, the value is none of these.
fn unquote(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

fn split_outside_quotes(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    text.rsplit(move |byte| {
        quoted ^= *byte == b'"';
        *byte == separator && !quoted
    })
}

/// An address with or without a port, as `X-Forwarded-For` and `for` have it. `unknown` and hidden names (RFC 7239,
/// section 6.3) are none.
pub(super) fn parse_node(node: &[u8]) -> Option<IpAddr> {
    let node = std::str::from_utf8(node).ok()?;
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = node.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bracketed = node.strip_prefix('[')?.strip_suffix(']')?;
    bracketed.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}
