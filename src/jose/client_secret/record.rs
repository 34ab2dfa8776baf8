//! What the cluster keeps of a client's secret: the data of a Secret, without the secret itself.

use std::fmt;

use thiserror::Error;

use super::{ClientSecret, SECRET_BYTES, SECRET_LENGTH};
use crate::clock::UnixTime;
use crate::jose::api_key::{is_plain_api_key, parse_hash};
use crate::jose::base64url;

/// The members of a record.
const MEMBERS: [&str; 4] = ["hash", "expiresAt", "previousHash", "previousExpiresAt"];

/// A client's secret as it is kept, and the one before it for as long as both are taken.
pub struct ClientSecretRecord {
    known: Vec<([u8; 32], Option<UnixTime>)>,
}

/// Why the data of a Secret is no record of a client's secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidClientSecret {
    /// A required member is absent.
    #[error("the member {0} is missing")]
    Missing(&'static str),
    /// Nothing is accepted and ignored.
    #[error("the member {0:?} is not known, expected hash, expiresAt, previousHash and previousExpiresAt")]
    Unknown(String),
    /// The secret itself must exist nowhere but with its client.
    #[error("the member {0:?} has a secret in plain, expected only its hash")]
    PlainSecret(String),
    /// Not UTF-8.
    #[error("the member {0} is not text")]
    NotText(&'static str),
    /// Not `sha256:` and 64 digits.
    #[error("the member {0} is not sha256: and 64 lower-case hexadecimal digits")]
    BadHash(&'static str),
    /// Not a time in RFC 3339 form.
    #[error("the member {0} is not a time such as 2027-01-31T00:00:00Z")]
    BadTime(&'static str),
}

impl ClientSecretRecord {
    /// Reads the data of a Secret; white space around a value is taken off, since files end with a line feed.
    ///
    /// Required is `hash`. Without `expiresAt` the secret has no end. `previousHash` and `previousExpiresAt` come together:
    /// while a secret is replaced, the one before it is taken as well until that time, and no longer.
    pub fn parse<'d>(data: impl IntoIterator<Item = (&'d str, &'d [u8])>) -> Result<Self, InvalidClientSecret> {
        let members = Members::read(data)?;
        let hash = members.hash("hash")?.ok_or(InvalidClientSecret::Missing("hash"))?;
        let mut known = vec![(hash, members.time("expiresAt")?)];
        match (members.hash("previousHash")?, members.time("previousExpiresAt")?) {
            (None, None) => {}
            (Some(_), None) => return Err(InvalidClientSecret::Missing("previousExpiresAt")),
            (None, Some(_)) => return Err(InvalidClientSecret::Missing("previousHash")),
            (Some(hash), until) => known.push((hash, until)),
        }
        Ok(Self { known })
    }

    /// When the secret ends, if it does; not the one before it.
    pub fn expires(&self) -> Option<UnixTime> {
        self.known.first().and_then(|(_, until)| *until)
    }

    /// SHA-256 of each secret, and from when on it is not taken any more.
    pub fn into_known(self) -> Box<[([u8; 32], Option<UnixTime>)]> {
        self.known.into()
    }
}

/// A hash is no secret, but nobody needs it in a log either.
impl fmt::Debug for ClientSecretRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientSecretRecord").finish_non_exhaustive()
    }
}

/// The members by name, as text.
struct Members<'d> {
    texts: Vec<(&'static str, &'d str)>,
}

impl<'d> Members<'d> {
    fn read(data: impl IntoIterator<Item = (&'d str, &'d [u8])>) -> Result<Self, InvalidClientSecret> {
        let mut texts = Vec::with_capacity(MEMBERS.len());
        for (name, bytes) in data {
            let text = std::str::from_utf8(bytes).map(str::trim);
            // Asked first of every member, known or not: a leaked secret is worse than a misspelt name.
            if text.is_ok_and(is_plain_secret) {
                return Err(InvalidClientSecret::PlainSecret(name.to_owned()));
            }
            let known = MEMBERS.into_iter().find(|known| *known == name);
            let name = known.ok_or_else(|| InvalidClientSecret::Unknown(name.to_owned()))?;
            texts.push((name, text.map_err(|_| InvalidClientSecret::NotText(name))?));
        }
        Ok(Self { texts })
    }

    fn find(&self, name: &'static str) -> Option<&'d str> {
        self.texts.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    fn hash(&self, name: &'static str) -> Result<Option<[u8; 32]>, InvalidClientSecret> {
        self.find(name).map(|text| parse_hash(text).ok_or(InvalidClientSecret::BadHash(name))).transpose()
    }

    fn time(&self, name: &'static str) -> Result<Option<UnixTime>, InvalidClientSecret> {
        let parse = |text: &str| text.parse::<jiff::Timestamp>().map_err(|_| InvalidClientSecret::BadTime(name));
        Ok(self.find(name).map(parse).transpose()?.map(|time| UnixTime::from_millis(time.as_millisecond())))
    }
}

/// Whether a word of the value is a client's secret, whole, mistyped, or its random part alone; or an API key.
fn is_plain_secret(text: &str) -> bool {
    let is_bare = |word: &str| {
        word.len() == SECRET_LENGTH && base64url::decode(word).is_some_and(|bytes| bytes.len() == SECRET_BYTES)
    };
    let is_secret = |word: &str| ClientSecret::claims_to_be_one(word) || is_bare(word);
    text.split_ascii_whitespace().any(is_secret) || is_plain_api_key(text)
}
