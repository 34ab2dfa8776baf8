//! Makes new API keys.

use aws_lc_rs::rand::SecureRandom;
use thiserror::Error;
use zeroize::Zeroizing;

use super::checksum;
use super::record::format_hash;
use super::{PREFIX, SECRET_LENGTH};
use crate::jose::thumbprint::sha256;
use crate::secret::Secret;

/// The length of a new id: 71 bits, so that two never meet.
const NEW_ID_LENGTH: usize = 12;

/// A key that was just made: the only moment at which its text exists.
pub struct NewApiKey {
    id: String,
    hash: String,
    text: Secret,
}

/// The source of randomness failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the source of randomness failed")]
pub struct NoRandomness;

impl NewApiKey {
    /// Draws id and secret.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let id = draw(random, NEW_ID_LENGTH)?;
        let secret = draw(random, SECRET_LENGTH)?;
        let checked = Zeroizing::new([PREFIX, &id, "_", &secret].concat());
        let text = [checked.as_str(), &checksum::of(&checked)].concat();
        let hash = format_hash(&sha256(secret.as_bytes()));
        Ok(Self { id: id.to_string(), hash, text: Secret::new(text.into_bytes()) })
    }

    /// The public part.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a Secret keeps as `hash`.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The whole key, to be shown once to whom it is for. ASCII.
    pub const fn text(&self) -> &Secret {
        &self.text
    }
}

/// So many characters of base 62, each equally likely: bytes beyond the largest multiple of 62 are drawn again.
fn draw(random: &dyn SecureRandom, length: usize) -> Result<Zeroizing<String>, NoRandomness> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    while text.len() < length {
        let mut byte = Zeroizing::new([0]);
        random.fill(byte.as_mut_slice()).map_err(|_| NoRandomness)?;
        let [value] = byte.map(u32::from);
        if value < 248 {
            text.extend(checksum::digit(value % 62));
        }
    }
    Ok(text)
}
