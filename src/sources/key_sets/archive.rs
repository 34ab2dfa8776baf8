//! Public key sets as they outlive a process: what is kept of one, in which form, and what is believed of it when read.
//!
//! An archive is the data of one object. Each source has a member, whose name is a digest of the source, since a URL
//! may have a query that is not for everybody, and whose value is JSON:
//!
//! ```text
//! {"source": "https://login.example.com/", "asOf": "2026-01-01T08:00:00Z", "fetched": "2026-01-01T08:05:00Z", "keys": […]}
//! ```
//!
//! - **What is kept.** The keys that were accepted, of each the members that verifying takes. Nothing private can get
//!   in, since a key with a private or shared half is not accepted.
//! - **Bounds.** 256 KiB a source and 768 KiB in all, of the megabyte that an object may have. Where there is no room
//!   the oldest go; among those that are about as old, the choice stays the same.
//! - **What is believed.** What a fetched document would be: the same reader, the same refusals. What says that it was
//!   fetched in the future, or longer ago than keys are used, is passed over. Whoever may write the object can put keys
//!   into it, so only the installation should.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use thiserror::Error;

use super::failure::without_query;
use crate::clock::UnixTime;
use crate::jose::{KeySet, KeySetError, SkippedKey};
use crate::resources::{KeyPlace, KeySource};

/// The longest record of one source.
const MOST_OF_ONE: usize = 256 * 1024;
/// The most of all, names counted.
const MOST: usize = 768 * 1024;
/// How far the clocks of replicas may be apart.
const SKEW: Duration = Duration::from_secs(30);
/// What verifying takes (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2).
const MEMBERS: [&str; 10] = ["kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y"];

/// The data of the object, as it is written.
pub type Content = BTreeMap<String, String>;

/// The key sets that this process has fetched itself, for whoever archives them. As many as sources are wanted.
pub type AtHand = BTreeMap<SetId, ArchivedSet>;

/// Which source a record is of: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetId(Box<str>);

/// What is kept of a key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedSet {
    /// The source as people read it.
    source: String,
    /// A JSON array of JWKs, in an order that follows from them.
    keys: Arc<str>,
    /// What is not there did not exist at this time.
    as_of: UnixTime,
    /// When the issuer was last heard.
    fetched: UnixTime,
}

/// An archive that should be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revised {
    /// All of it.
    pub content: Content,
    /// The sources for which there was no room.
    pub left_out: Vec<String>,
}

/// A key set that was read.
pub(super) struct Read {
    pub(super) set: KeySet,
    pub(super) skipped: Vec<SkippedKey>,
    pub(super) as_of: UnixTime,
    pub(super) fetched: UnixTime,
}

/// Why a record is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Unusable {
    #[error("it is longer than 256 KiB")]
    TooLarge,
    #[error("it is not a JSON object with source, asOf, fetched and keys")]
    NotRecord,
    #[error("it is as of a time after it was fetched")]
    AsOfAfterFetched,
    #[error("it was fetched in the future")]
    Future,
    #[error("it was fetched too long ago")]
    TooOld,
    #[error("{0}")]
    NotKeySet(#[from] KeySetError),
    #[error("none of its keys can be used")]
    NoUsableKeys,
}

/// A record as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    source: String,
    as_of: Timestamp,
    fetched: Timestamp,
    #[serde(borrow)]
    keys: &'a RawValue,
}

impl SetId {
    /// Of a source.
    pub(super) fn of(source: &KeySource) -> Self {
        let (how, place) = match &source.place {
            KeyPlace::Discovery(issuer) => ("discovery", issuer),
            KeyPlace::Url(url) => ("url", url),
        };
        let scheme = if source.insecure_http { "insecure" } else { "secure" };
        // The place comes last, so that no two sources are written alike.
        let hash = digest(&SHA256, format!("{how} {scheme} {place}").as_bytes());
        let mut id = String::with_capacity(64);
        for byte in hash.as_ref() {
            // Writing to a `String` cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        Self(id.into())
    }
}

impl ArchivedSet {
    /// Of keys in the form of [`public_keys`].
    pub(super) fn new(source: &KeySource, keys: Arc<str>, as_of: UnixTime, fetched: UnixTime) -> Self {
        let (KeyPlace::Discovery(place) | KeyPlace::Url(place)) = &source.place;
        Self { source: without_query(place), keys, as_of: as_of.min(fetched), fetched }
    }

    /// As it is written; `None` if it is too long, or its times are none that can be written.
    fn encode(&self) -> Option<String> {
        let time = |time: UnixTime| Timestamp::from_millisecond(time.millis()).ok();
        let record = Record {
            source: self.source.clone(),
            as_of: time(self.as_of)?,
            fetched: time(self.fetched)?,
            keys: serde_json::from_str(&self.keys).ok()?,
        };
        serde_json::to_string(&record).ok().filter(|text| text.len() <= MOST_OF_ONE)
    }

    fn decode(text: &str) -> Result<Self, Unusable> {
        if text.len() > MOST_OF_ONE {
            return Err(Unusable::TooLarge);
        }
        let record: Record<'_> = serde_json::from_str(text).map_err(|_| Unusable::NotRecord)?;
        let time = |time: Timestamp| UnixTime::from_millis(time.as_millisecond());
        let (as_of, fetched) = (time(record.as_of), time(record.fetched));
        if as_of > fetched {
            return Err(Unusable::AsOfAfterFetched);
        }
        Ok(Self { source: record.source, keys: record.keys.get().into(), as_of, fetched })
    }

    fn check_age(&self, now: UnixTime, max_stale: Duration) -> Result<(), Unusable> {
        if self.fetched > now.plus(SKEW) {
            Err(Unusable::Future)
        } else if now.since(self.fetched) >= max_stale {
            Err(Unusable::TooOld)
        } else {
            Ok(())
        }
    }

    /// Whether `newer` says nothing that is worth a write: the same keys, not much later.
    fn is_as_good_as(&self, newer: &Self, max_stale: Duration) -> bool {
        self.keys == newer.keys
            && self.as_of <= newer.as_of
            && self.fetched <= newer.fetched
            && newer.fetched.since(self.fetched) < max_stale / 4
    }
}

/// The keys of a fetched document that were accepted, as an archive has them: a JSON array, sorted, of public members
/// alone. `None` if they are more than an archive keeps.
pub(super) fn public_keys(document: &[u8], skipped: &[SkippedKey]) -> Option<Arc<str>> {
    #[derive(Deserialize)]
    struct Document {
        keys: Vec<Value>,
    }
    let Document { keys } = serde_json::from_slice(document).ok()?;
    let accepted = keys.into_iter().enumerate().filter(|(index, _)| skipped.iter().all(|key| key.index != *index));
    let mut texts = Vec::new();
    for (_, key) in accepted {
        let Value::Object(mut members) = key else { return None };
        let public: Map<String, Value> =
            MEMBERS.iter().filter_map(|name| members.remove(*name).map(|value| ((*name).to_owned(), value))).collect();
        texts.push(Value::Object(public).to_string());
    }
    texts.sort_unstable();
    let array = format!("[{}]", texts.join(","));
    (array.len() <= MOST_OF_ONE).then(|| array.into())
}

/// What an archive has of a source; `None` if nothing.
pub(super) fn read(
    content: &Content,
    source: &KeySource,
    now: UnixTime,
    max_stale: Duration,
) -> Result<Option<Read>, Unusable> {
    let Some(text) = content.get(&*SetId::of(source).0) else { return Ok(None) };
    let archived = ArchivedSet::decode(text)?;
    archived.check_age(now, max_stale)?;
    let (set, skipped) = KeySet::parse(format!("{{\"keys\":{}}}", archived.keys).as_bytes())?;
    if set.is_empty() {
        return Err(Unusable::NoUsableKeys);
    }
    // Of a clock that is a little ahead nothing is believed that is still to come.
    Ok(Some(Read { set, skipped, as_of: archived.as_of.min(now), fetched: archived.fetched.min(now) }))
}

/// The archive as it should be: what is at hand, and what others have left that is still good; `None` if it is as it
/// should be. What is not at hand stays, since whoever leads now may have started while an issuer was down.
pub fn revise(content: &Content, at_hand: &AtHand, now: UnixTime, max_stale: Duration) -> Option<Revised> {
    let mut candidates = Vec::new();
    for (id, set) in at_hand {
        let written = content.get(&*id.0).and_then(|text| Some((ArchivedSet::decode(text).ok()?, text)));
        match written {
            Some((old, text)) if old.is_as_good_as(set, max_stale) => candidates.push((id.clone(), old, text.clone())),
            Some(_) | None => candidates.extend(set.encode().map(|text| (id.clone(), set.clone(), text))),
        }
    }
    for (name, text) in content {
        let id = SetId(name.as_str().into());
        if !at_hand.contains_key(&id)
            && let Ok(set) = ArchivedSet::decode(text)
        {
            candidates.push((id, set, text.clone()));
        }
    }
    candidates.retain(|(_, set, _)| set.check_age(now, max_stale).is_ok());
    // By age in quarters and not in seconds: sets that are refreshed in turn would else push each other out for ever.
    let quarter = (max_stale / 4).as_millis().max(1);
    candidates.sort_by_cached_key(|(id, set, _)| (now.since(set.fetched).as_millis() / quarter, id.clone()));
    let (mut revised, mut size) = (Revised { content: Content::new(), left_out: Vec::new() }, 0_usize);
    for (SetId(name), set, text) in candidates {
        let more = name.len().saturating_add(text.len());
        if size.saturating_add(more) > MOST {
            revised.left_out.push(set.source);
        } else {
            size = size.saturating_add(more);
            revised.content.insert(name.into(), text);
        }
    }
    (revised.content != *content).then_some(revised)
}
