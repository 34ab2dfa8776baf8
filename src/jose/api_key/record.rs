//! What the cluster keeps of an API key: the data of a Secret, without the key itself.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

use super::{ApiKey, SECRET_LENGTH, is_id};
use crate::clock::UnixTime;
use crate::jose::check::is_name;
use crate::jose::scopes::Scopes;
use crate::jose::times::Times;
use crate::jose::{Claims, Reason};

/// The members of a record.
const MEMBERS: [&str; 6] = ["id", "hash", "notBefore", "expiresAt", "scopes", "owner"];
/// Claims that a label cannot set: they say who vouches for whom, for what and how long.
const RESERVED: [&str; 9] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "cnf"];
/// How a hash begins, so that another kind can come later.
const HASH_PREFIX: &str = "sha256:";

/// One API key as it is kept: its id, the hash of its secret, its times, scopes and owner.
pub struct ApiKeyRecord {
    id: Arc<str>,
    hash: [u8; 32],
    claims: Claims,
}

/// Why the data of a Secret is no record of an API key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidApiKey {
    /// A required member is absent.
    #[error("the member {0} is missing")]
    Missing(&'static str),
    /// Nothing is accepted and ignored.
    #[error("the member {0:?} is not known, expected id, hash, notBefore, expiresAt, scopes and owner")]
    Unknown(String),
    /// The key itself must exist nowhere but with its user.
    #[error("the member {0:?} has the key or its secret in plain, expected only its hash")]
    PlainSecret(String),
    /// Not UTF-8.
    #[error("the member {0} is not text")]
    NotText(&'static str),
    /// Not 4 to 32 letters and digits.
    #[error("the id is not of 4 to 32 ASCII letters and digits")]
    BadId,
    /// Not `sha256:` and 64 digits.
    #[error("the hash is not sha256: and 64 lower-case hexadecimal digits")]
    BadHash,
    /// Not a time in RFC 3339 form.
    #[error("the member {0} is not a time such as 2027-01-31T00:00:00Z")]
    BadTime(&'static str),
    /// The end does not come after the beginning.
    #[error("expiresAt is not after notBefore, so the key would never be valid")]
    NeverValid,
    /// A scope has a character that RFC 6749 does not allow.
    #[error("a scope has characters other than printable ASCII without quotes and backslashes")]
    BadScope,
    /// The owner is empty, too long or has control characters.
    #[error("the owner is empty, longer than 1 KiB, or has control characters")]
    BadOwner,
}

impl ApiKeyRecord {
    /// Reads the data of a Secret; white space around a value is taken off, since files end with a line feed. Labels
    /// become claims of their name, for policies that tell clients or teams by them.
    ///
    /// Required are `id`, `hash`, `expiresAt` (a key without an end is never safe) and `owner`; `scopes` are separated
    /// by white space, and without any the key is good only where no scope is asked for.
    pub fn parse<'d>(
        data: impl IntoIterator<Item = (&'d str, &'d [u8])>,
        labels: impl IntoIterator<Item = (&'d str, &'d str)>,
    ) -> Result<Self, InvalidApiKey> {
        let members = Members::read(data)?;
        let id = members.require("id")?;
        let hash = parse_hash(members.require("hash")?).ok_or(InvalidApiKey::BadHash)?;
        let owner = Value::from(members.require("owner")?);
        let expires = parse_time("expiresAt", members.require("expiresAt")?)?;
        let not_before = members.find("notBefore").map(|text| parse_time("notBefore", text)).transpose()?;
        let scopes = parse_scopes(members.find("scopes").unwrap_or_default())?;
        if !is_id(id) {
            return Err(InvalidApiKey::BadId);
        }
        if !is_name(&owner) {
            return Err(InvalidApiKey::BadOwner);
        }
        if not_before.is_some_and(|not_before| not_before >= expires) {
            return Err(InvalidApiKey::NeverValid);
        }
        let labels = labels.into_iter().filter(|(name, _)| !RESERVED.contains(name));
        let mut claims: Map<String, Value> = labels.map(|(name, value)| (name.to_owned(), value.into())).collect();
        claims.insert("sub".to_owned(), owner);
        claims.insert("scope".to_owned(), scopes.iter().collect::<Vec<_>>().join(" ").into());
        claims.insert("exp".to_owned(), expires.secs().into());
        if let Some(not_before) = not_before {
            claims.insert("nbf".to_owned(), not_before.secs().into());
        }
        let id: Arc<str> = id.into();
        let times = Times { expires, not_before, issued_at: None };
        Ok(Self { claims: Claims::of_api_key(claims, times, scopes, Arc::clone(&id)), id, hash })
    }

    /// The public part of the key.
    pub const fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// When the key ends.
    pub const fn expires(&self) -> UnixTime {
        self.claims.expires()
    }

    pub(super) fn into_parts(self) -> (Arc<str>, [u8; 32], Claims) {
        (self.id, self.hash, self.claims)
    }
}

/// The id only: a hash is no secret, but nobody needs it in a log either.
impl fmt::Debug for ApiKeyRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ApiKeyRecord").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The members by name, as text.
struct Members<'d> {
    texts: Vec<(&'static str, &'d str)>,
}

impl<'d> Members<'d> {
    fn read(data: impl IntoIterator<Item = (&'d str, &'d [u8])>) -> Result<Self, InvalidApiKey> {
        let mut texts = Vec::with_capacity(MEMBERS.len());
        for (name, bytes) in data {
            let text = std::str::from_utf8(bytes).map(str::trim);
            // Asked first of every member, known or not: a leaked key is worse than a misspelt name.
            if text.is_ok_and(is_plain_secret) {
                return Err(InvalidApiKey::PlainSecret(name.to_owned()));
            }
            let known = MEMBERS.into_iter().find(|known| *known == name);
            let name = known.ok_or_else(|| InvalidApiKey::Unknown(name.to_owned()))?;
            texts.push((name, text.map_err(|_| InvalidApiKey::NotText(name))?));
        }
        Ok(Self { texts })
    }

    fn find(&self, name: &'static str) -> Option<&'d str> {
        self.texts.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    fn require(&self, name: &'static str) -> Result<&'d str, InvalidApiKey> {
        self.find(name).ok_or(InvalidApiKey::Missing(name))
    }
}

/// Whether a word of the value is a key, be it a mistyped one, or as long as a bare secret and of its alphabet.
pub(in crate::jose) fn is_plain_secret(text: &str) -> bool {
    let is_bare = |word: &str| word.len() == SECRET_LENGTH && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_key = |word: &str| matches!(ApiKey::parse(word), Ok(_) | Err(Reason::KeyChecksum));
    text.split_ascii_whitespace().any(|word| is_bare(word) || is_key(word))
}

/// `sha256:` and the hash in lower-case hexadecimal, as `sha256sum` prints it.
pub(in crate::jose) fn format_hash(hash: &[u8; 32]) -> String {
    let digits: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    [HASH_PREFIX, &digits.concat()].concat()
}

/// The hash that such a text says, if it is one.
pub(in crate::jose) fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix(HASH_PREFIX).filter(|digits| digits.len() == 64 && digits.is_ascii())?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    // What does not come out the same was not written in this one way: upper case, or a sign before a digit.
    (format_hash(&hash) == text).then_some(hash)
}

fn parse_time(name: &'static str, text: &str) -> Result<UnixTime, InvalidApiKey> {
    let time: jiff::Timestamp = text.parse().map_err(|_| InvalidApiKey::BadTime(name))?;
    Ok(UnixTime::from_millis(time.as_millisecond()))
}

/// RFC 6749, section 3.3: printable ASCII but for the quote and the backslash.
fn parse_scopes(text: &str) -> Result<Scopes, InvalidApiKey> {
    let fits = |scope: &str| scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    let names: Vec<&str> = text.split_ascii_whitespace().collect();
    if names.iter().all(|scope| fits(scope)) { Ok(Scopes::from_names(names)) } else { Err(InvalidApiKey::BadScope) }
}
