//! DPoP proofs (RFC 9449): a small token by which the sender of one request shows that it holds a key.
//!
//! The key comes with the proof and is anybody's choice, so a proof by itself says nothing of who sent it: its thumbprint
//! is compared with the one that a token is bound to, or becomes that of a token which is issued. For the same reason all
//! that is cheap is checked first, and of the key only what cannot be made costly.
//!
//! Not here: whether the proof was used before. [`Proof::key`] is for that memory, and enters it only from here, after the
//! signature was verified: else a forged proof could use up the identifier of a true one.

mod fault;
mod target;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Map, Value};

use super::check::media_type;
use super::thumbprint::array;
use super::times::numeric_date;
use super::{Algorithm, Family, Reason, Thumbprint, Token, TokenHash, base64url, jwk};
use crate::clock::UnixTime;

pub use fault::ProofFault;
pub use target::TargetUri;

/// The largest proof that is looked at, in bytes: one with an RSA key of 4096 bits has half of it.
const MAX_PROOF_BYTES: usize = 4 * 1024;

/// The longest identifier of a proof, in bytes.
const MAX_ID_BYTES: usize = 256;

/// What a proof must be of, to be good for one request.
#[derive(Clone, Copy, Debug)]
pub struct ProofTerms<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// Where the request went, in every way in which a client may call that place: any one fits. Without one, none does.
    pub targets: &'a [TargetUri],
    /// What may sign. Shared secrets are no proof of anything, and are refused even if they are named here.
    pub algorithms: &'a [Algorithm],
    /// How old a proof may be.
    pub window: ProofWindow,
    /// The access token that came with the request (RFC 9449, section 4.3, check 12). At a token endpoint there is none
    /// (section 5), and then none is asked for.
    pub token: Option<TokenHash>,
}

/// How far `iat` may be from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofWindow {
    /// How old a proof may be; from this age on it is refused.
    pub past: Duration,
    /// How far in the future it may lie, for clients whose clock is fast.
    pub future: Duration,
}

impl Default for ProofWindow {
    /// A minute, and ten seconds: RFC 9449, section 11.1, wants `seconds or minutes`.
    fn default() -> Self {
        Self { past: Duration::from_mins(1), future: Duration::from_secs(10) }
    }
}

/// A proof whose signature holds and that is of this request, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key that its sender holds (RFC 7638): `cnf.jkt` of a token that is bound to it.
    pub thumbprint: Thumbprint,
    /// What the proof is remembered by: SHA-256 of key, target and `jti`, so that no client can use up the identifiers of
    /// another (RFC 9449, section 11.1, has them unique for the target).
    pub key: [u8; 32],
    /// When it says that it was made.
    pub issued: UnixTime,
    /// From then on it is refused for its age, and need not be remembered.
    pub until: UnixTime,
    /// The nonce that it answers, not compared with any here.
    pub nonce: Option<Box<str>>,
}

impl Proof {
    /// Makes the checks of RFC 9449, section 4.3, but for those of the field itself (one, and only one) and of the nonce.
    ///
    /// Stricter: a proof of over 4 KiB, duplicate members, and an RSA key of over 4096 bits are refused; and where `exp` or
    /// `nbf` are there, they hold (RFC 7519, sections 4.1.4 and 4.1.5).
    pub fn verify(text: &str, terms: &ProofTerms<'_>, now: UnixTime) -> Result<Self, ProofFault> {
        if text.len() > MAX_PROOF_BYTES {
            return Err(ProofFault::Malformed);
        }
        let mut token = Token::parse(text)
            .map_err(|reason| if reason == Reason::AlgNotAllowed { ProofFault::Alg } else { ProofFault::Malformed })?;
        if !token.typ().is_some_and(|typ| media_type(typ).eq_ignore_ascii_case("dpop+jwt")) {
            return Err(ProofFault::Typ);
        }
        let algorithm = token.algorithm();
        if algorithm.family() == Family::Hmac || !terms.algorithms.contains(&algorithm) {
            return Err(ProofFault::Alg);
        }
        let Some(Value::Object(jwk)) = token.header.jwk.take() else { return Err(ProofFault::Jwk) };
        let claims = Claims::read(&token.claims)?;
        let target = claims.check(terms)?;
        claims.check_times(terms.window, now)?;
        let thumbprint = verify_by(jwk, &token)?;
        Ok(Self {
            thumbprint,
            key: replay_key(thumbprint, target, claims.id),
            issued: claims.issued,
            until: claims.issued.plus(terms.window.past),
            nonce: claims.nonce.map(Box::from),
        })
    }
}

/// The claims of a proof (RFC 9449, section 4.2). Others that it may have mean nothing.
struct Claims<'t> {
    id: &'t str,
    method: &'t str,
    target: &'t str,
    issued: UnixTime,
    expires: Option<UnixTime>,
    not_before: Option<UnixTime>,
    token: Option<&'t Value>,
    nonce: Option<&'t str>,
}

impl<'t> Claims<'t> {
    fn read(claims: &'t Map<String, Value>) -> Result<Self, ProofFault> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).ok_or(ProofFault::Claims);
        let optional_time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => numeric_date(value).map(Some).ok_or(ProofFault::Claims),
        };
        let id = text("jti")?;
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return Err(ProofFault::Claims);
        }
        Ok(Self {
            id,
            method: text("htm")?,
            target: text("htu")?,
            issued: optional_time("iat")?.ok_or(ProofFault::Claims)?,
            expires: optional_time("exp")?,
            not_before: optional_time("nbf")?,
            token: claims.get("ath"),
            nonce: claims.get("nonce").map(|_| text("nonce")).transpose()?,
        })
    }

    /// Whether they are of this request; if so, of which target.
    fn check<'a>(&self, terms: &ProofTerms<'a>) -> Result<&'a TargetUri, ProofFault> {
        // RFC 9110, section 9.1: the method is case-sensitive.
        if self.method != terms.method {
            return Err(ProofFault::Htm);
        }
        let target = TargetUri::parse(self.target).ok_or(ProofFault::Htu)?;
        let target = terms.targets.iter().find(|ours| **ours == target).ok_or(ProofFault::Htu)?;
        if let Some(hash) = &terms.token {
            let expected = base64url::encode(hash.as_bytes());
            if self.token.and_then(Value::as_str) != Some(expected.as_str()) {
                return Err(ProofFault::Ath);
            }
        }
        Ok(target)
    }

    fn check_times(&self, window: ProofWindow, now: UnixTime) -> Result<(), ProofFault> {
        let latest = now.plus(window.future);
        let in_window = now < self.issued.plus(window.past) && self.issued <= latest;
        let has_begun = self.not_before.is_none_or(|not_before| not_before <= latest);
        // The same allowance for a clock that is slow.
        let has_ended = self.expires.is_some_and(|expires| now >= expires.plus(window.future));
        if in_window && has_begun && !has_ended { Ok(()) } else { Err(ProofFault::Time) }
    }
}

/// Verifies the one signature by the key that came with it, which must be public, of an acceptable size, and for this
/// algorithm.
fn verify_by(mut jwk: Map<String, Value>, token: &Token<'_>) -> Result<Thumbprint, ProofFault> {
    // A key that states none would be made ready for all of its type.
    jwk.entry("alg").or_insert_with(|| token.algorithm().as_str().into());
    let key = jwk::parse(&jwk).map_err(|_| ProofFault::Jwk)?;
    key.verify(token.algorithm(), token.signed().as_bytes(), token.signature())
        .map_err(|reason| if reason == Reason::AlgKeyMismatch { ProofFault::Jwk } else { ProofFault::Signature })?;
    Ok(key.thumbprint())
}

/// Each part with its length, so that no two proofs read the same.
fn replay_key(thumbprint: Thumbprint, target: &TargetUri, id: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in [thumbprint.as_bytes().as_slice(), target.as_str().as_bytes(), id.as_bytes()] {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    array(context.finish().as_ref())
}
