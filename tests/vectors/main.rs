//! The examples that the standards publish: signatures that must hold do, keys have the names that the RFCs print, and
//! every other form is refused, each with its reason.
//!
//! An example's payload is rarely an access token, so its signature is checked by itself; what a policy makes of those
//! that are tokens is said beside it. The data are the examples' own; a wrong digit would show as a bad signature.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends at the first surprise")]

mod rfc7515;
mod rfc7517;
mod rfc7519;
mod rfc7520;
mod rfc7638;
mod rfc8037;
mod rfc9449;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bearward::jose::{Algorithm, KeySet, Reason, SigningKey, Token, VerificationKey};
use bearward::secret::Secret;
use serde_json::Value;

/// The examples of one standard: `verified` and `refused`.
fn examples(text: &str, list: &str) -> Vec<Value> {
    let examples: Value = serde_json::from_str(text).unwrap();
    let list = examples[list].as_array().unwrap().clone();
    assert!(!list.is_empty());
    list
}

fn text<'v>(example: &'v Value, name: &str) -> &'v str {
    example[name].as_str().unwrap()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A key set of this key, without what only its private half has.
fn key_set(jwk: &Value, algorithm: Algorithm) -> KeySet {
    if jwk["kty"] == "oct" {
        return KeySet::hmac(&Secret::new(decode(text(jwk, "k"))), algorithm).unwrap();
    }
    let mut public = jwk.as_object().unwrap().clone();
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        public.remove(private);
    }
    let (keys, skipped) = KeySet::parse(serde_json::json!({"keys": [public]}).to_string().as_bytes()).unwrap();
    assert_eq!(skipped, []);
    keys
}

fn the_key(keys: &KeySet) -> &VerificationKey {
    assert_eq!(keys.len(), 1);
    keys.iter().next().unwrap()
}

/// Whether the signature of a compact JWS is this key's.
fn verify(key: &VerificationKey, algorithm: Algorithm, compact: &str) -> Result<(), Reason> {
    let (signed, signature) = compact.rsplit_once('.').unwrap();
    key.verify(algorithm, signed.as_bytes(), &decode(signature))
}

/// The signature holds, does not if a bit of it or of what it is over is changed, and is no other algorithm's.
fn assert_verified(example: &Value) {
    let (section, compact) = (text(example, "section"), text(example, "compact"));
    let algorithm = Algorithm::from_name(text(example, "algorithm")).unwrap();
    let keys = key_set(&example["key"], algorithm);
    let key = the_key(&keys);
    assert_eq!(verify(key, algorithm, compact), Ok(()), "{section}");
    let (signed, signature) = compact.rsplit_once('.').unwrap();
    let mut flipped = decode(signature);
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(key.verify(algorithm, signed.as_bytes(), &flipped), Err(Reason::BadSignature), "{section}");
    let other = signed.replacen('.', ".A", 1);
    assert_eq!(key.verify(algorithm, other.as_bytes(), &decode(signature)), Err(Reason::BadSignature), "{section}");
    for other in Algorithm::ALL.into_iter().filter(|other| !other.same_as(algorithm)) {
        assert!(key.verify(other, signed.as_bytes(), &decode(signature)).is_err(), "{section} as {other}");
    }
}

/// The text is no token, for this reason.
fn assert_refused(example: &Value) {
    let (section, form) = (text(example, "section"), text(example, "form"));
    let reason = Token::parse(text(example, "text")).map(|_| ()).unwrap_err();
    assert_eq!(reason.as_str(), text(example, "reason"), "{section}, {form}");
}

fn signing_key(jwk: &Value, algorithm: Algorithm) -> SigningKey {
    SigningKey::from_jwk(&Secret::new(jwk.to_string().into_bytes()), Some(algorithm)).unwrap()
}
