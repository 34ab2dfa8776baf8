//! Private keys as their owners keep them: a JWK, or PKCS #8 in PEM.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use thiserror::Error;
use zeroize::Zeroizing;

use super::files::{self, FileError};
use crate::jose::{Algorithm, SigningKey, SigningKeyError};
use crate::secret::Secret;

/// What a key that does not say it is taken to sign by: the one algorithm of its curve, and RS256 of RSA.
const UNSTATED: [Algorithm; 5] =
    [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::EdDSA, Algorithm::RS256];

/// Why there is no key to sign with.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum PrivateKeyError {
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Neither a JWK nor PEM, or PEM of something else.
    #[error("not a private key, expected a JWK, or PKCS #8 in PEM (BEGIN PRIVATE KEY)")]
    NotPrivateKey,
    /// Of a type that signs nothing here.
    #[error("not a key of a supported type, expected RSA, P-256, P-384, P-521 or Ed25519")]
    UnsupportedType,
    /// The key itself is wrong.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
}

/// The key in a file. A JWK says itself what it signs by; a key that does not signs by `algorithm`, else by what is
/// usual for its type.
pub(super) fn read(path: &Path, algorithm: Option<Algorithm>) -> Result<SigningKey, PrivateKeyError> {
    let text = files::read(path)?;
    let is_jwk = text.expose().trim_ascii_start().starts_with(b"{");
    let key = if is_jwk { from_jwk(&text, algorithm) } else { from_pem(&text, algorithm) }?;
    match algorithm {
        Some(wanted) if !wanted.same_as(key.algorithm()) => Err(SigningKeyError::NotAKey(wanted).into()),
        _ => Ok(key),
    }
}

fn from_jwk(text: &Secret, algorithm: Option<Algorithm>) -> Result<SigningKey, PrivateKeyError> {
    if let Some(algorithm) = algorithm {
        return Ok(SigningKey::from_jwk(text, Some(algorithm))?);
    }
    let mut problem = None;
    for algorithm in UNSTATED {
        match SigningKey::from_jwk(text, Some(algorithm)) {
            Ok(key) => return Ok(key),
            // Of another type or curve than this attempt's: says nothing of the key.
            Err(SigningKeyError::BadMember("kty" | "crv") | SigningKeyError::NotAKey(_)) => {}
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    Err(problem.map_or(PrivateKeyError::UnsupportedType, PrivateKeyError::Key))
}

fn from_pem(text: &Secret, algorithm: Option<Algorithm>) -> Result<SigningKey, PrivateKeyError> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(text.expose()).map_err(|_| PrivateKeyError::NotPrivateKey)?;
    let der = Secret::new(der.secret_pkcs8_der().to_vec());
    if let Some(algorithm) = algorithm {
        return Ok(SigningKey::from_pkcs8(&der, algorithm)?);
    }
    for algorithm in UNSTATED {
        match SigningKey::from_pkcs8(&der, algorithm) {
            Err(SigningKeyError::NotAKey(_)) => {}
            other => return Ok(other?),
        }
    }
    Err(PrivateKeyError::UnsupportedType)
}

/// The key as PKCS #8 in PEM (RFC 7468, section 10): what `read` and every other tool reads.
pub(super) fn to_pem(key: &SigningKey) -> Result<Secret, SigningKeyError> {
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(key.to_pkcs8()?.expose()));
    // Of the final size at once, so that no copy of a key stays behind in a buffer that grew.
    let mut pem = Vec::with_capacity(encoded.len().saturating_mul(2).saturating_add(64));
    pem.extend_from_slice(b"-----BEGIN PRIVATE KEY-----\n");
    for line in encoded.as_bytes().chunks(64) {
        pem.extend_from_slice(line);
        pem.push(b'\n');
    }
    pem.extend_from_slice(b"-----END PRIVATE KEY-----\n");
    Ok(Secret::new(pem))
}

/// The public half as a key set (RFC 7517, section 5); a shared secret has none.
pub(super) fn key_set(key: &SigningKey) -> Result<String, SigningKeyError> {
    let public = key.public_jwk().ok_or(SigningKeyError::SharedSecret(key.algorithm()))?;
    let text = serde_json::to_string_pretty(&json!({"keys": [public]})).map_err(|_| SigningKeyError::Failed)?;
    Ok(text + "\n")
}
