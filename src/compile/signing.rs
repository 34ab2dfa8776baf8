//! The keys of an issuer, as its Secrets have them now: what signs, what is published, and what is known of each.
//!
//! A function of the Secrets and of what the policy says. It never decides about keys: that a key may sign was decided by
//! whoever wrote that it is active.

mod outlook;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use zeroize::Zeroize as _;

use super::notes::Problem;
use crate::api::core;
use crate::finding::Code;
use crate::jose::{Algorithm, DerForm, KeySet, SealKey, SigningKey, SigningKeyError};
use crate::resources::SigningKeyState;
use crate::rotation::{Doubt, Keyring, LEEWAY, PUSH, RingKey, SECRET_TYPE, SKEW, Schedule};
use crate::secret::Secret;
use crate::snapshot::{Format, IssuerKeys, KeyLife, Signer};

/// What was read.
pub(super) struct Read {
    /// What signs, if anything does.
    pub(super) signer: Result<Signer, Problem>,
    pub(super) published: Published,
    /// What is wrong besides.
    pub(super) problems: Vec<Problem>,
    /// What is odd, and costs nobody anything.
    pub(super) warnings: Vec<Problem>,
    pub(super) states: Vec<SigningKeyState>,
}

/// What others are told of the keys.
pub(super) struct Published {
    jwks: Bytes,
    etag: Box<str>,
    max_age: Duration,
    openers: Box<[(Box<str>, Arc<SealKey>)]>,
    kids: Box<[Box<str>]>,
    /// How long a token that any of them has signed may be taken.
    pub(super) lasts: Duration,
    lives: Box<[KeyLife]>,
    /// The same keys, and those that are compromised, to verify by.
    pub(super) set: KeySet,
}

impl Published {
    /// As the issuer serves it.
    pub(super) fn with(&self, signer: Result<Signer, Code>) -> IssuerKeys {
        IssuerKeys {
            signer,
            jwks: self.jwks.clone(),
            etag: self.etag.clone(),
            max_age: self.max_age,
            set: self.set.clone(),
            openers: self.openers.clone(),
            kids: self.kids.clone(),
            lives: self.lives.clone(),
        }
    }
}

/// Keys of which none is there.
pub(super) fn none(code: Code) -> IssuerKeys {
    let (jwks, etag) = rendered(&[]);
    IssuerKeys {
        signer: Err(code),
        jwks,
        etag,
        max_age: Duration::ZERO,
        set: KeySet::default(),
        openers: [].into(),
        kids: [].into(),
        lives: [].into(),
    }
}

/// What was published before, without anything that signs: key sets are dated source data, and what was signed in good
/// faith stays good while its keys cannot be read, for as long as it could live.
pub(super) fn last_good(before: &IssuerKeys, code: Code) -> IssuerKeys {
    IssuerKeys {
        signer: Err(code),
        jwks: before.jwks.clone(),
        etag: before.etag.clone(),
        max_age: before.max_age,
        set: before.set.clone(),
        openers: before.openers.clone(),
        kids: before.kids.clone(),
        // Nothing is known of them any more, but when something should have been done.
        lives: before.lives.clone(),
    }
}

/// Reads the Secret that the controller writes. What can be published is, whatever is wrong with private halves; and by
/// the same judgement the controller replaces a key that cannot sign.
///
/// A seal that is missing is a problem where tokens are sealed alone: what else was signed needs none.
pub(super) fn of_ring(
    secret: &core::Secret,
    name: &str,
    (issuer, format): (&str, Format),
    schedule: &Schedule,
) -> Result<Read, Problem> {
    if secret.kind != SECRET_TYPE {
        let cause =
            format!("the Secret {name} is of another type than {SECRET_TYPE}, so it is none that bearward has made");
        return Err(Problem::new(Code::InvalidSecret, cause, "Name another Secret, which need not exist."));
    }
    let keyring = Keyring::read(&secret.data).map_err(|error| {
        let cause = format!("the Secret {name} holds no ring of keys: {error}");
        Problem::new(Code::InvalidSecret, cause, "Restore the Secret as it was, or delete it.")
    })?;
    let ring = keyring.ring();
    if *ring.issuer != *issuer {
        let cause = format!("the Secret {name} has the keys of another issuer, {}", ring.issuer);
        return Err(Problem::new(
            Code::InvalidSecret,
            cause,
            "Name another Secret for this issuer, which need not exist.",
        ));
    }
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let signs = ring.active().map(|key| &*key.kid);
    // Why nothing signs is said where it is found that nothing does.
    for doubt in keyring.doubts().into_iter().filter(|doubt| doubt.of_half().is_none_or(|kid| Some(kid) != signs)) {
        let place = match &doubt {
            Doubt::Seal(_) if format == Format::Jwt => continue,
            // All that is signed now is in order: what cannot be opened any more ends, and nobody can mend it.
            Doubt::Unknown(_) | Doubt::Seal(_) => &mut warnings,
            Doubt::NoHalf(_) | Doubt::Half { .. } | Doubt::OtherHalf(_) => &mut problems,
        };
        place.push(doubtful(&doubt, name));
    }
    let seal = |key: &RingKey| Some((key.kid.clone(), Arc::new(keyring.seal(&key.kid)?)));
    let openers = ring.published().filter_map(seal).collect();
    let signer = signer(&keyring, name);
    let keys: Vec<&Map<String, Value>> = ring.published().map(|key| &key.public).collect();
    let max_age = schedule.jwks_max_age().min(ring.max_age);
    let revoked = ring.revoked().map(|key| key.kid.clone());
    let longest = ring.published().map(|key| key.longest).max().unwrap_or_default();
    let mut published = published(&keys, (longest, max_age), openers)?;
    published.set = published.set.revoking(revoked);
    published.lives = outlook::lives_of_ring(ring, schedule);
    let states = outlook::of_ring(ring, schedule);
    Ok(Read { signer, published, problems, warnings, states })
}

/// What is wrong beside a ring, and what to do about it.
fn doubtful(doubt: &Doubt, name: &str) -> Problem {
    let cause = format!("of the Secret {name}, {doubt}");
    let (code, cure) = match doubt {
        Doubt::NoHalf(_) | Doubt::Half { .. } | Doubt::OtherHalf(_) => {
            (Code::SigningKeyUnusable, "Another key takes its place by itself; find out who has changed the Secret.")
        }
        Doubt::Seal(_) => (
            Code::InvalidSecret,
            "Restore the member; else opaque tokens that were made under the key are refused until they expire.",
        ),
        Doubt::Unknown(_) => (Code::InvalidSecret, "Remove the member: nothing uses it."),
    };
    Problem::new(code, cause, cure)
}

fn signer(keyring: &Keyring, name: &str) -> Result<Signer, Problem> {
    let Some(active) = keyring.ring().active() else {
        let cause = "no key may sign before every ready replica publishes the next one";
        return Err(Problem::plain(Code::KeysPending, cause));
    };
    let (key, seal) = keyring.signs_as(active).map_err(|doubt| match doubt {
        Doubt::Seal(_) => {
            let cause = format!("of the Secret {name}, {doubt}, so the key does not sign");
            Problem::new(Code::SigningKeyUnusable, cause, "Another key takes its place by itself.")
        }
        Doubt::NoHalf(_) | Doubt::Half { .. } | Doubt::OtherHalf(_) | Doubt::Unknown(_) => doubtful(&doubt, name),
    })?;
    Ok(Signer { key: Arc::new(key), longest: active.longest, seal: Arc::new(seal) })
}

/// Puts together the keys of a user's own, the first of which signs.
pub(super) fn of_own(
    keys: &[(&str, &Secret)],
    algorithm: Algorithm,
    (lifetime, max_age): (Duration, Duration),
) -> Result<Read, Problem> {
    let mut signers: Vec<Signer> = Vec::with_capacity(keys.len());
    for (place, (name, text)) in keys.iter().enumerate() {
        let unusable = |error: String| Problem::plain(Code::SigningKeyUnusable, format!("the Secret {name}: {error}"));
        let key = own_key(text, algorithm, place == 0).map_err(unusable)?;
        if signers.iter().any(|other| other.key.thumbprint() == key.thumbprint()) {
            return Err(unusable("the key is there twice".to_owned()));
        }
        let seal = SealKey::of(&key).map_err(|error| unusable(error.to_string()))?;
        signers.push(Signer { key: Arc::new(key), longest: lifetime, seal: Arc::new(seal) });
    }
    let openers = signers.iter().map(|signer| (kid(&signer.key), Arc::clone(&signer.seal))).collect();
    let halves: Vec<&Map<String, Value>> = signers.iter().filter_map(|signer| signer.key.public_jwk()).collect();
    let mut published = published(&halves, (lifetime, max_age), openers)?;
    published.lives =
        signers.iter().enumerate().map(|(place, own)| outlook::life_of_own(&own.key, place == 0)).collect();
    let states = signers.iter().enumerate().map(|(place, signer)| outlook::of_own(&signer.key, place == 0)).collect();
    let signer = signers.into_iter().next();
    let signer = signer.ok_or_else(|| Problem::plain(Code::SigningKeyUnusable, "there is no key"));
    Ok(Read { signer, published, problems: Vec::new(), warnings: Vec::new(), states })
}

fn kid(key: &SigningKey) -> Box<str> {
    key.thumbprint().to_string().into()
}

/// A private key as its owner keeps it. The one that signs is for the policy's algorithm; one that is only published may
/// still be for another, which its tokens were signed by.
fn own_key(text: &Secret, algorithm: Algorithm, signs: bool) -> Result<SigningKey, String> {
    const OTHERS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS256];
    let others: &[Algorithm] = if signs { &[] } else { &OTHERS };
    let trimmed = text.expose().trim_ascii_start();
    let key = if trimmed.starts_with(b"{") {
        SigningKey::from_jwk(text, Some(algorithm))
            .or_else(|error| others.iter().find_map(|other| SigningKey::from_jwk(text, Some(*other)).ok()).ok_or(error))
    } else if trimmed.starts_with(b"-----BEGIN") {
        let (der, form) = of_pem(text)?;
        from_der((&der, form), algorithm, others)
    } else {
        from_der((text, DerForm::Pkcs8), algorithm, others)
    };
    let key = key.map_err(|error| error.to_string())?;
    if key.public_jwk().is_none() || (signs && !algorithm.same_as(key.algorithm())) {
        return Err(format!("a key for {}, expected one for {algorithm}", key.algorithm()));
    }
    Ok(key)
}

/// The one private key of a PEM text (RFC 7468), whatever stands around it: the parameters of its curve, or certificates.
fn of_pem(text: &Secret) -> Result<(Secret, DerForm), String> {
    const EXPECTED: &str = "expected one in PEM: BEGIN PRIVATE KEY (PKCS #8), BEGIN RSA PRIVATE KEY (PKCS #1) or BEGIN EC PRIVATE KEY (SEC 1)";
    let mut found = None;
    for key in PrivateKeyDer::pem_slice_iter(text.expose()) {
        let mut key = key.map_err(|_| format!("not a private key, {EXPECTED}"))?;
        let form = match &key {
            PrivateKeyDer::Pkcs8(_) => Some(DerForm::Pkcs8),
            PrivateKeyDer::Pkcs1(_) => Some(DerForm::Pkcs1),
            PrivateKeyDer::Sec1(_) => Some(DerForm::Sec1),
            // Not one of our enums, and open to more.
            _ => None,
        };
        let der = Secret::new(key.secret_der().to_vec());
        key.zeroize();
        let form = form.ok_or_else(|| format!("not a private key, {EXPECTED}"))?;
        if found.replace((der, form)).is_some() {
            return Err(format!("more than one private key, {EXPECTED}"));
        }
    }
    found.ok_or_else(|| format!("not a private key, {EXPECTED}"))
}

fn from_der(
    (der, form): (&Secret, DerForm),
    algorithm: Algorithm,
    others: &[Algorithm],
) -> Result<SigningKey, SigningKeyError> {
    let of = |algorithm| SigningKey::from_der(der, form, algorithm);
    of(algorithm).or_else(|error| others.iter().find_map(|other| of(*other).ok()).ok_or(error))
}

/// What is published of these public halves. Sorted by id, so that a key that becomes active changes nothing.
fn published(
    halves: &[&Map<String, Value>],
    (longest, max_age): (Duration, Duration),
    mut openers: Vec<(Box<str>, Arc<SealKey>)>,
) -> Result<Published, Problem> {
    let id = |half: &Map<String, Value>| half.get("kid").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut halves = halves.to_vec();
    halves.sort_by_key(|half| id(half));
    openers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (jwks, etag) = rendered(&halves);
    let unusable = |cause: String| Problem::plain(Code::SigningKeyUnusable, cause);
    let (set, skipped) = KeySet::parse(&jwks).map_err(|error| unusable(error.to_string()))?;
    if let Some(key) = skipped.first() {
        return Err(unusable(format!("nobody could verify by key {}: {}", key.index, key.reason)));
    }
    let kids = halves.iter().map(|half| id(half).into()).collect();
    // Another replica may have read the Secret a little later, and signed until then.
    let lasts = longest.saturating_add(LEEWAY).saturating_add(PUSH).saturating_add(SKEW);
    Ok(Published { jwks, etag, max_age, openers: openers.into(), kids, lasts, lives: [].into(), set })
}

/// The JWK Set (RFC 7517, section 5), and its entity tag (RFC 9110, section 8.8.3).
fn rendered(halves: &[&Map<String, Value>]) -> (Bytes, Box<str>) {
    let jwks = Bytes::from(json!({ "keys": halves }).to_string());
    let etag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &jwks)));
    (jwks, etag.into())
}
