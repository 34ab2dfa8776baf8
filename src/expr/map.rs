//! Maps: claims, the headers of a request and the parameters of its query, read where they lie.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header};
use serde_json::Value as Json;

use super::error::EvalError;
use super::value::Value;

/// A map from names to values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Map<'a> {
    Json(&'a serde_json::Map<String, Json>),
    Headers(&'a HeaderMap),
    /// As it came, after the question mark.
    Query(&'a str),
}

impl<'a> Map<'a> {
    /// How many names; a parameter that is repeated counts each time.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Json(members) => members.len(),
            Self::Headers(headers) => headers.keys_len(),
            Self::Query(query) => parameters(query).count(),
        }
    }

    pub(super) fn contains(self, name: &str) -> bool {
        match self {
            Self::Json(members) => members.contains_key(name),
            Self::Headers(headers) => is_lower_case(name) && headers.contains_key(name),
            Self::Query(query) => parameters(query).any(|(parameter, _)| is(parameter, name)),
        }
    }

    pub(super) fn get(self, name: &str) -> Result<Option<Value<'a>>, EvalError> {
        match self {
            Self::Json(members) => Ok(members.get(name).map(Value::of_json)),
            Self::Headers(headers) => header(headers, name),
            Self::Query(query) => parameter(query, name),
        }
    }

    /// All names.
    pub(super) fn names(self) -> Box<dyn Iterator<Item = Result<Value<'a>, EvalError>> + 'a> {
        match self {
            Self::Json(members) => Box::new(members.keys().map(|name| Ok(Value::text(name)))),
            Self::Headers(headers) => Box::new(headers.keys().map(|name| Ok(Value::text(name.as_str())))),
            Self::Query(query) => Box::new(parameters(query).map(|(name, _)| decoded(name))),
        }
    }
}

/// The map takes any case, an expression does not: it would depend on which map it is given.
fn is_lower_case(name: &str) -> bool {
    !name.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<Value<'a>>, EvalError> {
    let text = |value: &'a HeaderValue| std::str::from_utf8(value.as_bytes()).map_err(|_| EvalError::Unreadable);
    let mut values = if is_lower_case(name) { headers.get_all(name).iter() } else { headers.get_all("").iter() };
    let Some(first) = values.next() else { return Ok(None) };
    let first = text(first)?;
    let Some(second) = values.next() else { return Ok(Some(Value::text(first))) };
    // HTTP/2 may split a cookie at its semicolons (RFC 9113, section 8.2.3); all else is a list (RFC 9110, section 5.3).
    let between = if name == header::COOKIE.as_str() { "; " } else { ", " };
    let mut joined = first.to_owned();
    for value in std::iter::once(second).chain(values) {
        joined.push_str(between);
        joined.push_str(text(value)?);
    }
    Ok(Some(Value::made(joined)))
}

/// The parameters of a query, names and values still encoded. One without `=` has an empty value.
fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}

fn parameter<'a>(query: &'a str, name: &str) -> Result<Option<Value<'a>>, EvalError> {
    let mut found = parameters(query).filter(|(parameter, _)| is(parameter, name));
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some((_, value)), None) => decoded(value).map(Some),
        // Servers differ in which of two they take: neither may decide.
        (Some(_), Some(_)) => Err(EvalError::Unreadable),
    }
}

/// Whether an encoded name is this one. A name that cannot be decoded is none.
fn is(encoded: &str, name: &str) -> bool {
    if is_escaped(encoded) { decode(encoded).is_some_and(|decoded| decoded == name) } else { encoded == name }
}

fn is_escaped(encoded: &str) -> bool {
    encoded.bytes().any(|byte| matches!(byte, b'%' | b'+'))
}

fn decoded(encoded: &str) -> Result<Value<'_>, EvalError> {
    match decode(encoded) {
        Some(Cow::Borrowed(text)) => Ok(Value::text(text)),
        Some(Cow::Owned(text)) => Ok(Value::made(text)),
        None => Err(EvalError::Unreadable),
    }
}

/// Resolves escapes, and `+` for a space as forms write it. `None` if that is not UTF-8, or an escape is cut short.
fn decode(encoded: &str) -> Option<Cow<'_, str>> {
    if !is_escaped(encoded) {
        return Some(Cow::Borrowed(encoded));
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
