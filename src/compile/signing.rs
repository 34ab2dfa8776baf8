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
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};

use super::notes::Problem;
use crate::api::core;
use crate::finding::Code;
use crate::jose::{Algorithm, KeySet, SealKey, SigningKey, SigningKeyError};
use crate::resources::SigningKeyState;
use crate::rotation::{Ring, RingKey, Schedule};
use crate::secret::Secret;
use crate::snapshot::{Format, IssuerKeys, KeyLife, Signer};

/// The type of the Secret that bearward keeps keys in.
pub(super) const TYPE: &str = "bearward.dev/signing-keys";

/// The member with the ring.
const RING: &str = "ring.json";

/// What was read.
pub(super) struct Read {
    /// What signs, if anything does.
    pub(super) signer: Result<Signer, Problem>,
    pub(super) published: Published,
    /// What is wrong besides.
    pub(super) problems: Vec<Problem>,
    pub(super) states: Vec<SigningKeyState>,
}

/// What others are told of the keys.
pub(super) struct Published {
    jwks: Bytes,
    etag: Box<str>,
    max_age: Duration,
    openers: Box<[(Box<str>, Arc<SealKey>)]>,
    kids: Box<[Box<str>]>,
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
/// faith stays good while its keys cannot be read.
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

/// Reads the Secret that the controller writes.
///
/// A seal that is missing is a problem where tokens are sealed alone: what else was signed needs none.
pub(super) fn of_ring(
    secret: &core::Secret,
    name: &str,
    (issuer, format): (&str, Format),
    schedule: &Schedule,
) -> Result<Read, Problem> {
    if secret.kind != TYPE {
        let cause = format!("the Secret {name} is of another type than {TYPE}, so it is none that bearward has made");
        return Err(Problem::new(Code::InvalidSecret, cause, "Name another Secret, which need not exist."));
    }
    let invalid =
        |cause: String| Problem::new(Code::InvalidSecret, cause, "Restore the Secret as it was, or delete it.");
    let member = secret.data.get(RING).ok_or_else(|| invalid(format!("the Secret {name} has no member {RING}")))?;
    let ring =
        Ring::parse(member.expose()).map_err(|error| invalid(format!("{RING} of the Secret {name}: {error}")))?;
    if *ring.issuer != *issuer {
        let cause = format!("the Secret {name} has the keys of another issuer, {}", ring.issuer);
        return Err(Problem::new(
            Code::InvalidSecret,
            cause,
            "Name another Secret for this issuer, which need not exist.",
        ));
    }
    let mut problems = Vec::new();
    let mut openers = Vec::new();
    for key in ring.published() {
        match seal(secret, name, key) {
            Ok(seal) => openers.push((key.kid.clone(), Arc::new(seal))),
            Err(problem) if format == Format::Opaque => problems.push(problem),
            Err(_) => {}
        }
    }
    let signer = signer(secret, name, &ring, &openers);
    let keys: Vec<&Map<String, Value>> = ring.published().map(|key| &key.public).collect();
    let max_age = schedule.jwks_max_age().min(ring.max_age);
    let revoked = ring.revoked().map(|key| key.kid.clone());
    let mut published = published(&keys, max_age, openers)?;
    published.set = published.set.revoking(revoked);
    published.lives = outlook::lives_of_ring(&ring, schedule);
    Ok(Read { signer, published, problems, states: outlook::of_ring(&ring, schedule) })
}

fn seal(secret: &core::Secret, name: &str, key: &RingKey) -> Result<SealKey, Problem> {
    let member = format!("{}.seal", key.kid);
    secret.data.get(&member).and_then(SealKey::new).ok_or_else(|| {
        let cause = format!("the Secret {name} has no member {member} of 32 bytes, so opaque tokens cannot be opened");
        Problem::new(Code::InvalidSecret, cause, "Restore the member; else such tokens are refused until they expire.")
    })
}

fn signer(
    secret: &core::Secret,
    name: &str,
    ring: &Ring,
    openers: &[(Box<str>, Arc<SealKey>)],
) -> Result<Signer, Problem> {
    let Some(active) = ring.active() else {
        let cause = "no key may sign before every ready replica publishes the next one";
        return Err(Problem::plain(Code::KeysPending, cause));
    };
    let unusable =
        |cause: String| Problem::new(Code::SigningKeyUnusable, cause, "Restore the member, or let the key rotate.");
    let member = format!("{}.key", active.kid);
    let der = secret.data.get(&member).ok_or_else(|| unusable(format!("the Secret {name} has no member {member}")))?;
    let key = SigningKey::from_pkcs8(der, active.algorithm)
        .map_err(|error| unusable(format!("the member {member} of the Secret {name}: {error}")))?;
    if *key.thumbprint().to_string() != *active.kid {
        return Err(unusable(format!("the member {member} of the Secret {name} is another key")));
    }
    let seal = openers.iter().find(|(kid, _)| *kid == active.kid).map(|(_, seal)| Arc::clone(seal));
    let seal = seal.ok_or_else(|| unusable(format!("the Secret {name} has no seal for the key that signs")))?;
    Ok(Signer { key: Arc::new(key), longest: active.longest, seal })
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
    let mut published = published(&halves, max_age, openers)?;
    published.lives =
        signers.iter().enumerate().map(|(place, own)| outlook::life_of_own(&own.key, place == 0)).collect();
    let states = signers.iter().enumerate().map(|(place, signer)| outlook::of_own(&signer.key, place == 0)).collect();
    let signer = signers.into_iter().next();
    let signer = signer.ok_or_else(|| Problem::plain(Code::SigningKeyUnusable, "there is no key"));
    Ok(Read { signer, published, problems: Vec::new(), states })
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
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.expose())
            .map_err(|_| "not a private key, expected PKCS #8 in PEM (BEGIN PRIVATE KEY)".to_owned())?;
        from_der(&Secret::new(der.secret_pkcs8_der().to_vec()), algorithm, others)
    } else {
        from_der(text, algorithm, others)
    };
    let key = key.map_err(|error| error.to_string())?;
    if key.public_jwk().is_none() || (signs && !algorithm.same_as(key.algorithm())) {
        return Err(format!("a key for {}, expected one for {algorithm}", key.algorithm()));
    }
    Ok(key)
}

fn from_der(der: &Secret, algorithm: Algorithm, others: &[Algorithm]) -> Result<SigningKey, SigningKeyError> {
    SigningKey::from_pkcs8(der, algorithm)
        .or_else(|error| others.iter().find_map(|other| SigningKey::from_pkcs8(der, *other).ok()).ok_or(error))
}

/// What is published of these public halves. Sorted by id, so that a key that becomes active changes nothing.
fn published(
    halves: &[&Map<String, Value>],
    max_age: Duration,
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
    Ok(Published { jwks, etag, max_age, openers: openers.into(), kids, lives: [].into(), set })
}

/// The JWK Set (RFC 7517, section 5), and its entity tag (RFC 9110, section 8.8.3).
fn rendered(halves: &[&Map<String, Value>]) -> (Bytes, Box<str>) {
    let jwks = Bytes::from(json!({ "keys": halves }).to_string());
    let etag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &jwks)));
    (jwks, etag.into())
}
