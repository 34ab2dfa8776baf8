//! The keys of one issuer, and the choice of the one that a token may have been signed with.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use thiserror::Error;

use super::json::{self, JsonError};
use super::thumbprint::array;
use super::{Algorithm, Expectation, Reason, SkipReason, Token, VerificationKey, WeakKey, jwk};
use crate::secret::Secret;

/// The largest key set that is read, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The most keys that one may have.
const MAX_KEYS: usize = 256;

/// The keys of one issuer. Keys of different issuers are never in one set: a token is judged by its own issuer's alone.
/// Clones share them.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    /// Sorted by `kid`, then thumbprint; no `kid` is there twice.
    keys: Arc<[VerificationKey]>,
    /// Sorted.
    revoked: Arc<[Box<str>]>,
    content_hash: [u8; 32],
}

/// A key of a key set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in the array, from zero.
    pub index: usize,
    /// Its `kid`, cut to 64 characters, where it has one that can be read.
    pub kid: Option<String>,
    /// Why not.
    pub reason: SkipReason,
}

/// Why bytes are no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeySetError {
    /// Over a megabyte.
    #[error("the key set is larger than 1 MiB")]
    TooLarge,
    /// Over 256 keys.
    #[error("the key set has more than 256 keys")]
    TooManyKeys,
    /// Not UTF-8.
    #[error("the key set is not UTF-8")]
    NotUtf8,
    /// An error page, for instance.
    #[error("the key set is not a JSON object with an array of keys")]
    NotKeySet,
    /// Which of the two counts would depend on the parser.
    #[error("the key set has two members keys")]
    DuplicateKeys,
}

impl KeySet {
    /// Reads a JWK Set (RFC 7517, section 5). A key that cannot be used is left out and reported; it never costs the
    /// others. The set may come out empty: whether that replaces an older one is for the caller to judge.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Vec<SkippedKey>), KeySetError> {
        if bytes.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let items = json::objects_in_member(bytes, "keys", MAX_KEYS).map_err(|error| match error {
            JsonError::NotUtf8 => KeySetError::NotUtf8,
            JsonError::NotObject => KeySetError::NotKeySet,
            JsonError::DuplicateMember => KeySetError::DuplicateKeys,
            JsonError::TooLarge => KeySetError::TooManyKeys,
        })?;
        let mut keys = Vec::with_capacity(items.len());
        let mut skipped = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let kid = item.as_ref().ok().and_then(|jwk| jwk.get("kid")?.as_str()).map(excerpt);
            match item.map_err(skip_reason).and_then(|jwk| jwk::parse(&jwk)) {
                Ok(key) => keys.push((index, key)),
                Err(reason) => skipped.push(SkippedKey { index, kid, reason }),
            }
        }
        let keys = drop_duplicates(keys, &mut skipped);
        skipped.sort_by_key(|key| key.index);
        Ok((Self::new(keys), skipped))
    }

    /// A shared secret as the only key.
    pub fn hmac(secret: &Secret, algorithm: Algorithm) -> Result<Self, WeakKey> {
        VerificationKey::hmac(secret, algorithm).map(|key| Self::new(vec![key]))
    }

    fn new(mut keys: Vec<VerificationKey>) -> Self {
        keys.sort_by(|one, other| one.identity().cmp(other.identity()));
        let content_hash = content_hash(&keys, &[]);
        Self { keys: keys.into(), revoked: Arc::default(), content_hash }
    }

    /// The same set with these keys marked as compromised, besides those that are marked already. A token that names one
    /// of them, or was signed by one that is still in the set under whatever name, is refused as
    /// [`Reason::KeyRevoked`]; and what was verified under the set before is not what is verified under this one. As many
    /// are kept as are given: the caller bounds them.
    #[must_use]
    pub fn revoking(self, kids: impl IntoIterator<Item = Box<str>>) -> Self {
        let mut revoked: Vec<Box<str>> = self.revoked.iter().cloned().chain(kids).collect();
        revoked.sort_unstable();
        revoked.dedup();
        let content_hash = content_hash(&self.keys, &revoked);
        Self { keys: self.keys, revoked: revoked.into(), content_hash }
    }

    /// The one key that may have signed the token. Looked for in this set only, by the exact `kid`; without one, only if
    /// a single key fits (RFC 7515, section 4.1.4, leaves it open). A shared secret has no name, so a token's is ignored.
    pub fn select(&self, token: &Token<'_>, expectation: &Expectation) -> Result<&VerificationKey, Reason> {
        self.choose(token, expectation.algorithms())
    }

    /// The same, for tokens that no `accept` entry judges.
    pub(super) fn choose(&self, token: &Token<'_>, algorithms: &[Algorithm]) -> Result<&VerificationKey, Reason> {
        let algorithm = token.algorithm();
        if !algorithms.contains(&algorithm) {
            return Err(Reason::AlgNotAllowed);
        }
        if token.kid().is_some_and(|kid| self.has_revoked(kid)) {
            return Err(Reason::KeyRevoked);
        }
        let key = self.fitting(token, algorithm)?;
        if self.is_revoked(key) { Err(Reason::KeyRevoked) } else { Ok(key) }
    }

    fn fitting(&self, token: &Token<'_>, algorithm: Algorithm) -> Result<&VerificationKey, Reason> {
        let named = match (token.kid(), &*self.keys) {
            (_, [only]) if only.is_shared() => Some(only),
            (Some(kid), _) => Some(self.find(kid).ok_or(Reason::UnknownKid)?),
            (None, _) => None,
        };
        match named {
            Some(key) if key.fits(algorithm) => Ok(key),
            Some(_) => Err(Reason::AlgKeyMismatch),
            None => {
                // One that is revoked is left for the case that no other is there: it must not make the choice unclear.
                let fits = |key: &&VerificationKey| key.fits(algorithm);
                let sound = |key: &&VerificationKey| fits(key) && !self.is_revoked(key);
                let mut fitting = self.keys.iter().filter(sound).peekable();
                if fitting.peek().is_none() {
                    return self.keys.iter().find(fits).ok_or(Reason::UnknownKid);
                }
                match (fitting.next(), fitting.next()) {
                    (None, _) => Err(Reason::UnknownKid),
                    (Some(key), None) => Ok(key),
                    (Some(_), Some(_)) => Err(Reason::KidMissing),
                }
            }
        }
    }

    fn has_revoked(&self, kid: &str) -> bool {
        self.revoked.binary_search_by(|revoked| (**revoked).cmp(kid)).is_ok()
    }

    /// Whether the key is marked by its name, or by the name that follows from the key.
    fn is_revoked(&self, key: &VerificationKey) -> bool {
        !self.revoked.is_empty()
            && (key.kid().is_some_and(|kid| self.has_revoked(kid)) || self.has_revoked(&key.thumbprint().to_string()))
    }

    /// The key of this `kid`.
    pub fn find(&self, kid: &str) -> Option<&VerificationKey> {
        let index = self.keys.binary_search_by(|key| key.kid().cmp(&Some(kid))).ok()?;
        self.keys.get(index)
    }

    /// The keys, sorted by `kid`.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &VerificationKey> {
        self.keys.iter()
    }

    /// How many keys are usable.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Equal for sets of the same usable keys under the same names, with the same ones marked as compromised, in whatever
    /// order and with whatever else they were written.
    pub const fn content_hash(&self) -> &[u8; 32] {
        &self.content_hash
    }
}

fn content_hash(keys: &[VerificationKey], revoked: &[Box<str>]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for key in keys {
        // Each part ends where the next begins: a kid has a length, a thumbprint is of one size, names are words.
        let kid = key.kid().map_or_else(|| "-".to_owned(), |kid| format!("{}:{kid}", kid.len()));
        context.update(kid.as_bytes());
        context.update(key.thumbprint().as_bytes());
        key.algorithms().for_each(|algorithm| context.update(algorithm.as_str().as_bytes()));
    }
    for kid in revoked {
        // No key begins with this.
        context.update(format!("!{}:{kid}", kid.len()).as_bytes());
    }
    array(context.finish().as_ref())
}

/// Leaves out every usable key whose `kid` another usable key has too. A key that is unusable anyway, say one for
/// encryption, takes no name away.
fn drop_duplicates(keys: Vec<(usize, VerificationKey)>, skipped: &mut Vec<SkippedKey>) -> Vec<VerificationKey> {
    let mut uses: BTreeMap<Box<str>, usize> = BTreeMap::new();
    for kid in keys.iter().filter_map(|(_, key)| key.kid()) {
        let count = uses.entry(kid.into()).or_default();
        *count = count.saturating_add(1);
    }
    let is_unique = |key: &VerificationKey| key.kid().and_then(|kid| uses.get(kid)).is_none_or(|count| *count == 1);
    let (unique, duplicate): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(_, key)| is_unique(key));
    skipped.extend(duplicate.into_iter().map(|(index, key)| SkippedKey {
        index,
        kid: key.kid().map(excerpt),
        reason: SkipReason::DuplicateKid,
    }));
    unique.into_iter().map(|(_, key)| key).collect()
}

fn skip_reason(error: JsonError) -> SkipReason {
    match error {
        JsonError::NotUtf8 | JsonError::NotObject => SkipReason::NotObject,
        JsonError::DuplicateMember => SkipReason::DuplicateMember,
        JsonError::TooLarge => SkipReason::TooLarge,
    }
}

fn excerpt(kid: &str) -> String {
    kid.chars().take(64).collect()
}
