//! What stands for a token or for who somebody is where these must not be: in a cache, and in a log.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SecureRandom;
use zeroize::Zeroizing;

use super::NoRandomness;
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
        Fingerprint::of(&hmac::sign(&key.0, &self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash(..)")
    }
}

/// The secret that makes fingerprints of this installation useless to anybody else.
pub struct FingerprintKey(Arc<hmac::Key>);

impl FingerprintKey {
    /// Fingerprints made with equal secrets are equal.
    pub fn new(secret: &Secret) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret.expose())))
    }

    /// A key that nobody has, and nobody will have again.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut secret = Zeroizing::new([0; 32]);
        random.fill(secret.as_mut_slice()).map_err(|_| NoRandomness)?;
        Ok(Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice()))))
    }

    /// What a log may show of a name that this issuer gave somebody: the same name is somebody else's at another issuer
    /// (RFC 7519, section 4.1.2). Lengths are part of what is hashed, so that no two pairs are one text.
    pub(super) fn of_name(&self, issuer: &str, name: &str) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.0);
        // Longer than a hash of a token, so that it is never the text of one's fingerprint.
        context.update(b"whom an issuer calls by a name: length, issuer, name");
        context.update(&issuer.len().to_be_bytes());
        context.update(issuer.as_bytes());
        context.update(name.as_bytes());
        Fingerprint::of(&context.sign())
    }
}

/// How a credential, or who somebody is, appears in logs and audit records: 64 bits of a keyed hash, as 16 hexadecimal
/// digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    fn of(tag: &hmac::Tag) -> Self {
        let bytes: [u8; 8] = array(tag.as_ref());
        let mut digits = [0; 16];
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(bytes) {
            *pair = [hex(byte >> 4), hex(byte & 0xf)];
        }
        Self(digits)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

const fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// The fingerprint of one claim, so that a credential that is used again and again is hashed once. It is of the claim and
/// the key that were asked for first: all that one process asks for, unless policies over one issuer differ in what names
/// the subject.
pub(super) struct FirstFingerprint(OnceLock<First>);

struct First {
    claim: Box<str>,
    key: Arc<hmac::Key>,
    fingerprint: Fingerprint,
}

impl FirstFingerprint {
    /// Nothing was asked for yet.
    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The fingerprint of `name`, which is what `claim` has at this issuer.
    pub(super) fn of<'n>(
        &self,
        claim: &str,
        key: &FingerprintKey,
        issuer: &str,
        name: impl FnOnce() -> Option<&'n str>,
    ) -> Option<Fingerprint> {
        // A key that is held cannot have its address given to another one.
        if let Some(first) = self.0.get()
            && first.claim.as_ref() == claim
            && Arc::ptr_eq(&first.key, &key.0)
        {
            return Some(first.fingerprint);
        }
        let fingerprint = key.of_name(issuer, name()?);
        // Where another thread was first, it has the same, or another claim's.
        let _ = self.0.set(First { claim: claim.into(), key: Arc::clone(&key.0), fingerprint });
        Some(fingerprint)
    }
}
