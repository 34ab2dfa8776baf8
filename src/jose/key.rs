//! A key that verifies, parsed once, and the algorithms that it is for.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
};
use thiserror::Error;

use super::thumbprint::array;
use super::{Algorithm, Reason, Thumbprint};
use crate::secret::Secret;

/// Which key: what its issuer calls it, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyIdentity {
    /// The `kid` of its key set, if it has one.
    pub kid: Option<Box<str>>,
    /// RFC 7638; of an HMAC key a keyed hash that only says whether two are equal.
    pub thumbprint: Thumbprint,
}

/// A key that verifies signatures of stated algorithms, and no others.
pub struct VerificationKey {
    identity: Arc<KeyIdentity>,
    verifiers: Vec<(Algorithm, Verifier)>,
}

/// The key in the form that its algorithm wants.
pub(super) enum Verifier {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

/// Why a shared secret is no key for an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WeakKey {
    /// RFC 7518, section 3.2: at least as many bits as the hash has.
    #[error("the secret has {bits} bits, expected at least {needed}")]
    TooShort {
        /// What it has.
        bits: usize,
        /// What the algorithm needs.
        needed: usize,
    },
    /// The algorithm does not use a shared secret.
    #[error("{0} does not use a shared secret, expected HS256, HS384 or HS512")]
    NotHmac(Algorithm),
}

impl VerificationKey {
    /// A key of this name that verifies each of these algorithms.
    pub(super) fn new(identity: KeyIdentity, verifiers: Vec<(Algorithm, Verifier)>) -> Self {
        Self { identity: Arc::new(identity), verifiers }
    }

    /// A shared secret. It has no name: whoever shares it knows which it is.
    pub(super) fn hmac(secret: &Secret, algorithm: Algorithm) -> Result<Self, WeakKey> {
        let key = hmac_key(secret, algorithm)?;
        let identity = KeyIdentity { kid: None, thumbprint: hmac_thumbprint(&key) };
        Ok(Self::new(identity, vec![(algorithm, Verifier::Hmac(Box::new(key)))]))
    }

    /// Which key this is.
    pub const fn identity(&self) -> &Arc<KeyIdentity> {
        &self.identity
    }

    /// The `kid` of its key set.
    pub fn kid(&self) -> Option<&str> {
        self.identity.kid.as_deref()
    }

    /// What the key is, independent of its name.
    pub fn thumbprint(&self) -> Thumbprint {
        self.identity.thumbprint
    }

    /// The algorithms that it may be used with: the one that the key set states, else those that its type allows.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether it may be used with this algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms().any(|own| own == algorithm)
    }

    /// Whether it is a shared secret.
    pub(super) fn is_shared(&self) -> bool {
        self.verifiers.iter().any(|(_, verifier)| matches!(verifier, Verifier::Hmac(_)))
    }

    /// Whether the signature is this key's over the message, by this algorithm and no other that the key might do.
    ///
    /// Lengths are exact: RSA as long as the modulus, ECDSA the two halves of RFC 7518, section 3.4, never DER. It proves
    /// who signed these bytes and nothing of what they say: a token's claims come from
    /// [`Expectation::verify`](super::Expectation::verify) alone.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
        let verifier = self.verifiers.iter().find(|(own, _)| *own == algorithm);
        let (_, verifier) = verifier.ok_or(Reason::AlgKeyMismatch)?;
        match verifier {
            Verifier::Hmac(key) => hmac::verify(key, message, signature),
            Verifier::Public(key) => key.verify_sig(message, signature),
        }
        .map_err(|_| Reason::BadSignature)
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VerificationKey").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// A key for this HMAC, if the secret is long enough.
pub(super) fn hmac_key(secret: &Secret, algorithm: Algorithm) -> Result<hmac::Key, WeakKey> {
    let hmac = hmac_algorithm(algorithm).ok_or(WeakKey::NotHmac(algorithm))?;
    let (bits, needed) = (secret.expose().len().saturating_mul(8), hmac.tag_len().saturating_mul(8));
    if bits < needed { Err(WeakKey::TooShort { bits, needed }) } else { Ok(hmac::Key::new(hmac, secret.expose())) }
}

/// A name for a shared secret: a MAC by it over a constant. RFC 7638 would hash the secret itself.
pub(super) fn hmac_thumbprint(key: &hmac::Key) -> Thumbprint {
    Thumbprint::of_digest(array(hmac::sign(key, b"bearward: name of a shared key").as_ref()))
}

const fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::HS256 => Some(hmac::HMAC_SHA256),
        Algorithm::HS384 => Some(hmac::HMAC_SHA384),
        Algorithm::HS512 => Some(hmac::HMAC_SHA512),
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512
        | Algorithm::ES256
        | Algorithm::ES384
        | Algorithm::ES512
        | Algorithm::EdDSA
        | Algorithm::Ed25519 => None,
    }
}

/// How RSA verifies by this algorithm. A PSS salt is as long as the hash, no other length (RFC 7518, section 3.5).
pub(super) const fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_2048_8192_SHA512),
        Algorithm::HS256
        | Algorithm::HS384
        | Algorithm::HS512
        | Algorithm::ES256
        | Algorithm::ES384
        | Algorithm::ES512
        | Algorithm::EdDSA
        | Algorithm::Ed25519 => None,
    }
}

/// How a key on a curve verifies by this algorithm.
pub(super) fn curve_parameters(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        Algorithm::ES256 => Some(&ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Some(&ECDSA_P384_SHA384_FIXED),
        Algorithm::ES512 => Some(&ECDSA_P521_SHA512_FIXED),
        Algorithm::EdDSA | Algorithm::Ed25519 => Some(&ED25519),
        Algorithm::HS256
        | Algorithm::HS384
        | Algorithm::HS512
        | Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => None,
    }
}
