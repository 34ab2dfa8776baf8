//! Opaque tokens: a signed token, sealed so that only this installation can read it.
//!
//! ```text
//! bwt_ + base64url( nonce, 12 bytes | AES-256-GCM( signed token ), tag of 16 bytes )
//! ```
//!
//! Sealing hides; the signature inside is what makes a token good. So whoever finds out a seal can read tokens, and can
//! make none.

#[cfg(test)]
mod tests;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::{MAX_TOKEN_BYTES, NoRandomness, SigningKey, SigningKeyError, base64url};
use crate::secret::Secret;

/// How a sealed token begins: no JWT begins so, since its header is a JSON object.
const PREFIX: &str = "bwt_";

/// Bytes of a seal's key.
const KEY_BYTES: usize = 32;

/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;

/// Bytes of a tag.
const TAG_BYTES: usize = 16;

/// The largest sealed token that is looked at, in bytes: room for the largest signed one ([`MAX_TOKEN_BYTES`]).
pub const MAX_SEALED_BYTES: usize = PREFIX.len() + ((NONCE_BYTES + MAX_TOKEN_BYTES + TAG_BYTES) * 4).div_ceil(3);

/// A sealed token, decoded once for all the keys that are tried on it; of less than 13 KiB.
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Decodes a token; `None` if it has not the form of a sealed one, or is longer than [`MAX_SEALED_BYTES`].
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() > MAX_SEALED_BYTES {
            return None;
        }
        base64url::decode(text.strip_prefix(PREFIX)?).map(Self)
    }
}

/// What seals tokens, and opens them again.
pub struct SealKey(RandomizedNonceKey);

impl SealKey {
    /// A key of 32 bytes; `None` for any other number.
    pub fn new(bytes: &Secret) -> Option<Self> {
        if bytes.expose().len() != KEY_BYTES {
            return None;
        }
        RandomizedNonceKey::new(&AES_256_GCM, bytes.expose()).ok().map(Self)
    }

    /// The key that goes with a signing key for which no other was made: it follows from the private half by HKDF (RFC 5869),
    /// so that whoever has the one has the other.
    pub fn of(key: &SigningKey) -> Result<Self, SigningKeyError> {
        let private = key.to_pkcs8()?;
        let prk = Salt::new(HKDF_SHA256, b"bearward.dev/seal").extract(private.expose());
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let expanded = prk.expand(&[b"opaque tokens"], HKDF_SHA256).and_then(|okm| okm.fill(bytes.as_mut_slice()));
        expanded.map_err(|_| SigningKeyError::Failed)?;
        Self::new(&Secret::new(bytes.to_vec())).ok_or(SigningKeyError::Failed)
    }

    /// The bytes of a key that nobody has.
    pub fn generate(random: &dyn aws_lc_rs::rand::SecureRandom) -> Result<Secret, NoRandomness> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random.fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
        Ok(Secret::new(bytes.to_vec()))
    }

    /// The opaque form of a signed token, of [`MAX_TOKEN_BYTES`] at most: a longer one is sealed too, but never opened.
    /// Each time another text.
    pub fn seal(&self, token: &str) -> Result<String, NoRandomness> {
        let mut sealed = token.as_bytes().to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(PREFIX), &mut sealed).map_err(|_| NoRandomness)?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(format!("{PREFIX}{}", base64url::encode(bytes)))
    }

    /// The signed token inside; `None` if it was sealed by another key, or was changed. It has one spelling: what opens is
    /// byte for byte what was sealed.
    pub fn open(&self, sealed: &Sealed) -> Option<Zeroizing<String>> {
        let mut bytes = Zeroizing::new(sealed.0.clone());
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let token = self.0.open_in_place(nonce, Aad::from(PREFIX), sealed).ok()?;
        std::str::from_utf8(token).ok().map(|token| Zeroizing::new(token.to_owned()))
    }

    /// Whether a credential has the form of a sealed token, be it one or not.
    pub fn claims_to_be_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }
}
