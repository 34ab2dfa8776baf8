//! Assertions by which a client says who it is (RFC 7523, section 2.2: `private_key_jwt`).
//!
//! Who the client is, its assertion says: `Token::claim("sub")`. Keys and terms are chosen by that, and then the assertion
//! is verified by them. It is used once: [`Assertion::key`] is for the memory of those.

#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;

use super::check::media_type;
use super::thumbprint::array;
use super::times::Times;
use super::{Algorithm, Family, KeySet, Reason, Token};
use crate::clock::UnixTime;

/// How long after it was made an assertion is taken, whatever it says itself. RFC 7523 leaves it open; a client makes one for
/// each request, and some libraries let each live for an hour.
const MAX_AGE: Duration = Duration::from_mins(5);

/// By how much a client's clock may differ from ours.
const LEEWAY: Duration = Duration::from_secs(30);

/// The longest identifier of an assertion, in bytes.
const MAX_ID_BYTES: usize = 256;

/// Whose assertion is expected, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct AssertionTerms<'a> {
    /// The client that its keys are of.
    pub client: &'a str,
    /// What we are called: the issuer, and where it takes requests for tokens.
    pub audiences: &'a [&'a str],
}

/// An assertion that one of the client's keys has signed, for us and for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// What it is remembered by: SHA-256 of client and `jti`.
    pub key: [u8; 32],
    /// When it says that it was made; the earliest time that its end allows, if it does not say.
    pub issued: UnixTime,
    /// From then on it is refused for its age, and need not be remembered.
    pub until: UnixTime,
}

impl Assertion {
    /// Makes the checks of RFC 7523, section 3, cheap ones first, and verifies the signature by the client's keys.
    ///
    /// Stricter: an assertion is taken for five minutes after it was made at most, and one that does not say when it was made
    /// lives no longer than that; it has a `jti`; every audience that it names is ours, since
    /// one that is good elsewhere too can be used here by whoever got it there; algorithms are asymmetric; a header that
    /// brings a key, or says where to fetch one, is refused.
    pub fn verify(token: &Token<'_>, terms: &AssertionTerms<'_>, keys: &KeySet, now: UnixTime) -> Result<Self, Reason> {
        if token.algorithm().family() == Family::Hmac {
            return Err(Reason::AlgNotAllowed);
        }
        check_type(token)?;
        check_names(token, terms.client)?;
        check_audience(token.claim("aud"), terms.audiences)?;
        let times = Times::read(&token.claims)?;
        let until = check_times(&times, now)?;
        let id = id(token)?;
        let key = keys.choose(token, &Algorithm::ALL)?;
        key.verify(token.algorithm(), token.signed().as_bytes(), token.signature())?;
        if token.header.bears_key {
            return Err(Reason::UnexpectedHeader);
        }
        Ok(Self {
            key: replay_key(terms.client, id),
            issued: times.issued_at.unwrap_or_else(|| times.expires.minus(MAX_AGE)),
            until,
        })
    }
}

/// RFC 7523 demands no type; one that is there must not be another's (RFC 8725, section 3.11).
fn check_type(token: &Token<'_>) -> Result<(), Reason> {
    let Some(typ) = token.typ().map(media_type) else { return Ok(()) };
    let fits = ["JWT", "client-authentication+jwt"].iter().any(|name| typ.eq_ignore_ascii_case(name));
    if fits { Ok(()) } else { Err(Reason::WrongTyp) }
}

/// RFC 7523, section 3, items 1 and 2.B: a client speaks for itself alone.
fn check_names(token: &Token<'_>, client: &str) -> Result<(), Reason> {
    match token.claim("iss") {
        Some(Value::String(issuer)) if issuer == client => {}
        Some(Value::String(_)) => return Err(Reason::IssUnknown),
        _ => return Err(Reason::IssInvalid),
    }
    match token.claim("sub") {
        Some(Value::String(subject)) if subject == client => Ok(()),
        None => Err(Reason::ClaimMissing),
        Some(_) => Err(Reason::SubInvalid),
    }
}

/// RFC 7523, section 3, item 3, byte by byte.
fn check_audience(audience: Option<&Value>, ours: &[&str]) -> Result<(), Reason> {
    let is_ours = |audience: &Value| audience.as_str().is_some_and(|audience| ours.contains(&audience));
    let fits = match audience {
        Some(one @ Value::String(_)) => is_ours(one),
        Some(Value::Array(several)) => !several.is_empty() && several.iter().all(is_ours),
        None | Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            return Err(Reason::AudInvalid);
        }
    };
    if fits { Ok(()) } else { Err(Reason::AudMismatch) }
}

/// RFC 7523, section 3, items 4 to 6. From when on it is refused for its age.
fn check_times(times: &Times, now: UnixTime) -> Result<UnixTime, Reason> {
    let oldest = times.issued_at.map_or(times.expires, |issued| issued.plus(MAX_AGE));
    let until = times.expires.min(oldest).plus(LEEWAY);
    if now >= until {
        return Err(Reason::Expired);
    }
    if times.not_before.is_some_and(|not_before| not_before > now.plus(LEEWAY)) {
        return Err(Reason::NotYetValid);
    }
    if times.issued_at.is_some_and(|issued| issued > now.plus(LEEWAY)) {
        return Err(Reason::IatFuture);
    }
    // Of an age that nobody knows there is the end alone.
    let is_too_long = times.issued_at.is_none() && times.expires.since(now) > MAX_AGE.saturating_add(LEEWAY);
    if is_too_long { Err(Reason::LifetimeTooLong) } else { Ok(until) }
}

fn id<'t>(token: &'t Token<'_>) -> Result<&'t str, Reason> {
    match token.claim("jti") {
        None => Err(Reason::ClaimMissing),
        Some(Value::String(id)) if !id.is_empty() && id.len() <= MAX_ID_BYTES => Ok(id),
        Some(_) => Err(Reason::ClaimInvalid),
    }
}

/// The client with its length, so that no two assertions read the same.
fn replay_key(client: &str, id: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    // No proof begins with this: those have the length of a hash there.
    context.update(b"client assertion");
    context.update(&client.len().to_be_bytes());
    context.update(client.as_bytes());
    context.update(id.as_bytes());
    array(context.finish().as_ref())
}
