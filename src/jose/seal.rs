//! Opaque tokens: a signed token, sealed so that only this installation can read it.
//!
//! ```text
//! bwt_ + base64url( nonce, 12 bytes | AES-256-GCM( signed token ), tag of 16 bytes )
//! ```
//!
//! Sealing hides; the signature inside is what makes a token good. So whoever finds out a seal can read tokens, and can
//! make none.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::{NoRandomness, base64url};
use crate::secret::Secret;

/// How a sealed token begins: no JWT begins so, since its header is a JSON object.
const PREFIX: &str = "bwt_";

/// Bytes of a seal's key.
const KEY_BYTES: usize = 32;

/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;

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

    /// The bytes of a key that nobody has.
    pub fn generate(random: &dyn aws_lc_rs::rand::SecureRandom) -> Result<Secret, NoRandomness> {
        let mut bytes = vec![0; KEY_BYTES];
        random.fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Secret::new(bytes))
    }

    /// The opaque form of a signed token.
    pub fn seal(&self, token: &str) -> Result<String, NoRandomness> {
        let mut sealed = token.as_bytes().to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(PREFIX), &mut sealed).map_err(|_| NoRandomness)?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(format!("{PREFIX}{}", base64url::encode(bytes)))
    }

    /// The signed token inside; `None` if it was sealed by another key, or was changed.
    pub fn open(&self, text: &str) -> Option<Zeroizing<String>> {
        let mut bytes = Zeroizing::new(base64url::decode(text.strip_prefix(PREFIX)?)?);
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
