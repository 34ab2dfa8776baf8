//! Finds the credential of a request (RFC 6750, section 2), refuses what is ambiguous, and takes out what no upstream
//! may get.

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::jose::{ApiKey, SealKey};
use crate::snapshot::ApiKeyPlace;
use crate::wire::headers::{Names, is_odd, is_spelling, remove_where};

/// Where a credential was found, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// The token or key itself.
    pub(super) text: &'a str,
    /// Where it stood.
    pub(super) place: ApiKeyPlace,
}

/// Why no credential can be taken from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// There is none.
    Missing,
    /// `Authorization` has a scheme that is not taken.
    Scheme,
    /// What is there is not of the scheme's form.
    Malformed,
    /// There are several.
    Several,
    /// It stands in the query, where logs and caches keep it (RFC 9700, section 4.3.2).
    InQuery,
}

/// The one credential of this request: in `Authorization`, or in a header of `places`.
pub(super) fn find<'a>(head: &'a Parts, places: &[ApiKeyPlace]) -> Result<Found<'a>, Unusable> {
    let in_query = head.uri.query().is_some_and(names_a_token);
    let mut found = None;
    for value in head.headers.get_all(AUTHORIZATION) {
        let credential = bearer(value.as_bytes());
        if found.replace((ApiKeyPlace::Bearer, credential)).is_some() {
            return Err(Unusable::Several);
        }
    }
    for place in places.iter().filter(|place| **place != ApiKeyPlace::Bearer) {
        for value in head.headers.get_all(place.header()) {
            let key = std::str::from_utf8(value.as_bytes())
                .ok()
                .filter(|key| !key.is_empty() && is_token(key))
                .ok_or(Unusable::Malformed);
            if found.replace((*place, key)).is_some() {
                return Err(Unusable::Several);
            }
        }
    }
    match found {
        Some((_, Ok(_))) if in_query => Err(Unusable::Several),
        None | Some((_, Err(Unusable::Scheme))) if in_query => Err(Unusable::InQuery),
        None => Err(Unusable::Missing),
        Some((place, credential)) => credential.map(|text| Found { text, place }),
    }
}

/// `Bearer`, one or more spaces, and a token of RFC 6750, section 2.1. The scheme's case does not matter.
fn bearer(value: &[u8]) -> Result<&str, Unusable> {
    let value = std::str::from_utf8(value).map_err(|_| Unusable::Malformed)?;
    let end =
        value.find(|character: char| !character.is_ascii_alphanumeric() && character != '-').unwrap_or(value.len());
    let (scheme, rest) = value.split_at_checked(end).ok_or(Unusable::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(if scheme.is_empty() { Unusable::Malformed } else { Unusable::Scheme });
    }
    let token = rest.trim_start_matches(' ');
    let separated = token.len() < rest.len();
    if !separated || token.is_empty() || !is_token(token) {
        return Err(Unusable::Malformed);
    }
    Ok(token)
}

/// `b64token` of RFC 6750, section 2.1. Every byte is looked at: without an early end the compiler takes many in one
/// step.
fn is_token(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & is_token_byte(byte))
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Whether a query has a parameter `access_token`, however it is escaped, in any case, and by whichever of its two
/// separators: some servers still part parameters by semicolons.
fn names_a_token(query: &str) -> bool {
    query.split(['&', ';']).any(|parameter| {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        equals_unescaped(name, b"access_token")
    })
}

fn equals_unescaped(text: &str, wanted: &[u8]) -> bool {
    let mut bytes = text.bytes();
    let mut wanted = wanted.iter();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let (Some(high), Some(low)) = (bytes.next().and_then(digit), bytes.next().and_then(digit)) else {
                return false;
            };
            high << 4 | low
        } else {
            byte
        };
        if wanted.next() != Some(&byte.to_ascii_lowercase()) {
            return false;
        }
    }
    wanted.next().is_none()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The headers in which keys are sent, besides `Authorization`.
static KEY_HEADERS: Names = Names::new(&["api-key", "x-api-key", "x-goog-api-key"]);

/// Whether a credential may stand in a field of this name, in any spelling.
pub(super) fn is_a_place(name: &HeaderName) -> bool {
    *name == AUTHORIZATION || KEY_HEADERS.matches(name)
}

/// Removes the headers of `places` in every spelling.
pub(super) fn remove(headers: &mut HeaderMap, places: &[ApiKeyPlace]) {
    if !places.is_empty() {
        remove_where(headers, |name| places.iter().any(|place| is_spelling(place.header().as_str(), name)));
    }
}

/// Removes what nobody looked at beside a credential that is passed on: the headers of `places` in another spelling
/// than their own, which an upstream may read instead.
pub(super) fn remove_odd(headers: &mut HeaderMap, places: &[ApiKeyPlace]) {
    if !places.is_empty() {
        remove_where(headers, |name| {
            is_odd(name) && places.iter().any(|place| is_spelling(place.header().as_str(), name))
        });
    }
}

/// Removes every field that may hold a credential and holds an API key or a sealed token of ours: it is good here and nowhere
/// else, and whoever got it could use it here.
pub(super) fn remove_our_keys(headers: &mut HeaderMap) {
    let is_ours = |word: &[u8]| {
        std::str::from_utf8(word).is_ok_and(|word| ApiKey::claims_to_be_one(word) || SealKey::claims_to_be_one(word))
    };
    let names: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, _)| is_a_place(name))
        .filter(|(_, value)| value.as_bytes().split(|byte| matches!(byte, b' ' | b'\t' | b',')).any(is_ours))
        .map(|(name, _)| name.clone())
        .collect();
    for name in &names {
        headers.remove(name);
    }
}
