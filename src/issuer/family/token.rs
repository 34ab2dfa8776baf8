//! The text of a refresh token.

use std::fmt;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::jose::{NoRandomness, checksum};

/// How a refresh token begins: neither as an API key (`bw_`) nor as an access token (`bwt_`, or a JWT's).
const PREFIX: &str = "bwr_";

/// Bytes of an id, and characters of its text.
const ID: usize = 16;
const ID_TEXT: usize = 22;

/// Bytes of a secret, of a tag, and characters of both together.
const SECRET: usize = 32;
const TAG: usize = 16;
const BODY_TEXT: usize = 64;

/// Which family: 128 random bits. Not secret: it may stand in a claim of an access token and in a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FamilyId([u8; ID]);

impl FamilyId {
    /// One that no family has.
    pub(super) fn generate(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut id = [0; ID];
        random.fill(&mut id).map_err(|_| NoRandomness)?;
        Ok(Self(id))
    }

    /// The id of this text, as it is displayed: 22 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for FamilyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for FamilyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FamilyId({self})")
    }
}

/// A refresh token as its client gets it. It never prints, and is wiped when dropped.
pub struct RefreshToken(Zeroizing<String>);

impl RefreshToken {
    /// Whether a credential is meant to be a refresh token: what it begins with decides, and nothing else.
    pub fn claims_to_be_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What makes a token good. Of it the store has a hash.
pub(super) struct TokenSecret(pub(super) Zeroizing<[u8; SECRET]>);

impl TokenSecret {
    /// One that nobody knows: of the first token of a family.
    pub(super) fn generate(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
        let mut secret = Zeroizing::new([0; SECRET]);
        random.fill(secret.as_mut_slice()).map_err(|_| NoRandomness)?;
        Ok(Self(secret))
    }

    /// The one that follows this one under `salt`: the same, whoever computes it and how often.
    pub(super) fn successor(&self, salt: &[u8; 32]) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), self.0.as_slice());
        let mut secret = Zeroizing::new([0; SECRET]);
        secret.copy_from_slice(tag.as_ref());
        Self(secret)
    }

    /// The token of this family with this secret.
    pub(super) fn token(&self, id: FamilyId, marker: &[u8; 32]) -> RefreshToken {
        let mut body = Zeroizing::new([0; SECRET + TAG]);
        let (secret, tag) = body.split_at_mut(SECRET);
        secret.copy_from_slice(self.0.as_slice());
        tag.copy_from_slice(&self.tag(marker));
        let body = Zeroizing::new(URL_SAFE_NO_PAD.encode(body.as_slice()));
        let checked = Zeroizing::new([PREFIX, &id.to_string(), "_", &body].concat());
        RefreshToken(Zeroizing::new([&*checked, &*checksum::of(&checked)].concat()))
    }

    /// What shows that a secret is, or once was, one of the family.
    fn tag(&self, marker: &[u8; 32]) -> [u8; TAG] {
        let whole = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, marker), self.0.as_slice());
        let mut tag = [0; TAG];
        for (byte, from) in tag.iter_mut().zip(whole.as_ref()) {
            *byte = *from;
        }
        tag
    }
}

/// A token as it was presented: well-formed, its checksum right, and not yet known to exist.
pub(super) struct Presented {
    pub(super) id: FamilyId,
    pub(super) secret: TokenSecret,
    tag: [u8; TAG],
}

impl Presented {
    /// Takes a token apart and checks its checksum, before anything is looked up. Each token has one text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, rest) = text.strip_prefix(PREFIX)?.split_at_checked(ID_TEXT)?;
        let (body, sum) = rest.strip_prefix('_')?.split_at_checked(BODY_TEXT)?;
        if checksum::of(text.strip_suffix(sum)?) != sum {
            return None;
        }
        let id = FamilyId::parse(id)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(body).ok()?);
        let (secret, tag) = bytes.split_at_checked(SECRET)?;
        let mut whole = Zeroizing::new([0; SECRET]);
        whole.copy_from_slice(secret);
        Some(Self { id, secret: TokenSecret(whole), tag: tag.try_into().ok()? })
    }

    /// Whether it was made by us for the family of this marker.
    pub(super) fn is_genuine(&self, marker: &[u8; 32]) -> bool {
        constant_time::verify_slices_are_equal(&self.secret.tag(marker), &self.tag).is_ok()
    }
}
