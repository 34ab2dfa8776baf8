//! What stands for a token where the token itself must not be: in a cache, and in a log.

use std::fmt;

use aws_lc_rs::hmac;

use super::thumbprint::{array, sha256};
use crate::secret::Secret;

/// SHA-256 of a credential's text: the key of caches. It has no `Display`, because a plain hash lets anybody who holds
/// a token find it in a log; logs have a [`Fingerprint`].
///
/// The hash covers the signature. One ECDSA signature can be rewritten into a second valid one, so two hashes do not
/// prove two tokens: what counts uses takes `jti`, or [`TokenHash::of_signed_part`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a whole credential.
    pub fn of(credential: &str) -> Self {
        Self(sha256(credential.as_bytes()))
    }

    /// The hash of what a compact JWS signs: all before its last dot, or the whole text if it has none.
    pub fn of_signed_part(credential: &str) -> Self {
        Self::of(credential.rsplit_once('.').map_or(credential, |(signed, _)| signed))
    }

    /// The hash itself.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What a log may show.
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        Fingerprint(u64::from_be_bytes(array(hmac::sign(&key.0, &self.0).as_ref())))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash(..)")
    }
}

/// The secret that makes fingerprints of this installation useless to anybody else.
pub struct FingerprintKey(hmac::Key);

impl FingerprintKey {
    /// Fingerprints made with equal secrets are equal.
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }
}

/// How a credential appears in logs and audit records: 64 bits of a keyed hash, as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}
