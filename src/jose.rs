//! Verifies and signs JWTs; the only code that can make a `Verified<Claims>`. No I/O.
//!
//! ```text
//! text ─ Token::parse ─► Token ─ Expectation::verify(token, KeySet, now) ─► Verified<Claims>
//!                                 check: algorithm, type, issuer, audience, times, required claims
//!                                 select: the one key that the token may have been signed with
//!                                 signature, last, because it costs ten times all the rest
//! text ─ ApiKey::parse ─► ApiKey ─ ApiKeySet::verify(key, now) ─► Verified<Claims>
//! text ─ Token::parse ─► Token ─ Assertion::verify(token, terms, KeySet, now) ─► Assertion: who a client is
//! text ─ Proof::verify(text, terms, now) ─► Proof: that its sender holds a key (DPoP)
//! ```
//!
//! Strict by default: RFC 7515, 7517, 7518, 7519, 8725 and 9068, and where they leave a choice, the safer one. Every
//! refusal is a [`Reason`], which goes to logs and metrics and never to the client.
//!
//! Not here: fetching key sets, caching what was verified, memory of what was used once, revocation and the answer to the
//! client.

mod algorithm;
mod api_key;
mod assertion;
mod base64url;
mod check;
mod claims;
mod client_secret;
mod expectation;
mod fingerprint;
mod header;
mod json;
mod jwk;
mod key;
mod key_set;
mod proof;
mod reason;
mod scopes;
mod seal;
mod sign;
#[cfg(test)]
mod tests;
mod thumbprint;
mod times;
mod token;
mod verified;

pub use algorithm::{Algorithm, Family};
pub(crate) use api_key::checksum;
pub use api_key::{ApiKey, ApiKeyRecord, ApiKeySet, InvalidApiKey, NewApiKey, NoRandomness};
pub use assertion::{Assertion, AssertionTerms};
pub use claims::{Claims, ISSUER_CLAIMS, VerifiedBy};
pub use client_secret::{ClientSecret, ClientSecretRecord, InvalidClientSecret, NewClientSecret};
pub use expectation::{Expectation, Profile, Terms, UnsafeExpectation};
pub use fingerprint::{Fingerprint, FingerprintKey, TokenHash};
pub use jwk::SkipReason;
pub use key::{KeyIdentity, VerificationKey, WeakKey};
pub use key_set::{KeySet, KeySetError, SkippedKey};
pub use proof::{Proof, ProofFault, ProofTerms, ProofWindow, TargetUri};
pub use reason::Reason;
pub use scopes::Scopes;
pub use seal::{MAX_SEALED_BYTES, SealKey, Sealed};
pub use sign::{DerForm, SigningKey, SigningKeyError};
pub use thumbprint::Thumbprint;
pub use token::{MAX_TOKEN_BYTES, Token};
pub use verified::{Introspected, Verified};
