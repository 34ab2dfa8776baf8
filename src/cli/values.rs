//! Values of flags and variables, each from text to its type, with a message that says what was expected.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use crate::clock::UnixTime;
use crate::jose::Algorithm;
use crate::name::{is_label, parse_duration};
use crate::transport::{EgressItem, EgressItemError};

/// An address and a port to listen on.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

/// A network, or one address as the network that holds nothing else.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text
            .parse::<IpNet>()
            .map_err(|_| "expected a network or an address, such as 10.0.0.0/8 or fd00::1".to_owned())?,
    };
    if network.network() == network.addr() {
        return Ok(network);
    }
    // Whoever writes 10.0.0.1/8 may mean the one address or the whole network; the two differ too much to guess.
    Err(format!("has bits beyond its prefix; write {} or {}", network.trunc(), network.addr()))
}

/// Somewhere that URLs may lead to.
pub(super) fn egress_item(text: &str) -> Result<EgressItem, String> {
    text.parse().map_err(|problem: EgressItemError| problem.to_string())
}

/// A duration in the one form that resources use as well.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|_| "expected a duration in h, m, s and ms, such as 30s or 1m30s".to_owned())
}

/// How many of something that must be there.
pub(super) fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number of at least 1".to_owned())
}

/// A name in the form of a DNS label, as namespaces and classes have it (RFC 1123, section 2.1).
pub(super) fn label(text: &str) -> Result<Box<str>, String> {
    if is_label(text) {
        Ok(text.into())
    } else {
        Err("expected lower-case letters, digits and inner hyphens".to_owned())
    }
}

/// A pod's name: labels with dots between them (RFC 1123).
pub(super) fn subdomain(text: &str) -> Result<Box<str>, String> {
    if text.len() <= 253 && text.split('.').all(|part| label(part).is_ok()) {
        return Ok(text.into());
    }
    Err("expected lower-case letters, digits, and inner hyphens and dots".to_owned())
}

/// The id of a signing key: the thumbprint of RFC 7638, as base64url.
pub(super) fn kid(text: &str) -> Result<Box<str>, String> {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.len() == 43 && text.bytes().all(is_digit) {
        return Ok(text.into());
    }
    Err("expected the 43 characters of a key's id, as bearward keys list shows them".to_owned())
}

/// Which log lines are written. Narrower than what `tracing-subscriber` reads: to it a misspelt level is the name of a
/// part of the program, and nothing would be logged.
pub(super) fn log_filter(text: &str) -> Result<Box<str>, String> {
    let is_level = |word: &str| ["error", "warn", "info", "debug", "trace"].contains(&word);
    let is_part = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
    };
    let is_item = |item: &str| match item.split_once('=') {
        Some((part, level)) => is_part(part) && is_level(level),
        None => is_level(item),
    };
    if text.split(',').all(is_item) {
        return Ok(text.into());
    }
    Err("expected error, warn, info, debug or trace, or a list such as info,kube_client=warn".to_owned())
}

/// A signature algorithm by its registered name.
pub(super) fn algorithm(text: &str) -> Result<Algorithm, String> {
    let names = || Algorithm::ALL.into_iter().map(Algorithm::as_str).collect::<Vec<_>>().join(", ");
    Algorithm::from_name(text).ok_or_else(|| format!("expected one of {}", names()))
}

/// A moment, as RFC 3339 has it.
pub(super) fn time(text: &str) -> Result<UnixTime, String> {
    let time: jiff::Timestamp = text.parse().map_err(|_| "expected a time such as 2027-01-31T00:00:00Z".to_owned())?;
    Ok(UnixTime::from_millis(time.as_millisecond()))
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE".to_owned()),
    }
}

/// `NAME=JSON`; what is no JSON is text.
pub(super) fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = pair(text).map_err(|_| "expected NAME=JSON".to_owned())?;
    let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
    Ok((name, value))
}
