//! API keys: `bw_<id>_<secret><checksum>`, kept as a hash, found by id, compared in constant time.
//!
//! The id is public and finds the record in one step. The secret has 256 bits of randomness, so one round of SHA-256
//! hides it as well as any slow hash would, without handing a stranger 50 ms of our processor per guess. The checksum is
//! no security: it tells a mistyped or cut key from an unknown one before any look-up, and lets scanners of source code
//! recognise a leaked key with hardly a false alarm.

pub(crate) mod checksum;
mod generate;
mod record;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::thumbprint::sha256;
use super::{Claims, Reason, Verified};
use crate::clock::UnixTime;

pub use generate::{NewApiKey, NoRandomness};
pub use record::{ApiKeyRecord, InvalidApiKey};
pub(super) use record::{format_hash, is_plain_secret as is_plain_api_key, parse_hash};

/// What every key begins with.
const PREFIX: &str = "bw_";
/// How long an id may be, in characters of base 62.
const ID_LENGTH: std::ops::RangeInclusive<usize> = 4..=32;
/// The length of a secret in characters of base 62: 43 of them have 256.03 bits.
const SECRET_LENGTH: usize = 43;

/// A key as it was presented: well-formed, its checksum right, and not yet known to exist.
pub struct ApiKey<'a> {
    id: &'a str,
    secret: &'a str,
}

impl<'a> ApiKey<'a> {
    /// Whether a credential is meant to be an API key: what it begins with decides, and nothing else.
    pub fn claims_to_be_one(credential: &str) -> bool {
        credential.starts_with(PREFIX)
    }

    /// Takes a key apart and checks its checksum, before anything is looked up.
    pub fn parse(text: &'a str) -> Result<Self, Reason> {
        let (id, rest) =
            text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(Reason::MalformedToken)?;
        let (secret, checksum) = rest.split_at_checked(SECRET_LENGTH).ok_or(Reason::MalformedToken)?;
        let is_base62 = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_id(id) || !is_base62(rest) || checksum.len() != checksum::LENGTH {
            return Err(Reason::MalformedToken);
        }
        let checked = text.strip_suffix(checksum).ok_or(Reason::MalformedToken)?;
        if checksum::of(checked) == checksum { Ok(Self { id, secret }) } else { Err(Reason::KeyChecksum) }
    }

    /// What a record keeps of the key, as [`NewApiKey::hash`] has it.
    pub fn hash(&self) -> String {
        record::format_hash(&sha256(self.secret.as_bytes()))
    }

    /// The public part, by which the key is found. Safe to log.
    pub const fn id(&self) -> &'a str {
        self.id
    }
}

/// Whether a text can be the id of a key.
fn is_id(text: &str) -> bool {
    ID_LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The API keys that one `accept` entry takes, by id. It holds hashes, and grows with the records that it was made of.
#[derive(Default)]
pub struct ApiKeySet {
    entries: HashMap<Arc<str>, Entry>,
}

struct Entry {
    hash: [u8; 32],
    /// Made ahead, since it is the same for every use, and handed out only after the secret was compared.
    claims: Arc<Verified<Claims>>,
}

impl ApiKeySet {
    /// The set of these records, and the ids that several of them have, sorted: none of those is in the set, because
    /// whose key it is would depend on the order.
    pub fn new(records: impl IntoIterator<Item = ApiKeyRecord>) -> (Self, Vec<Arc<str>>) {
        let mut entries = HashMap::new();
        let mut duplicates = Vec::new();
        for record in records {
            let (id, hash, claims) = record.into_parts();
            let entry = Entry { hash, claims: Arc::new(Verified::new(claims)) };
            if entries.insert(Arc::clone(&id), entry).is_some() {
                duplicates.push(id);
            }
        }
        duplicates.sort_unstable();
        duplicates.dedup();
        entries.retain(|id, _| !duplicates.contains(id));
        (Self { entries }, duplicates)
    }

    /// What the key may do, if it is one of these, its secret is right, and now is within its time.
    ///
    /// An unknown id costs the same hash and comparison as a known one with a wrong secret, and the answer is the same,
    /// so that ids cannot be found out. A right secret out of its time is told apart: only its holder sees that.
    pub fn verify(&self, key: &ApiKey<'_>, now: UnixTime) -> Result<&Arc<Verified<Claims>>, Reason> {
        let presented = sha256(key.secret.as_bytes());
        let entry = self.entries.get(key.id);
        let stored = entry.map_or(&[0; 32], |entry| &entry.hash);
        let same = bool::from(presented.ct_eq(stored));
        let claims = entry.filter(|_| same).map(|entry| &entry.claims).ok_or(Reason::KeyUnknown)?;
        let has_begun = claims.not_before().is_none_or(|not_before| not_before <= now);
        if has_begun && now < claims.expires() { Ok(claims) } else { Err(Reason::KeyExpired) }
    }

    /// What the key of this id may do now, if it is one of these, its secret has this hash ([`ApiKey::hash`]), and now is
    /// within its time: of a key that was shown before, and is not shown again.
    pub fn still(&self, id: &str, hash: &str, now: UnixTime) -> Option<&Claims> {
        let entry = self.entries.get(id).filter(|entry| record::format_hash(&entry.hash) == hash)?;
        let claims = &**entry.claims;
        (claims.not_before().is_none_or(|not_before| not_before <= now) && now < claims.expires()).then_some(claims)
    }

    /// What each key may do, by its id; in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Claims)> {
        self.entries.iter().map(|(id, entry)| (id, &**entry.claims))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
