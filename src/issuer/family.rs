//! Families of refresh tokens (RFC 6749, section 6; RFC 9700, section 4.14.2).
//!
//! ```text
//! token    bwr_ | id of the family, 16 bytes | _ | secret, 32 bytes; tag, 16 bytes | checksum    (base64url; CRC-32)
//! record   what was granted; marker; SHA-256 of the current secret;
//!          SHA-256 of the one before, when it was replaced, and the salt that made the current one of it
//!
//! presented: the current one                     ─► a new salt is drawn, secret' = HMAC(salt, secret), written, answered
//!            the one before, within the grace    ─► HMAC(salt, secret) again: the same answer, nothing is written
//!            any other that is genuine           ─► the family is revoked
//! ```
//!
//! **A lost answer.** A client that did not get the answer asks again with the token that it has. It must get the very
//! token that it missed: a second one would make two branches, of which one is a thief's for all that anybody knows. The
//! store has only its hash, so it is made again, of the token that is presented and of the salt in the record. Two
//! replicas that are asked at once come to one answer in the same way: the one that loses the write reads the other's.
//!
//! **What a thief gets.** With a copy of a token, used within the grace after its owner: the same successor that the owner
//! has, so that two hold one token. The next of them who uses it first leaves the other with one that was replaced, and
//! once the grace is over, its use revokes the family. The grace is counted from the first use, repeating does not extend
//! it, and nothing is answered with a token whose successor was used. So a thief gains one grace, not a branch of its own.
//!
//! **What a stolen store gives.** Hashes of random secrets; a salt, which makes the current secret of the one before and
//! of nothing else; a marker. Each salt is drawn anew: with one for the whole family, any old token out of some log would
//! lead to the current one. Who has the store *and* the token just before has the current one; who has the store alone can
//! make tokens that look old, and so have families revoked, but none that is answered.
//!
//! **The tag.** The id is no secret: access tokens may carry it. The tag, `HMAC(marker, secret)`, tells a token that was
//! once ours from one that was made up to have somebody's family revoked. It makes nothing good.
//!
//! **A write of which nothing is known** (the store did not answer in time) may have been done. The client is told to ask
//! again, and must do so within the grace, else it is one that uses an old token: say so with a `Retry-After` below it.
//!
//! **How many.** One client has at most sixteen families of one subject by one entry; when one more begins, one that was
//! revoked is removed, or else the oldest (`roster`). A record takes at its beginning all the room that it will ever need, so
//! that no refresh and no revocation is refused because the store is full.
//!
//! Times are wall time of whichever replica is asked; clocks that differ shift the grace by as much. A token counts as
//! replaced when the write is asked for, and as presented when its request is judged, however long it was on its way.

mod grant;
mod record;
mod roster;
#[cfg(test)]
mod tests;
mod token;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::{Clock, UnixTime};
use crate::jose::NoRandomness;
use crate::snapshot::Issuer;
use crate::store::{Store, StoreError, Version};
pub use grant::{Credential, Grant, Origin};
use record::{Family, Step};
use roster::Roster;
pub use token::{FamilyId, RefreshToken};
use token::{Presented, TokenSecret};

/// How often a record is read again because somebody else wrote it in between. Two replicas with one token need once.
const ATTEMPTS: usize = 3;

/// The same of a roster: of so many families that begin at once for one subject, the last is the last to be written.
const ATTEMPTS_TO_BEGIN: usize = 16;

/// How long the place of a family that was ended before it was written is kept from it: longer than any write takes.
const LATE: Duration = Duration::from_mins(1);

/// Why a family was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// A token was used that had been replaced.
    Reuse,
    /// Its client asked for it (RFC 7009).
    Client,
}

/// Why a refresh token is not answered. None of it is for the client, which is told `invalid_grant`, or 503.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RefreshFault {
    /// It has not the form of a refresh token, or was mistyped or cut. Nothing was looked up.
    #[error("not a refresh token: expected bwr_, an id, _, and a secret with its checksum")]
    Malformed,
    /// There is no such family, or the token is none of it.
    #[error("no such refresh token")]
    Unknown,
    /// The family belongs to another client.
    #[error("the refresh token belongs to another client")]
    WrongClient,
    /// The family is bound to a key, and that key was not proved.
    #[error("the refresh token is bound to another key")]
    WrongKey,
    /// The family has ended.
    #[error("the family of the refresh token has ended")]
    Ended,
    /// The family was revoked before.
    #[error("the family of the refresh token was revoked: {0:?}")]
    Revoked(Cause),
    /// The token was replaced before: there is a copy. The family is revoked now. To be logged, counted and audited.
    #[error("a refresh token of family {family} was used after it had been replaced")]
    Reuse {
        /// Which family.
        family: FamilyId,
    },
    /// The record of the family cannot be read by this program. 503.
    #[error("the record of the family cannot be read")]
    Unreadable,
    /// No token can be drawn. 503.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The store did not do it. 503; of `TooLarge`, the grant is larger than a family may be.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RefreshFault {
    /// Whether it is no fault of the token or of who uses it: the answer is then 503, with a `Retry-After` below the grace.
    pub const fn is_ours(&self) -> bool {
        match self {
            Self::Unreadable | Self::NoRandomness(_) | Self::Store(_) => true,
            Self::Malformed
            | Self::Unknown
            | Self::WrongClient
            | Self::WrongKey
            | Self::Ended
            | Self::Revoked(_)
            | Self::Reuse { .. } => false,
        }
    }
}

/// A refresh that was answered.
pub struct Refreshed<T> {
    /// The token that replaces the one presented.
    pub token: RefreshToken,
    /// The family, for a claim of the access token.
    pub family: FamilyId,
    /// What it was granted.
    pub grant: Grant,
    /// When the family ends: an access token may not live longer than what it came from.
    pub ends: UnixTime,
    /// How often the family was refreshed.
    pub generation: u64,
    /// The same was answered before: the answer was lost, or two asked at once.
    pub is_repeated: bool,
    /// What the caller has approved.
    pub approved: T,
}

/// What a good refresh token is worth, for introspection (RFC 7662).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The family.
    pub family: FamilyId,
    /// What it was granted.
    pub grant: Grant,
    /// When it began.
    pub created: UnixTime,
    /// When it ends.
    pub ends: UnixTime,
}

/// Who uses a token.
#[derive(Clone, Copy)]
pub struct Use<'a> {
    /// The token, as it came.
    pub text: &'a str,
    /// The client, authenticated.
    pub client: &'a str,
    /// The thumbprint of the key that was proved with the request.
    pub jkt: Option<&'a str>,
    /// How long after its first use the token is answered again.
    pub grace: Duration,
}

/// Whose records they are: what is kept for one is nothing to another, though it had the same URL before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Realm<'a> {
    /// `namespace/name` of the issuer's policy.
    pub policy: &'a str,
    /// The issuer, as tokens have it.
    pub issuer: &'a str,
}

impl<'a> Realm<'a> {
    /// Of this issuer.
    pub fn of(issuer: &'a Issuer) -> Self {
        Self { policy: &issuer.name, issuer: &issuer.url }
    }

    /// As it stands in keys of records.
    pub(super) fn text(self) -> String {
        text_of_all(&[self.policy, self.issuer])
    }
}

/// The families of one issuer.
#[derive(Clone, Copy)]
pub struct Families<'a> {
    /// Where they are kept.
    pub store: &'a dyn Store,
    /// Whose they are. Families of different issuers never meet.
    pub realm: Realm<'a>,
    /// Time.
    pub clock: &'a Clock,
    /// Where secrets come from.
    pub random: &'a (dyn SecureRandom + Sync),
}

/// A family that was drawn, and is not there before it has begun.
pub struct Drawn {
    id: FamilyId,
    family: Family,
    token: RefreshToken,
}

impl Drawn {
    /// Which family.
    pub const fn id(&self) -> FamilyId {
        self.id
    }

    /// When it will end.
    pub const fn ends(&self) -> UnixTime {
        self.family.ends()
    }
}

impl Families<'_> {
    /// Draws a family. Nothing is written, but what is too large is refused.
    pub fn draw(&self, grant: Grant, ends: UnixTime) -> Result<Drawn, RefreshFault> {
        let id = FamilyId::generate(self.random)?;
        let (family, secret) = Family::begin(grant, self.clock.now(), ends, self.random)?;
        family.write().ok_or(StoreError::TooLarge)?;
        let token = secret.token(id, &family.marker.0);
        Ok(Drawn { id, family, token })
    }

    /// Begins a family, and gives out its first token. If there are too many of its client and subject, another ends.
    pub async fn begin(&self, drawn: Drawn) -> Result<RefreshToken, RefreshFault> {
        let Drawn { id, family, token } = drawn;
        let key = self.roster_key(&family.grant);
        for _ in 0..ATTEMPTS_TO_BEGIN {
            let (mut roster, version) = self.read_roster(&key).await?;
            for gone in roster.add(id, family.ends(), self.clock.now()) {
                self.remove(gone).await?;
            }
            match self.store.put(&key, roster.write(), version, roster.ends()).await {
                Ok(_) => {
                    self.write(id, &family, None).await?;
                    return Ok(token);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Uses a token: it is replaced by the one that is answered.
    ///
    /// `approve` sees what was granted before anything is written, so that a request that asks for too much, or for which
    /// nothing can be made, costs its client no token (RFC 6749, section 6). It may be asked more than once.
    pub async fn refresh<T, E: From<RefreshFault>>(
        &self,
        asked: Use<'_>,
        approve: impl Fn(&Standing) -> Result<T, E>,
    ) -> Result<Refreshed<T>, E> {
        let token = Presented::parse(asked.text).ok_or(RefreshFault::Malformed)?;
        let presented = self.clock.now();
        for _ in 0..ATTEMPTS {
            let (family, version) = self.read(token.id).await?;
            family.admits(&token, asked.client, asked.jkt)?;
            match family.step(&token, asked.grace, presented)? {
                Step::Repeat(previous) => {
                    let approved = approve(&family.standing(token.id))?;
                    let secret = token.secret.successor(&previous.salt.0);
                    return Ok(refreshed(token.id, &family, &secret, true, approved));
                }
                Step::Rotate => {
                    let approved = approve(&family.standing(token.id))?;
                    let rotated = family.rotated(&token.secret, self.clock.now(), self.random);
                    let (family, secret) = rotated.map_err(RefreshFault::from)?;
                    if self.replace(token.id, &family, version).await? {
                        return Ok(refreshed(token.id, &family, &secret, false, approved));
                    }
                }
                Step::Reuse => {
                    if self.replace(token.id, &family.revoke(Cause::Reuse, self.clock.now()), version).await? {
                        self.let_go_first(token.id, &family.grant).await;
                        return Err(RefreshFault::Reuse { family: token.id }.into());
                    }
                }
            }
        }
        Err(RefreshFault::Store(StoreError::Conflict).into())
    }

    /// Revokes the family of a token at its client's wish (RFC 7009, section 2.1), whichever of its tokens that is.
    /// `false`: there was nothing to revoke, which is no error to the client (section 2.2).
    pub async fn revoke(&self, text: &str, client: &str) -> Result<bool, RefreshFault> {
        let Some(token) = Presented::parse(text) else { return Ok(false) };
        for _ in 0..ATTEMPTS {
            let (family, version) = match self.read(token.id).await {
                Ok(found) => found,
                Err(RefreshFault::Unknown) => return Ok(false),
                Err(fault) => return Err(fault),
            };
            // No key is asked for: to take one's own token out of the world needs no more than to have it.
            match family.admits(&token, client, family.grant.jkt.as_deref()) {
                Ok(()) => {}
                Err(RefreshFault::Unknown) => return Ok(false),
                Err(fault) => return Err(fault),
            }
            let now = self.clock.now();
            if family.revoked().is_some() || now >= family.ends() {
                return Ok(false);
            }
            if self.replace(token.id, &family.revoke(Cause::Client, now), version).await? {
                self.let_go_first(token.id, &family.grant).await;
                return Ok(true);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// What a token is worth, without using it; `None` if that is nothing. Of a token that was replaced it is nothing,
    /// though it may be answered once more.
    pub async fn look_up(&self, text: &str) -> Result<Option<Standing>, RefreshFault> {
        let Some(token) = Presented::parse(text) else { return Ok(None) };
        let family = match self.read(token.id).await {
            Ok((family, _)) => family,
            Err(RefreshFault::Unknown) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        if !token.is_genuine(&family.marker.0) || !family.is_current(&token, self.clock.now()) {
            return Ok(None);
        }
        Ok(Some(family.standing(token.id)))
    }

    /// Whether a family is good: of an access token that names it, once the family was revoked, it is not.
    pub async fn stands(&self, id: FamilyId) -> Result<bool, RefreshFault> {
        match self.read(id).await {
            Ok((family, _)) => Ok(family.revoked().is_none() && self.clock.now() < family.ends()),
            Err(RefreshFault::Unknown) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    async fn read(&self, id: FamilyId) -> Result<(Family, Version), RefreshFault> {
        let found = self.store.get(&self.key(id)).await?;
        // A mark is what keeps one that was removed from being written.
        let record = found.filter(|record| !record.value.is_empty()).ok_or(RefreshFault::Unknown)?;
        let family = Family::read(&record.value).ok_or(RefreshFault::Unreadable)?;
        Ok((family, record.version))
    }

    /// Whether it was written; `false`: somebody else wrote first.
    async fn replace(&self, id: FamilyId, family: &Family, version: Version) -> Result<bool, RefreshFault> {
        match self.write(id, family, Some(version)).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn write(&self, id: FamilyId, family: &Family, replaces: Option<Version>) -> Result<(), StoreError> {
        let value = family.write().ok_or(StoreError::TooLarge)?;
        // A revoked family is kept until it ends too, so that every later use of it is refused as one.
        self.store.put(&self.key(id), value, replaces, family.ends()).await.map(drop)
    }

    /// Takes a family out of the store, before it leaves its roster.
    async fn remove(&self, id: FamilyId) -> Result<(), RefreshFault> {
        let key = self.key(id);
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let (replaces, until) = match self.store.get(&key).await? {
                Some(record) if record.value.is_empty() => return Ok(()),
                Some(record) => (Some(record.version), now),
                // It may be about to be written: a mark is in its way until that has failed.
                None => (None, now.plus(LATE)),
            };
            match self.store.put(&key, Bytes::new(), replaces, until).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Says in the roster that a family was revoked, so that it makes room before one that is in use. If that fails, it makes
    /// room when it is the oldest.
    async fn let_go_first(&self, id: FamilyId, grant: &Grant) {
        let key = self.roster_key(grant);
        let Ok((mut roster, Some(version))) = self.read_roster(&key).await else { return };
        if roster.let_go_first(id)
            && let Err(error) = self.store.put(&key, roster.write(), Some(version), roster.ends()).await
        {
            tracing::debug!(%error, "revoked family was not put first in its roster");
        }
    }

    async fn read_roster(&self, key: &str) -> Result<(Roster, Option<Version>), RefreshFault> {
        let Some(record) = self.store.get(key).await? else { return Ok((Roster::new(), None)) };
        let roster = Roster::read(&record.value).ok_or(RefreshFault::Unreadable)?;
        Ok((roster, Some(record.version)))
    }

    fn key(&self, id: FamilyId) -> String {
        format!("family/{}/{id}", self.realm.text())
    }

    fn roster_key(&self, grant: &Grant) -> String {
        let whose = text_of_all(&[&grant.client, grant.entry(), &grant.subject]);
        format!("roster/{}/{whose}", self.realm.text())
    }
}

fn refreshed<T>(id: FamilyId, family: &Family, secret: &TokenSecret, is_repeated: bool, approved: T) -> Refreshed<T> {
    Refreshed {
        token: secret.token(id, &family.marker.0),
        family: id,
        grant: family.grant.clone(),
        ends: family.ends(),
        generation: family.generation,
        is_repeated,
        approved,
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (byte, from) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *byte = *from;
    }
    hash
}

/// SHA-256 of texts, which no other texts have together.
fn text_of_all(texts: &[&str]) -> String {
    let whole: Vec<String> = texts.iter().map(|text| format!("{}:{text}", text.len())).collect();
    text_of_hash(whole.concat().as_bytes())
}

/// SHA-256 as it stands in keys of records: 43 characters.
pub(super) fn text_of_hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(hash(bytes))
}
