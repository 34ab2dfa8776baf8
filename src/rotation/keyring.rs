//! A ring with its private halves, as a Secret holds them.
//!
//! The one reader of such a Secret: whoever signs by it and whoever rotates it judge it alike.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{Action, NotApplicable, PublicHalf, Ring, RingError, RingKey, Unlawful, reconcile, successor};
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
    /// Members that are nothing of ours: they are written as they were read.
    others: BTreeMap<String, Secret>,
}

/// Why a Secret holds no ring.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// There is no ring.
    #[error("the member ring.json is missing")]
    Missing,
    /// The ring cannot be read.
    #[error("ring.json: {0}")]
    Ring(#[from] RingError),
}

/// What is wrong beside a ring that can be read. It costs the key that it is about what the member is for, and nothing else:
/// what is published stays so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Doubt {
    /// A private half is not there.
    #[error("the member {0}.key is missing")]
    NoHalf(Box<str>),
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
    /// A seal is not there, or is none.
    #[error("the member {0}.seal is missing, or not of 32 bytes")]
    Seal(Box<str>),
    /// Nothing of ours; cut to 64 characters.
    #[error("the member {0:?} is not known, expected ring.json, and of each key .key and .seal")]
    Unknown(String),
}

impl Doubt {
    /// The key whose private half cannot sign.
    pub fn of_half(&self) -> Option<&str> {
        match self {
            Self::NoHalf(kid) | Self::Half { kid, .. } | Self::OtherHalf(kid) => Some(kid),
            Self::Seal(_) | Self::Unknown(_) => None,
        }
    }
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
        Self { ring, halves: BTreeMap::new(), seals: BTreeMap::new(), others: BTreeMap::new() }
    }

    /// Reads the members of a Secret. A half whose key has retired is left out: it is as good as destroyed. What else is
    /// wrong beside the ring, [`Keyring::doubts`] says.
    pub fn read(data: &BTreeMap<String, Secret>) -> Result<Self, KeyringError> {
        let ring = data.get(RING).ok_or(KeyringError::Missing)?;
        let mut keyring = Self::new(Ring::parse(ring.expose())?);
        for (member, bytes) in data.iter().filter(|(member, _)| *member != RING) {
            let bytes = Secret::new(bytes.expose().to_vec());
            if let Some(kid) = member.strip_suffix(KEY) {
                keyring.halves.insert(kid.into(), bytes);
            } else if let Some(kid) = member.strip_suffix(SEAL) {
                keyring.seals.insert(kid.into(), bytes);
            } else {
                keyring.others.insert(member.clone(), bytes);
            }
        }
        let Self { ring, halves, .. } = &mut keyring;
        halves.retain(|kid, _| ring.key(kid).is_none_or(|key| key.is_active() || key.is_pending()));
        Ok(keyring)
    }

    /// The members of a Secret. Whoever writes them wipes them.
    pub fn write(&self) -> BTreeMap<String, Vec<u8>> {
        let member = |kid: &str, suffix: &str, bytes: &Secret| (format!("{kid}{suffix}"), bytes.expose().to_vec());
        let halves = self.halves.iter().map(|(kid, bytes)| member(kid, KEY, bytes));
        let seals = self.seals.iter().map(|(kid, bytes)| member(kid, SEAL, bytes));
        let others = self.others.iter().map(|(name, bytes)| member(name, "", bytes));
        let ring = (RING.to_owned(), self.ring.to_json().into_bytes());
        halves.chain(seals).chain(others).chain([ring]).collect()
    }

    /// The ring.
    pub const fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The keys that could sign: their private half is here, is theirs, and so is their seal. One that could not is as good
    /// as lost, since nothing but the Secret would ever have it again.
    pub fn private_halves(&self) -> BTreeSet<Box<str>> {
        let can_sign = |key: &&RingKey| self.signs_as(key).is_ok();
        self.ring.with_private_half().filter(can_sign).map(|key| key.kid.clone()).collect()
    }

    /// What signs as this key, and seals what it has signed.
    pub fn signs_as(&self, key: &RingKey) -> Result<(SigningKey, SealKey), Doubt> {
        let half = self.half(key)?;
        let seal = self.seal(&key.kid).ok_or_else(|| Doubt::Seal(key.kid.clone()))?;
        Ok((half, seal))
    }

    /// What opens the opaque tokens that were made under this key.
    pub fn seal(&self, kid: &str) -> Option<SealKey> {
        SealKey::new(self.seals.get(kid)?)
    }

    /// What is wrong beside the ring.
    pub fn doubts(&self) -> Vec<Doubt> {
        let halves = self.ring.with_private_half().filter_map(|key| self.half(key).err());
        let seals = self.ring.published().map(|key| &key.kid).filter(|kid| self.seal(kid).is_none());
        let of_nobody = |members: &BTreeMap<Box<str>, Secret>, suffix: &str| -> Vec<String> {
            let kids = members.keys().filter(|kid| self.ring.key(kid).is_none());
            kids.map(|kid| format!("{kid}{suffix}")).collect()
        };
        let unknown = of_nobody(&self.halves, KEY).into_iter().chain(of_nobody(&self.seals, SEAL));
        let unknown = unknown.chain(self.others.keys().cloned());
        let unknown = unknown.map(|member| Doubt::Unknown(member.chars().take(64).collect()));
        halves.chain(seals.map(|kid| Doubt::Seal(kid.clone()))).chain(unknown).collect()
    }

    fn half(&self, key: &RingKey) -> Result<SigningKey, Doubt> {
        let kid = &key.kid;
        let half = self.halves.get(kid).ok_or_else(|| Doubt::NoHalf(kid.clone()))?;
        let half =
            SigningKey::from_pkcs8(half, key.algorithm).map_err(|error| Doubt::Half { kid: kid.clone(), error })?;
        if half.thumbprint().to_string() == **kid { Ok(half) } else { Err(Doubt::OtherHalf(kid.clone())) }
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
        let Self { ring, halves, seals, .. } = self;
        halves.retain(|kid, _| ring.with_private_half().any(|key| key.kid == *kid));
        seals.retain(|kid, _| ring.published().any(|key| key.kid == *kid));
    }
}
