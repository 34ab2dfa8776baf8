//! Secrets of clients: `bws_<secret><checksum>`, kept as a hash, compared in constant time.
//!
//! As API keys they have 256 bits of randomness, so that one round of SHA-256 hides them, and a checksum that tells a
//! mistyped or cut one from a wrong one. They have no id: the client says who it is.

mod record;
#[cfg(test)]
mod tests;

use aws_lc_rs::rand::SecureRandom;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::api_key::{checksum, format_hash};
use super::thumbprint::sha256;
use super::{NoRandomness, Reason, base64url};
use crate::clock::UnixTime;
use crate::secret::Secret;

pub use record::{ClientSecretRecord, InvalidClientSecret};

/// What every secret begins with.
const PREFIX: &str = "bws_";
/// The length of its random part: 32 bytes in base64url.
const SECRET_LENGTH: usize = 43;
/// The bytes of its random part.
const SECRET_BYTES: usize = 32;

/// A secret as it was presented: well-formed, its checksum right, and not yet known to be anybody's.
pub struct ClientSecret<'a> {
    secret: &'a str,
}

impl<'a> ClientSecret<'a> {
    /// Whether a text is meant to be a client's secret: what it begins with decides, and nothing else.
    pub fn claims_to_be_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Takes a secret apart and checks its checksum.
    pub fn parse(text: &'a str) -> Result<Self, Reason> {
        let malformed = Reason::ClientSecretMalformed;
        let (checked, checksum) = text.split_at_checked(PREFIX.len() + SECRET_LENGTH).ok_or(malformed)?;
        let secret = checked.strip_prefix(PREFIX).ok_or(malformed)?;
        let bytes = base64url::decode(secret).map(Zeroizing::new).ok_or(malformed)?;
        if bytes.len() == SECRET_BYTES && checksum::of(checked) == checksum {
            Ok(Self { secret })
        } else {
            Err(malformed)
        }
    }

    /// What a record keeps of the secret, as [`NewClientSecret::hash`] has it.
    pub fn hash(&self) -> String {
        format_hash(&sha256(self.secret.as_bytes()))
    }

    /// Whether it is one of these, each SHA-256 of a secret and from when on it is not taken any more. All are compared, so
    /// that the time depends on how many there are alone. That it has ended, only its holder is told.
    pub fn verify(&self, known: &[([u8; 32], Option<UnixTime>)], now: UnixTime) -> Result<(), Reason> {
        let presented = sha256(self.secret.as_bytes());
        let mut outcome = Err(Reason::ClientSecretWrong);
        for (hash, until) in known {
            if bool::from(presented.ct_eq(hash)) && outcome.is_err() {
                let is_in_force = until.is_none_or(|until| now < until);
                outcome = if is_in_force { Ok(()) } else { Err(Reason::ClientSecretExpired) };
            }
        }
        outcome
    }
}

/// A secret that was just made: the only moment at which its text exists.
pub struct NewClientSecret {
    hash: String,
    text: Secret,
}

impl NewClientSecret {
    /// Draws one.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        random.fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
        let secret = Zeroizing::new(base64url::encode(bytes.as_slice()));
        let checked = Zeroizing::new([PREFIX, &secret].concat());
        let text = [checked.as_str(), &checksum::of(&checked)].concat();
        Ok(Self { hash: format_hash(&sha256(secret.as_bytes())), text: Secret::new(text.into_bytes()) })
    }

    /// What a Secret keeps as `hash`.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The whole secret, to be shown once to whom it is for. ASCII.
    pub const fn text(&self) -> &Secret {
        &self.text
    }
}
