//! The protected header: what it may say, and what it must not.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::json::{self, JsonError};
use super::{Algorithm, Reason};

/// Names that a `crit` list must not have, because the standards define them (RFC 7515, section 4.1.11): the registered
/// members of RFC 7515, 7516 and 7518.
const REGISTERED: [&str; 20] = [
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit", "enc", "zip", "epk", "apu",
    "apv", "iv", "tag", "p2s", "p2c",
];

/// Members that belong to encrypted tokens, or change what is signed (RFC 7797, section 7: not in a JWT). They are
/// refused also where they would have no effect: a token that has them was made for another verifier than this one.
const OF_OTHER_FORMS: [&str; 3] = ["zip", "enc", "b64"];

/// Members that bring a key, or say where to fetch one.
const KEY_BEARING: [&str; 3] = ["jwk", "jku", "x5u"];

/// What a header says, of all that it may say.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
    /// Whether it brings a key or says where to fetch one. No token is judged by either; a strict profile refuses it.
    pub(super) bears_key: bool,
    /// The key that it brings (RFC 7515, section 4.1.3), for DPoP proofs alone: no other token is verified by it.
    pub(super) jwk: Option<Value>,
}

impl Header {
    /// Reads the decoded first segment.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        let mut members = json::object(bytes).map_err(|error| match error {
            JsonError::NotUtf8 => Reason::BadUtf8,
            JsonError::DuplicateMember => Reason::DuplicateMember,
            JsonError::NotObject | JsonError::TooLarge => Reason::BadHeader,
        })?;
        if let Some(critical) = members.get("crit") {
            return Err(refuse_critical(critical, &members));
        }
        if OF_OTHER_FORMS.iter().any(|name| members.contains_key(*name)) {
            return Err(Reason::UnexpectedHeader);
        }
        let algorithm = match members.get("alg") {
            Some(Value::String(name)) => Algorithm::from_name(name).ok_or(Reason::AlgNotAllowed)?,
            _ => return Err(Reason::AlgNotAllowed),
        };
        Ok(Self {
            algorithm,
            bears_key: KEY_BEARING.iter().any(|name| members.contains_key(*name)),
            kid: text(&mut members, "kid")?,
            typ: text(&mut members, "typ")?,
            jwk: members.remove("jwk"),
        })
    }
}

/// Why a token with a `crit` list is refused. No extension is supported, so the answer is never yes.
fn refuse_critical(critical: &Value, members: &Map<String, Value>) -> Reason {
    let Value::Array(names) = critical else { return Reason::CritInvalid };
    let is_extension = |name: &str| !REGISTERED.contains(&name) && members.contains_key(name);
    let distinct: BTreeSet<&str> = names.iter().filter_map(Value::as_str).filter(|name| is_extension(name)).collect();
    // Fewer of them than items: some item is no string, repeated, registered, or not in the header.
    let is_valid = !names.is_empty() && distinct.len() == names.len();
    if is_valid { Reason::CritUnsupported } else { Reason::CritInvalid }
}

/// A member that is a string where it is present.
fn text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Reason> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::BadHeader),
    }
}
