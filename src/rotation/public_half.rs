//! The public half of a key, checked: what the ring takes, and nothing that says more.

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::jose::{Algorithm, KeySet, SigningKey, SkipReason};

/// Members that the JWK of a public key of ours may have (RFC 7517, section 4; RFC 7518, section 6; RFC 8037).
const MEMBERS: [&str; 9] = ["kty", "crv", "x", "y", "n", "e", "alg", "use", "kid"];

/// The public half of a key that its own name belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicHalf {
    kid: Box<str>,
    algorithm: Algorithm,
    jwk: Map<String, Value>,
}

/// Why a JWK is no public half for the ring.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnfitPublicHalf {
    /// No verifier that follows our own rules would take it; that it is private is among the reasons.
    #[error("the key is not fit for use: {0}")]
    Unfit(SkipReason),
    /// A member that no public key of ours has.
    #[error("its member {0:?} is none of a public key, expected one of kty, crv, x, y, n, e, alg, use and kid")]
    UnknownMember(String),
    /// The name is that of another key.
    #[error("its kid is not its thumbprint {0} (RFC 7638)")]
    NotItsName(String),
    /// `alg` is another one, or absent.
    #[error("its alg is not {0}")]
    NotItsAlgorithm(Algorithm),
    /// `use` is not `sig`.
    #[error("its use is not sig")]
    NotForSigning,
}

impl PublicHalf {
    /// The public half of this key; a shared secret has none.
    pub fn of(key: &SigningKey) -> Option<Self> {
        let jwk = key.public_jwk()?.clone();
        Some(Self { kid: key.thumbprint().to_string().into(), algorithm: key.algorithm(), jwk })
    }

    /// Checks a JWK: public, fit for the algorithm, with `alg`, `use`, and its thumbprint as `kid`.
    pub fn parse(jwk: Map<String, Value>, algorithm: Algorithm) -> Result<Self, UnfitPublicHalf> {
        let set = json!({ "keys": [&jwk] }).to_string();
        let (keys, skipped) =
            KeySet::parse(set.as_bytes()).map_err(|_| UnfitPublicHalf::Unfit(SkipReason::TooLarge))?;
        if let Some(key) = skipped.into_iter().next() {
            return Err(UnfitPublicHalf::Unfit(key.reason));
        }
        let key = keys.iter().next().ok_or(UnfitPublicHalf::Unfit(SkipReason::NotObject))?;
        if let Some(name) = jwk.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(UnfitPublicHalf::UnknownMember(name.chars().take(32).collect()));
        }
        let kid = key.thumbprint().to_string();
        if key.kid() != Some(kid.as_str()) {
            return Err(UnfitPublicHalf::NotItsName(kid));
        }
        if jwk.get("alg").and_then(Value::as_str) != Some(algorithm.as_str()) || !key.fits(algorithm) {
            return Err(UnfitPublicHalf::NotItsAlgorithm(algorithm));
        }
        if jwk.get("use").and_then(Value::as_str) != Some("sig") {
            return Err(UnfitPublicHalf::NotForSigning);
        }
        Ok(Self { kid: kid.into(), algorithm, jwk })
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it is for.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its parts: name and JWK.
    pub(super) fn into_parts(self) -> (Box<str>, Map<String, Value>) {
        (self.kid, self.jwk)
    }
}
