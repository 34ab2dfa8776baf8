//! A ring with its private halves, as a Secret holds them.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{Action, NotApplicable, PublicHalf, Ring, RingError, Unlawful, reconcile, successor};
use crate::clock::UnixTime;
use crate::jose::{Algorithm, SealKey, SigningKey, SigningKeyError};
use crate::secret::Secret;

/// The member with the ring.
const RING: &str = "ring.json";

/// How members with private halves end.
const KEY: &str = ".key";

/// How members with seals end.
const SEAL: &str = ".seal";

/// A ring, the private halves of the keys that sign or will sign, and the seals of those that are published.
pub struct Keyring {
    ring: Ring,
    /// PKCS #8, in DER.
    halves: BTreeMap<Box<str>, Secret>,
    /// What opens the opaque tokens that were made under a key.
    seals: BTreeMap<Box<str>, Secret>,
}

/// Why a Secret holds no ring.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// A member is not there.
    #[error("the member {0} is missing")]
    Missing(String),
    /// Nothing is accepted and ignored.
    #[error("the member {0:?} is not known, expected ring.json, and of each key .key and .seal")]
    Unknown(String),
    /// The ring itself.
    #[error("ring.json: {0}")]
    Ring(#[from] RingError),
    /// A private half cannot be used.
    #[error("the member {kid}.key: {error}")]
    Half {
        /// Whose.
        kid: Box<str>,
        /// Why not.
        error: SigningKeyError,
    },
    /// A private half is that of another key.
    #[error("the member {0}.key is the private half of another key")]
    OtherHalf(Box<str>),
    /// A seal is not of 32 bytes.
    #[error("the member {0}.seal is not of 32 bytes")]
    Seal(Box<str>),
}

/// Why a ring does not become what was to be made of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotDone {
    /// A key could not be made.
    #[error("a key could not be made: {0}")]
    Key(#[from] SigningKeyError),
    /// There is no randomness.
    #[error("the system has no randomness")]
    NoRandomness,
    /// An action does not fit the ring.
    #[error(transparent)]
    NotApplicable(#[from] NotApplicable),
    /// The whole would break a rule.
    #[error("the next ring would be unlawful: {0}")]
    Unlawful(#[from] Unlawful),
}

/// A key that was just made.
pub struct NewKey {
    key: SigningKey,
    half: Secret,
    seal: Secret,
}

impl NewKey {
    /// Makes one from the system's randomness. Takes as long as the algorithm needs: up to a second with RSA.
    pub fn generate(algorithm: Algorithm) -> Result<Self, NotDone> {
        let key = SigningKey::generate(algorithm)?;
        let half = key.to_pkcs8()?;
        let random = aws_lc_rs::rand::SystemRandom::new();
        let seal = SealKey::generate(&random).map_err(|_| NotDone::NoRandomness)?;
        Ok(Self { key, half, seal })
    }
}

impl Keyring {
    /// Without keys.
    pub const fn new(ring: Ring) -> Self {
        Self { ring, halves: BTreeMap::new(), seals: BTreeMap::new() }
    }

    /// Reads the members of a Secret. A half whose key has retired is left out: it is as good as destroyed.
    pub fn read(data: &BTreeMap<String, Secret>) -> Result<Self, KeyringError> {
        let ring = data.get(RING).ok_or_else(|| KeyringError::Missing(RING.to_owned()))?;
        let ring = Ring::parse(ring.expose())?;
        let mut keyring = Self::new(ring);
        for (member, bytes) in data.iter().filter(|(member, _)| *member != RING) {
            let half = member.strip_suffix(KEY).map(|kid| (kid, &mut keyring.halves));
            let place = half.or_else(|| member.strip_suffix(SEAL).map(|kid| (kid, &mut keyring.seals)));
            let Some((kid, place)) = place else {
                return Err(KeyringError::Unknown(member.chars().take(64).collect()));
            };
            if keyring.ring.key(kid).is_none() {
                return Err(KeyringError::Unknown(member.chars().take(64).collect()));
            }
            place.insert(kid.into(), Secret::new(bytes.expose().to_vec()));
        }
        keyring.forget();
        for key in keyring.ring.with_private_half().filter(|key| keyring.halves.contains_key(&key.kid)) {
            let kid = &key.kid;
            let half = keyring.key(kid).map_err(|error| KeyringError::Half { kid: kid.clone(), error })?;
            if half.is_some_and(|half| half.thumbprint().to_string() != **kid) {
                return Err(KeyringError::OtherHalf(kid.clone()));
            }
            if !keyring.seals.contains_key(kid) {
                return Err(KeyringError::Missing(format!("{kid}{SEAL}")));
            }
        }
        match keyring.seals.iter().find(|(_, bytes)| SealKey::new(bytes).is_none()) {
            Some((kid, _)) => Err(KeyringError::Seal(kid.clone())),
            None => Ok(keyring),
        }
    }

    /// The members of a Secret. Whoever writes them wipes them.
    pub fn write(&self) -> BTreeMap<String, Vec<u8>> {
        let member = |kid: &str, suffix: &str, bytes: &Secret| (format!("{kid}{suffix}"), bytes.expose().to_vec());
        let halves = self.halves.iter().map(|(kid, bytes)| member(kid, KEY, bytes));
        let seals = self.seals.iter().map(|(kid, bytes)| member(kid, SEAL, bytes));
        let ring = (RING.to_owned(), self.ring.to_json().into_bytes());
        halves.chain(seals).chain([ring]).collect()
    }

    /// The ring.
    pub const fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The keys whose private half is here.
    pub fn private_halves(&self) -> BTreeSet<Box<str>> {
        self.halves.keys().cloned().collect()
    }

    /// What signs as this key, if its private half is here.
    pub fn key(&self, kid: &str) -> Result<Option<SigningKey>, SigningKeyError> {
        let (Some(half), Some(key)) = (self.halves.get(kid), self.ring.key(kid)) else { return Ok(None) };
        SigningKey::from_pkcs8(half, key.algorithm).map(Some)
    }

    /// What opens the opaque tokens that were made under this key.
    pub fn seal(&self, kid: &str) -> Option<SealKey> {
        SealKey::new(self.seals.get(kid)?)
    }

    /// Goes on from the last ring that is known, where this one is older.
    #[must_use]
    pub fn reconciled(mut self, last: &Ring, now: UnixTime) -> Self {
        self.ring = reconcile(last, Some(&self.ring), now);
        self.forget();
        self
    }

    /// The ring after these actions, with the keys that they ask for, held to the rules.
    pub fn after(
        mut self,
        actions: &[Action],
        now: UnixTime,
        new_key: impl Fn(Algorithm) -> Result<NewKey, NotDone>,
    ) -> Result<Self, NotDone> {
        let before = (!self.ring.keys.is_empty()).then(|| self.ring.clone());
        for action in actions {
            let new = match action {
                Action::Create { algorithm, .. } => Some(new_key(*algorithm)?),
                Action::Confirm(_)
                | Action::Activate { .. }
                | Action::Lose(_)
                | Action::Settle(_)
                | Action::Remove(_)
                | Action::Compromise(_)
                | Action::Discard(_)
                | Action::Extend { .. }
                | Action::Announce { .. }
                | Action::Answer(_) => None,
            };
            let public = new.as_ref().and_then(|new| PublicHalf::of(&new.key));
            self.ring = self.ring.apply(action, now, public)?;
            if let Some(NewKey { key, half, seal }) = new {
                let kid: Box<str> = key.thumbprint().to_string().into();
                self.halves.insert(kid.clone(), half);
                self.seals.insert(kid, seal);
            }
        }
        self.forget();
        // Without an action the ring is the one that was given: mended, where what was found was older.
        if !actions.is_empty() {
            successor(before.as_ref(), &self.ring)?;
        }
        Ok(self)
    }

    /// Destroys what is not to be kept.
    fn forget(&mut self) {
        let Self { ring, halves, seals } = self;
        halves.retain(|kid, _| ring.with_private_half().any(|key| key.kid == *kid));
        seals.retain(|kid, _| ring.published().any(|key| key.kid == *kid));
    }
}
