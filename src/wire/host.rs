//! Reads the host that a request is for: one name in one form, and its port.
//!
//! The form: lower case, without the root's trailing dot, an IPv6 address in brackets as RFC 5952 writes it. Nothing that
//! only some readers take (user information, escapes, zone identifiers) is taken.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

use http::{HeaderMap, Uri, header};
use thiserror::Error;

/// The longest name that DNS can hold, without its trailing dot.
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// Why a host is refused. Each is 400, and the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HostError {
    /// The request names no host.
    #[error("the request names no host")]
    Missing,
    /// The request has several Host fields, be they equal.
    #[error("the request has more than one Host field")]
    Repeated,
    /// `:authority` and Host differ.
    #[error("the request names two different hosts")]
    Mismatch,
    /// The name is empty, or a label of it is.
    #[error("the host, or a label of it, is empty")]
    Empty,
    /// A name over 253 or a label over 63 characters.
    #[error("the host is longer than DNS allows")]
    TooLong,
    /// Anything but letters, digits, `-`, `_` and `.`; user information among it.
    #[error("the host has a character that host names do not have")]
    Character,
    /// Brackets around anything but an IPv6 address.
    #[error("the host has brackets around something else than an IPv6 address")]
    Address,
    /// Anything but a number from 1 to 65535 after the colon.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

/// A host in its one form. Borrows where nothing had to change, which is the common case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    name: Cow<'a, str>,
    port: Option<u16>,
}

impl<'a> Host<'a> {
    /// Reads the value of a Host field or of `:authority`.
    pub fn parse(raw: &'a [u8]) -> Result<Self, HostError> {
        let raw = std::str::from_utf8(raw).map_err(|_| HostError::Character)?;
        if let Some(bracketed) = raw.strip_prefix('[') {
            let (address, rest) = bracketed.split_once(']').ok_or(HostError::Address)?;
            let address: Ipv6Addr = address.parse().map_err(|_| HostError::Address)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => parse_port(port)?,
                None if rest.is_empty() => None,
                None => return Err(HostError::Port),
            };
            return Ok(Self { name: canonical_address(raw, address), port });
        }
        // A search for a byte: for names as short as hosts are, one for a character costs several times as much.
        let colon = raw.bytes().position(|byte| byte == b':');
        let (name, port) = match colon.and_then(|colon| Some((raw.get(..colon)?, raw.get(colon + 1..)?))) {
            Some((name, port)) => (name, parse_port(port)?),
            None => (raw, None),
        };
        Ok(Self { name: parse_name(name)?, port })
    }

    /// The one host of a request, from its Host field and, in HTTP/2, from `:authority`.
    ///
    /// Stricter than RFC 9113, section 8.3.1, which lets `:authority` win: the two must agree.
    pub fn of_request(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Self, HostError> {
        let mut fields = headers.get_all(header::HOST).iter();
        let field = fields.next();
        if fields.next().is_some() {
            return Err(HostError::Repeated);
        }
        let field = field.map(|field| Self::parse(field.as_bytes())).transpose()?;
        let authority = uri.authority().map(|authority| Self::parse(authority.as_str().as_bytes())).transpose()?;
        match (authority, field) {
            (None, None) => Err(HostError::Missing),
            (Some(authority), Some(field)) if !authority.is_same(&field, uri.scheme_str()) => Err(HostError::Mismatch),
            (Some(host), _) | (None, Some(host)) => Ok(host),
        }
    }

    /// The name in lower case, or the address; IPv6 in brackets.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, where one is written.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether `raw` is exactly what `to_string` would write.
    pub fn is_written_as(&self, raw: &[u8]) -> bool {
        match (raw.strip_prefix(self.name.as_bytes()), self.port) {
            (Some(rest), None) => rest.is_empty(),
            (Some([b':', port @ ..]), Some(number)) => port == itoa::Buffer::new().format(number).as_bytes(),
            (Some(_) | None, _) => false,
        }
    }

    /// The same host, free of the request.
    pub fn into_owned(self) -> Host<'static> {
        Host { name: Cow::Owned(self.name.into_owned()), port: self.port }
    }

    /// Whether both name one origin of this scheme: a port that is not written is the scheme's own.
    pub fn is_same(&self, other: &Host<'_>, scheme: Option<&str>) -> bool {
        let default = match scheme {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        };
        self.name == other.name && self.port.or(default) == other.port.or(default)
    }
}

/// As a Host field: `example.com:8443`.
impl fmt::Display for Host<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(formatter, "{}:{port}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

/// An empty port is none: RFC 3986, section 3.2.3.
fn parse_port(text: &str) -> Result<Option<u16>, HostError> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HostError::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(HostError::Port),
        Ok(port) => Ok(Some(port)),
    }
}

fn parse_name(raw: &str) -> Result<Cow<'_, str>, HostError> {
    let name = raw.strip_suffix('.').unwrap_or(raw);
    if name.len() > MAX_NAME_BYTES {
        return Err(HostError::TooLong);
    }
    let mut has_upper_case = false;
    let mut label_bytes = 0;
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label_bytes += 1,
            b'A'..=b'Z' => {
                has_upper_case = true;
                label_bytes += 1;
            }
            b'.' => check_label(std::mem::take(&mut label_bytes))?,
            _ => return Err(HostError::Character),
        }
    }
    check_label(label_bytes)?;
    Ok(if has_upper_case { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) })
}

const fn check_label(bytes: usize) -> Result<(), HostError> {
    match bytes {
        0 => Err(HostError::Empty),
        1..=MAX_LABEL_BYTES => Ok(()),
        _ => Err(HostError::TooLong),
    }
}

/// `raw` begins with the bracketed address.
fn canonical_address(raw: &str, address: Ipv6Addr) -> Cow<'_, str> {
    let canonical = format!("[{address}]");
    match raw.get(..canonical.len()) {
        Some(same) if same == canonical => Cow::Borrowed(same),
        _ => Cow::Owned(canonical),
    }
}
