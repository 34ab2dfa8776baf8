//! The ring as JSON. Times are milliseconds since 1970, durations milliseconds.
//!
//! Read strictly: no member twice, none that is not known, so that no two readers see different rings, and an older
//! bearward does not drop what a newer one wrote.

use std::fmt;
use std::time::Duration;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::ring::{Cause, FormerMaxAge, Ring, RingKey, State};
use super::{MAX_BYTES, MAX_KEYS, MAX_WORD, PublicHalf, UnfitPublicHalf};
use crate::clock::UnixTime;
use crate::jose::Algorithm;

/// The most members that a public half may have: more than any has.
const MAX_JWK_MEMBERS: usize = 16;
/// The longest URL of an issuer, in bytes.
const MAX_ISSUER: usize = 2048;

/// Why bytes are no ring.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RingError {
    /// Over 64 KiB.
    #[error("the ring has {0} bytes, expected at most 65536")]
    TooLarge(usize),
    /// Not JSON, or not of the form of a ring.
    #[error("{at}: {what}")]
    Malformed {
        /// The path of the member.
        at: String,
        /// What is wrong there; never its value.
        what: String,
    },
    /// Nothing could be signed with it, and nothing be known of what was.
    #[error("the ring has no keys, expected one to 16")]
    Empty,
    /// Over 16 keys.
    #[error("the ring has {0} keys, expected at most 16")]
    TooManyKeys(usize),
    /// No algorithm of this name is known.
    #[error("keys[{index}]: the algorithm {name:?} is not supported")]
    UnknownAlgorithm {
        /// Which key.
        index: usize,
        /// Its algorithm, cut to 32 characters.
        name: String,
    },
    /// The public half is not one, or another key's.
    #[error("keys[{index}].public: {why}")]
    UnfitKey {
        /// Which key.
        index: usize,
        /// What is wrong with it.
        why: UnfitPublicHalf,
    },
    /// The name in the ring is not that of its public half.
    #[error("keys[{index}]: its kid is not that of its public half, {kid}")]
    NotItsName {
        /// Which key.
        index: usize,
        /// What the public half is called.
        kid: Box<str>,
    },
    /// Two entries for one key.
    #[error("the key {0} is there twice")]
    DuplicateKey(Box<str>),
    /// Two keys that sign.
    #[error("the keys {0} and {1} are both Active, expected one at most")]
    TwoActive(Box<str>, Box<str>),
    /// Two keys that sign next.
    #[error("the keys {0} and {1} are both Pending, expected one at most")]
    TwoPending(Box<str>, Box<str>),
}

/// The document.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RingDocument {
    issuer: Box<str>,
    changes: u64,
    written: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered: Option<Box<str>>,
    max_age: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former_max_age: Option<FormerDocument>,
    keys: Vec<KeyDocument>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FormerDocument {
    max_age: u64,
    newest: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    over: Option<i64>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyDocument {
    kid: Box<str>,
    algorithm: Box<str>,
    created: i64,
    longest: u64,
    state: StateDocument,
    public: Jwk,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
enum StateDocument {
    Pending {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confirmed: Option<i64>,
    },
    Active {
        since: i64,
        cause: CauseDocument,
    },
    Retiring {
        since: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settled: Option<i64>,
    },
    Compromised {
        since: i64,
    },
}

#[derive(Clone, Copy, Deserialize, Serialize)]
enum CauseDocument {
    First,
    Schedule,
    Algorithm,
    Request,
    Compromise,
    Lost,
}

/// A JWK whose members are text, each there once.
#[derive(Serialize)]
#[serde(transparent)]
struct Jwk(Map<String, Value>);

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(JwkVisitor)
    }
}

struct JwkVisitor;

impl<'de> Visitor<'de> for JwkVisitor {
    type Value = Jwk;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JWK whose members are text")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Jwk, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom("duplicate field"));
            }
            if members.len() == MAX_JWK_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            members.insert(name, Value::String(access.next_value()?));
        }
        Ok(Jwk(members))
    }
}

impl Ring {
    /// Reads a ring, and checks that each key is what its name says.
    pub fn parse(bytes: &[u8]) -> Result<Self, RingError> {
        if bytes.len() > MAX_BYTES {
            return Err(RingError::TooLarge(bytes.len()));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let document: RingDocument = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let at = error.path().to_string();
            malformed(if at == "." { "ring".to_owned() } else { at }, error.inner())
        })?;
        deserializer.end().map_err(|error| malformed("ring".to_owned(), &error))?;
        bounded("issuer", document.issuer.len(), MAX_ISSUER)?;
        bounded("answered", document.answered.as_ref().map_or(0, |word| word.len()), MAX_WORD)?;
        if document.keys.is_empty() {
            return Err(RingError::Empty);
        }
        if document.keys.len() > MAX_KEYS {
            return Err(RingError::TooManyKeys(document.keys.len()));
        }
        let keys: Result<Vec<RingKey>, RingError> = document.keys.into_iter().enumerate().map(key).collect();
        let ring = Self {
            issuer: document.issuer,
            changes: document.changes,
            written: UnixTime::from_millis(document.written),
            answered: document.answered,
            max_age: Duration::from_millis(document.max_age),
            former_max_age: document.former_max_age.map(|former| FormerMaxAge {
                max_age: Duration::from_millis(former.max_age),
                newest: former.newest,
                over: former.over.map(UnixTime::from_millis),
            }),
            keys: keys?,
        };
        ring.check_names()?;
        Ok(ring)
    }

    /// The document: equal rings give equal bytes.
    pub fn to_json(&self) -> String {
        let document = RingDocument {
            issuer: self.issuer.clone(),
            changes: self.changes,
            written: self.written.millis(),
            answered: self.answered.clone(),
            max_age: millis(self.max_age),
            former_max_age: self.former_max_age.as_ref().map(|former| FormerDocument {
                max_age: millis(former.max_age),
                newest: former.newest.clone(),
                over: former.over.map(UnixTime::millis),
            }),
            keys: self.keys.iter().map(key_document).collect(),
        };
        // Text, numbers and maps of text: nothing in it can fail to be JSON.
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }

    fn check_names(&self) -> Result<(), RingError> {
        for (index, one) in self.keys.iter().enumerate() {
            for other in self.keys.iter().skip(index.saturating_add(1)) {
                if one.kid == other.kid {
                    return Err(RingError::DuplicateKey(one.kid.clone()));
                }
                if one.is_active() && other.is_active() {
                    return Err(RingError::TwoActive(one.kid.clone(), other.kid.clone()));
                }
                if one.is_pending() && other.is_pending() {
                    return Err(RingError::TwoPending(one.kid.clone(), other.kid.clone()));
                }
            }
        }
        Ok(())
    }
}

fn key((index, document): (usize, KeyDocument)) -> Result<RingKey, RingError> {
    let algorithm = Algorithm::from_name(&document.algorithm)
        .ok_or_else(|| RingError::UnknownAlgorithm { index, name: document.algorithm.chars().take(32).collect() })?;
    let public = PublicHalf::parse(document.public.0, algorithm).map_err(|why| RingError::UnfitKey { index, why })?;
    let (kid, public) = public.into_parts();
    if kid != document.kid {
        return Err(RingError::NotItsName { index, kid });
    }
    let time = UnixTime::from_millis;
    let state = match document.state {
        StateDocument::Pending { confirmed } => State::Pending { confirmed: confirmed.map(time) },
        StateDocument::Active { since, cause } => State::Active { since: time(since), cause: cause.into() },
        StateDocument::Retiring { since, settled } => {
            State::Retiring { since: time(since), settled: settled.map(time) }
        }
        StateDocument::Compromised { since } => State::Compromised { since: time(since) },
    };
    let longest = Duration::from_millis(document.longest);
    Ok(RingKey { kid, algorithm, public, created: time(document.created), longest, state })
}

fn key_document(key: &RingKey) -> KeyDocument {
    KeyDocument {
        kid: key.kid.clone(),
        algorithm: key.algorithm.as_str().into(),
        created: key.created.millis(),
        longest: millis(key.longest),
        state: match key.state {
            State::Pending { confirmed } => StateDocument::Pending { confirmed: confirmed.map(UnixTime::millis) },
            State::Active { since, cause } => StateDocument::Active { since: since.millis(), cause: cause.into() },
            State::Retiring { since, settled } => {
                StateDocument::Retiring { since: since.millis(), settled: settled.map(UnixTime::millis) }
            }
            State::Compromised { since } => StateDocument::Compromised { since: since.millis() },
        },
        public: Jwk(key.public.clone()),
    }
}

impl From<CauseDocument> for Cause {
    fn from(cause: CauseDocument) -> Self {
        match cause {
            CauseDocument::First => Self::First,
            CauseDocument::Schedule => Self::Schedule,
            CauseDocument::Algorithm => Self::Algorithm,
            CauseDocument::Request => Self::Request,
            CauseDocument::Compromise => Self::Compromise,
            CauseDocument::Lost => Self::Lost,
        }
    }
}

impl From<Cause> for CauseDocument {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::First => Self::First,
            Cause::Schedule => Self::Schedule,
            Cause::Algorithm => Self::Algorithm,
            Cause::Request => Self::Request,
            Cause::Compromise => Self::Compromise,
            Cause::Lost => Self::Lost,
        }
    }
}

/// What the reader says, without what it read: somebody may have put anything there.
fn malformed(at: String, error: &serde_json::Error) -> RingError {
    let text = error.to_string();
    let names = ["unknown field", "missing field", "duplicate field", "unknown variant", "too many members"];
    let what = if !error.is_data() {
        "not JSON".to_owned()
    } else if names.iter().any(|name| text.starts_with(name)) {
        let text = text.split(" at line ").next().unwrap_or_default();
        text.chars().take(160).collect()
    } else {
        "not of the expected type".to_owned()
    };
    RingError::Malformed { at, what }
}

fn bounded(at: &str, bytes: usize, most: usize) -> Result<(), RingError> {
    if bytes <= most {
        return Ok(());
    }
    Err(RingError::Malformed { at: at.to_owned(), what: format!("has {bytes} bytes, expected at most {most}") })
}

/// Whole milliseconds; a duration beyond 64 bits of them is as good as that.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
