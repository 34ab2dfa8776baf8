//! One JSON Web Key (RFC 7517) turned into a key that verifies, or a reason to leave it out.

mod ed25519;
mod roca;

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use serde_json::{Map, Value};
use thiserror::Error;

use super::key::{Verifier, curve_parameters, rsa_parameters};
use super::{Algorithm, Family, KeyIdentity, Thumbprint, VerificationKey, base64url};

/// The smallest RSA modulus in bits (RFC 7518, section 3.3).
const MIN_RSA_BITS: usize = 2048;
/// The largest, because a larger one costs each request more than an attacker needs to pay.
const MAX_RSA_BITS: usize = 4096;
/// The one public exponent that is in use. Small ones have a history of forgeries, large ones cost time.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];
/// Members that only a private key has (RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037, section 2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];
/// The longest name of a key, and the longest text of others that a message repeats, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// Why one key of a key set is not used. The others of the set are.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SkipReason {
    /// An item of the array is no key at all.
    #[error("it is not a JSON object")]
    NotObject,
    /// Which of the two counts would depend on the parser.
    #[error("it has two members of one name")]
    DuplicateMember,
    /// More nested, or with more members, than any key is.
    #[error("it is nested too deeply or has too many members")]
    TooLarge,
    /// A member is missing, of the wrong type, or not canonical base64url of the right length.
    #[error("its member {0} is missing or malformed")]
    BadMember(&'static str),
    /// Not RSA, EC or OKP.
    #[error("its type {0:?} is not supported, expected RSA, EC or OKP")]
    UnsupportedType(String),
    /// A secret that everybody can read.
    #[error("it is a shared secret, which no public key set may have")]
    SharedSecret,
    /// A private key that everybody can read, so anybody may have signed with it.
    #[error("it has the private half of the key: take it for compromised")]
    PrivateKey,
    /// `use` is something else than `sig`, or `key_ops` lacks `verify`.
    #[error("it is not for verifying signatures (use, key_ops)")]
    NotForVerifying,
    /// `alg` names no signature algorithm that is supported.
    #[error("its algorithm {0:?} is not supported")]
    UnsupportedAlgorithm(String),
    /// `alg` does not go with the key's type or curve.
    #[error("its algorithm {0} is not one for a key of its type and curve")]
    AlgorithmMismatch(Algorithm),
    /// Not P-256, P-384, P-521 or Ed25519.
    #[error("its curve {0:?} is not supported, expected P-256, P-384, P-521 or Ed25519")]
    UnsupportedCurve(String),
    /// The coordinates are not those of a point on the curve.
    #[error("its point is not on the curve")]
    NotOnCurve,
    /// A point of order 1, 2, 4 or 8: signatures under it can be made up without any private key.
    #[error("its point is of small order: anybody can sign for it")]
    SmallOrder,
    /// Too small to be safe, or too large to be cheap.
    #[error("its modulus has {0} bits, expected 2048 to 4096")]
    RsaSize(usize),
    /// Not 65537.
    #[error("its public exponent is not 65537")]
    RsaExponent,
    /// Made by a library whose keys can be factored (CVE-2017-15361).
    #[error("its modulus has the ROCA weakness (CVE-2017-15361): it can be factored")]
    Roca,
    /// The modulus is not a product of two odd primes.
    #[error("its modulus is not one of an RSA key")]
    RsaModulus,
    /// Several usable keys of one name, so that the name names none.
    #[error("another key of the set has the same kid")]
    DuplicateKid,
}

/// Turns a JWK into a key. Members that it does not know it ignores, as RFC 7517, section 4, wants.
pub(super) fn parse(jwk: &Map<String, Value>) -> Result<VerificationKey, SkipReason> {
    let key_type = text(jwk, "kty")?.ok_or(SkipReason::BadMember("kty"))?;
    if key_type == "oct" || jwk.contains_key("k") {
        return Err(SkipReason::SharedSecret);
    }
    if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
        return Err(SkipReason::PrivateKey);
    }
    if !is_for_verifying(jwk)? {
        return Err(SkipReason::NotForVerifying);
    }
    let kid = text(jwk, "kid")?;
    if kid.is_some_and(|kid| kid.len() > MAX_TEXT_BYTES) {
        return Err(SkipReason::BadMember("kid"));
    }
    let stated = match text(jwk, "alg")? {
        None => None,
        Some(name) => Some(Algorithm::from_name(name).ok_or_else(|| SkipReason::UnsupportedAlgorithm(excerpt(name)))?),
    };
    let (thumbprint, verifiers) = match key_type {
        "RSA" => rsa(jwk, stated),
        "EC" => ec(jwk, stated),
        "OKP" => okp(jwk, stated),
        other => Err(SkipReason::UnsupportedType(excerpt(other))),
    }?;
    Ok(VerificationKey::new(KeyIdentity { kid: kid.map(Box::from), thumbprint }, verifiers))
}

/// What a key of one type comes to.
type Material = (Thumbprint, Vec<(Algorithm, Verifier)>);

/// RFC 7518, section 6.3.1. A key that states no algorithm fits all that its type allows; which of them a token may use,
/// the policy says.
fn rsa(jwk: &Map<String, Value>, stated: Option<Algorithm>) -> Result<Material, SkipReason> {
    let modulus = bytes(jwk, "n")?;
    // RFC 7518, section 6.3.1.1, notes that some writers put a zero in front.
    let modulus = strip_zeros(&modulus);
    check_modulus(modulus)?;
    if strip_zeros(&bytes(jwk, "e")?) != RSA_EXPONENT {
        return Err(SkipReason::RsaExponent);
    }
    let fitting = fitting(stated, |algorithm| matches!(algorithm.family(), Family::RsaPkcs1 | Family::RsaPss))?;
    let components = RsaPublicKeyComponents { n: modulus, e: RSA_EXPONENT.as_slice() };
    let mut verifiers = Vec::with_capacity(fitting.len());
    for algorithm in fitting {
        let parameters = rsa_parameters(algorithm).ok_or(SkipReason::AlgorithmMismatch(algorithm))?;
        let key = components.to_parsed_public_key(parameters).map_err(|_| SkipReason::RsaModulus)?;
        verifiers.push((algorithm, Verifier::Public(key)));
    }
    let (exponent, modulus) = (base64url::encode(RSA_EXPONENT), base64url::encode(modulus));
    Ok((Thumbprint::of_members(&[("e", &exponent), ("kty", "RSA"), ("n", &modulus)]), verifiers))
}

/// Size, oddness and the one known weakness that shows in the modulus alone.
fn check_modulus(modulus: &[u8]) -> Result<(), SkipReason> {
    let bits = match modulus.first() {
        Some(first) => {
            let unused = usize::try_from(first.leading_zeros()).unwrap_or_default();
            modulus.len().saturating_mul(8).saturating_sub(unused)
        }
        None => 0,
    };
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(SkipReason::RsaSize(bits));
    }
    if modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err(SkipReason::RsaModulus);
    }
    if roca::is_weak(modulus) { Err(SkipReason::Roca) } else { Ok(()) }
}

/// RFC 7518, section 6.2.1: coordinates of exactly the curve's size.
fn ec(jwk: &Map<String, Value>, stated: Option<Algorithm>) -> Result<Material, SkipReason> {
    let (curve, algorithm, size) = match text(jwk, "crv")?.ok_or(SkipReason::BadMember("crv"))? {
        curve @ "P-256" => (curve, Algorithm::ES256, 32),
        curve @ "P-384" => (curve, Algorithm::ES384, 48),
        curve @ "P-521" => (curve, Algorithm::ES512, 66),
        other => return Err(SkipReason::UnsupportedCurve(excerpt(other))),
    };
    fitting(stated, |stated| stated == algorithm)?;
    let (x, y) = (sized(jwk, "x", size)?, sized(jwk, "y", size)?);
    // SEC 1, section 2.3.3: an uncompressed point.
    let point = [[4].as_slice(), &x, &y].concat();
    let (x, y) = (base64url::encode(x), base64url::encode(y));
    let thumbprint = Thumbprint::of_members(&[("crv", curve), ("kty", "EC"), ("x", &x), ("y", &y)]);
    Ok((thumbprint, vec![(algorithm, Verifier::Public(on_curve(algorithm, &point)?))]))
}

/// RFC 8037, section 2. Ed448 and the keys for key agreement have the same type and are not taken.
fn okp(jwk: &Map<String, Value>, stated: Option<Algorithm>) -> Result<Material, SkipReason> {
    let curve = text(jwk, "crv")?.ok_or(SkipReason::BadMember("crv"))?;
    if curve != "Ed25519" {
        return Err(SkipReason::UnsupportedCurve(excerpt(curve)));
    }
    fitting(stated, |stated| stated.family() == Family::Ed25519)?;
    let x = sized(jwk, "x", 32)?;
    if ed25519::is_of_small_order(&x) {
        return Err(SkipReason::SmallOrder);
    }
    let key = on_curve(Algorithm::Ed25519, &x)?;
    let thumbprint = Thumbprint::of_members(&[("crv", curve), ("kty", "OKP"), ("x", &base64url::encode(x))]);
    // Both names of the algorithm, whichever the key set uses.
    let verifiers = [Algorithm::EdDSA, Algorithm::Ed25519].map(|name| (name, Verifier::Public(key.clone())));
    Ok((thumbprint, Vec::from(verifiers)))
}

fn on_curve(algorithm: Algorithm, point: &[u8]) -> Result<ParsedPublicKey, SkipReason> {
    let parameters = curve_parameters(algorithm).ok_or(SkipReason::AlgorithmMismatch(algorithm))?;
    ParsedPublicKey::new(parameters, point).map_err(|_| SkipReason::NotOnCurve)
}

/// The stated algorithm if it fits, or all that do.
fn fitting(stated: Option<Algorithm>, fits: impl Fn(Algorithm) -> bool) -> Result<Vec<Algorithm>, SkipReason> {
    match stated {
        None => Ok(Algorithm::ALL.into_iter().filter(|algorithm| fits(*algorithm)).collect()),
        Some(algorithm) if fits(algorithm) => Ok(vec![algorithm]),
        Some(algorithm) => Err(SkipReason::AlgorithmMismatch(algorithm)),
    }
}

/// RFC 7517, sections 4.2 and 4.3: both members are optional, and each that is present must allow it.
fn is_for_verifying(jwk: &Map<String, Value>) -> Result<bool, SkipReason> {
    let in_operations = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => return Err(SkipReason::BadMember("key_ops")),
    };
    Ok(in_operations && text(jwk, "use")?.is_none_or(|purpose| purpose == "sig"))
}

/// A member that is a string where it is present.
fn text<'j>(jwk: &'j Map<String, Value>, name: &'static str) -> Result<Option<&'j str>, SkipReason> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(SkipReason::BadMember(name)),
    }
}

/// A required member that is base64url.
fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, SkipReason> {
    text(jwk, name)?.and_then(base64url::decode).ok_or(SkipReason::BadMember(name))
}

/// A required member that is base64url of so many bytes.
fn sized(jwk: &Map<String, Value>, name: &'static str, size: usize) -> Result<Vec<u8>, SkipReason> {
    bytes(jwk, name).and_then(|bytes| if bytes.len() == size { Ok(bytes) } else { Err(SkipReason::BadMember(name)) })
}

fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// The beginning of a text that came with the key, short enough for a message.
fn excerpt(text: &str) -> String {
    text.chars().take(32).collect()
}
