//! What is kept of a family, and what it says of a token.

use std::time::Duration;

use aws_lc_rs::constant_time;
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::token::{FamilyId, Presented, TokenSecret};
use super::{Cause, Grant, RefreshFault, Standing, hash};
use crate::clock::UnixTime;
use crate::jose::NoRandomness;

/// The most bytes of a record. What a grant carries decides.
pub(super) const MAX_RECORD: usize = 2 << 10;

/// What a record may grow by: the previous secret's part, more digits, or a revocation in their place.
const GROWTH: usize = 256;

/// The form of records that this program reads and writes.
const FORM: u8 = 1;

/// A family.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Family {
    form: u8,
    pub(super) grant: Grant,
    /// Milliseconds since 1970.
    created: i64,
    ends: i64,
    /// How often it was refreshed.
    pub(super) generation: u64,
    /// What tells tokens of the family from inventions.
    pub(super) marker: Text32,
    /// SHA-256 of the current secret.
    current: Text32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<Revoked>,
}

/// The secret before the current one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Previous {
    /// SHA-256 of it.
    hash: Text32,
    /// Makes the current secret of it.
    pub(super) salt: Text32,
    /// When it was replaced, in milliseconds since 1970.
    replaced: i64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoked {
    cause: Cause,
    at: i64,
}

/// What is to be done for a token that is of the family and not refused.
pub(super) enum Step<'a> {
    /// It is the current one.
    Rotate,
    /// It was answered a moment ago.
    Repeat(&'a Previous),
    /// It was replaced for good: somebody has a copy.
    Reuse,
}

impl Family {
    /// A new one, and its first secret.
    pub(super) fn begin(
        grant: Grant,
        created: UnixTime,
        ends: UnixTime,
        random: &dyn SecureRandom,
    ) -> Result<(Self, TokenSecret), NoRandomness> {
        let secret = TokenSecret::generate(random)?;
        let family = Self {
            form: FORM,
            grant,
            created: created.millis(),
            ends: ends.millis(),
            generation: 0,
            marker: Text32::generate(random)?,
            current: Text32(hash(secret.0.as_slice())),
            previous: None,
            revoked: None,
        };
        Ok((family, secret))
    }

    /// Reads a record; `None` if it is not one of this form.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok().filter(|family: &Self| family.form == FORM)
    }

    /// The record; `None` if it is too large. The first has white space at its end for all that later ones may have more, so
    /// that a family that could not be refreshed, or for which there would be no room, does not begin.
    pub(super) fn write(&self) -> Option<Bytes> {
        let mut value = serde_json::to_vec(self).ok()?;
        if self.previous.is_none() && self.revoked.is_none() {
            value.resize(value.len().saturating_add(GROWTH), b' ');
        }
        (value.len() <= MAX_RECORD).then(|| value.into())
    }

    /// What the family is worth while it is good.
    pub(super) fn standing(&self, family: FamilyId) -> Standing {
        Standing { family, grant: self.grant.clone(), created: self.created(), ends: self.ends() }
    }

    /// When it began.
    pub(super) const fn created(&self) -> UnixTime {
        UnixTime::from_millis(self.created)
    }

    /// When it ends.
    pub(super) const fn ends(&self) -> UnixTime {
        UnixTime::from_millis(self.ends)
    }

    /// Why it was revoked.
    pub(super) fn revoked(&self) -> Option<Cause> {
        self.revoked.as_ref().map(|revoked| revoked.cause)
    }

    /// Whether the token is the one that the next refresh would be answered for, and the family is good.
    pub(super) fn is_current(&self, token: &Presented, now: UnixTime) -> bool {
        self.revoked.is_none() && now < self.ends() && self.current.matches(&token.secret)
    }

    /// Whether somebody who is this client, and has this key, may use a token of the family; the token is one of it.
    ///
    /// Who it is comes first: a thief without the client's credential or key can neither use a family nor get it revoked.
    pub(super) fn admits(&self, token: &Presented, client: &str, jkt: Option<&str>) -> Result<(), RefreshFault> {
        if *self.grant.client != *client {
            return Err(RefreshFault::WrongClient);
        }
        // RFC 9449, section 5: where the refresh token is bound, each use proves the key.
        if self.grant.jkt.is_some() && self.grant.jkt.as_deref() != jkt {
            return Err(RefreshFault::WrongKey);
        }
        if token.is_genuine(&self.marker.0) { Ok(()) } else { Err(RefreshFault::Unknown) }
    }

    /// What is to be done for a token that was admitted.
    pub(super) fn step(&self, token: &Presented, grace: Duration, now: UnixTime) -> Result<Step<'_>, RefreshFault> {
        if let Some(cause) = self.revoked() {
            return Err(RefreshFault::Revoked(cause));
        }
        if now >= self.ends() {
            return Err(RefreshFault::Ended);
        }
        if self.current.matches(&token.secret) {
            return Ok(Step::Rotate);
        }
        let previous = self.previous.as_ref().filter(|previous| previous.hash.matches(&token.secret));
        let within_grace = |previous: &&Previous| now.since(UnixTime::from_millis(previous.replaced)) < grace;
        Ok(previous.filter(within_grace).map_or(Step::Reuse, Step::Repeat))
    }

    /// The family after the current token was used, and its new secret.
    pub(super) fn rotated(
        &self,
        secret: &TokenSecret,
        now: UnixTime,
        random: &dyn SecureRandom,
    ) -> Result<(Self, TokenSecret), NoRandomness> {
        let salt = Text32::generate(random)?;
        let next = secret.successor(&salt.0);
        let previous = Previous { hash: self.current.clone(), salt, replaced: now.millis() };
        let family = Self {
            generation: self.generation.saturating_add(1),
            current: Text32(hash(next.0.as_slice())),
            previous: Some(previous),
            ..self.clone()
        };
        Ok((family, next))
    }

    /// The family, revoked. Nothing of it can be refreshed again, so what refreshing needs goes.
    pub(super) fn revoke(&self, cause: Cause, now: UnixTime) -> Self {
        Self { previous: None, revoked: Some(Revoked { cause, at: now.millis() }), ..self.clone() }
    }
}

/// 32 bytes, as base64url in a record.
#[derive(Clone)]
pub(super) struct Text32(pub(super) [u8; 32]);

impl Text32 {
    fn generate(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        random.fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// Whether this is the hash of the secret.
    fn matches(&self, secret: &TokenSecret) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &hash(secret.0.as_slice())).is_ok()
    }
}

impl Serialize for Text32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Text32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("expected 32 bytes in base64url"))
    }
}
