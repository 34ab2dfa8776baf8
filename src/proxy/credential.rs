//! Finds the credential of a request (RFC 6750, section 2), and refuses what is ambiguous.

use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::snapshot::ApiKeyPlace;

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

impl Unusable {
    /// The word for the log.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "no_credentials",
            Self::Scheme => "scheme_unsupported",
            Self::Malformed => "malformed_credentials",
            Self::Several => "multiple_credentials",
            Self::InQuery => "token_in_query",
        }
    }
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

/// `b64token` of RFC 6750, section 2.1. Every byte is looked at: without an early end the compiler takes many in one step.
fn is_token(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & is_token_byte(byte))
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Whether a query has a parameter `access_token`, however it is escaped.
fn names_a_token(query: &str) -> bool {
    query.split('&').any(|parameter| {
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
        if wanted.next() != Some(&byte) {
            return false;
        }
    }
    wanted.next().is_none()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
