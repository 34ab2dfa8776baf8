//! What every store that keeps all its records at hand has in common: which write is taken, and how much there may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{MAX_KEY, MAX_VALUE, Record, StoreError, Version};
use crate::clock::UnixTime;

/// The part of the room, one in so many, that is kept for marks; see [`Store::put`](super::Store::put).
const KEPT: usize = 8;

/// How much a table may hold. A new record beyond is refused, after those that have ended were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The most records.
    pub(crate) records: usize,
    /// The most bytes, by [`cost`].
    pub(crate) bytes: usize,
}

impl Bounds {
    /// What is not kept for marks.
    fn open(self) -> Self {
        let open = |most: usize| most.saturating_sub(most / KEPT);
        Self { records: open(self.records), bytes: open(self.bytes) }
    }
}

/// A record, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The record.
    pub(crate) record: Record,
    /// From when on it is not there any more.
    pub(crate) until: UnixTime,
}

/// Records by key, and the version of the last write.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    bounds: Bounds,
    records: BTreeMap<Arc<str>, Entry>,
    bytes: usize,
    last: u64,
}

/// What is asked to be written.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// Of which record.
    pub(crate) key: Arc<str>,
    /// What.
    pub(crate) value: Bytes,
    /// What must be there; `None`: nothing.
    pub(crate) replaces: Option<Version>,
    /// When it ends.
    pub(crate) until: UnixTime,
}

impl Table {
    /// An empty one, whose versions begin after `last`.
    pub(crate) const fn new(bounds: Bounds, last: u64) -> Self {
        Self { bounds, records: BTreeMap::new(), bytes: 0, last }
    }

    /// Takes over what was kept elsewhere, bounds or not: what was answered is never dropped.
    pub(crate) fn load(&mut self, key: Arc<str>, entry: Entry) {
        self.last = self.last.max(entry.record.version.0);
        self.bytes = self.bytes.saturating_add(cost(&key, &entry));
        if let Some((key, old)) = self.records.remove_entry(&key) {
            self.bytes = self.bytes.saturating_sub(cost(&key, &old));
        }
        self.records.insert(key, entry);
    }

    /// The record of this key, unless it has ended.
    pub(crate) fn get(&self, key: &str, now: UnixTime) -> Option<&Record> {
        self.records.get(key).filter(|entry| now < entry.until).map(|entry| &entry.record)
    }

    /// Takes a write, or says why not.
    pub(crate) fn put(&mut self, write: Write, now: UnixTime) -> Result<Version, StoreError> {
        let Write { key, value, replaces, until } = write;
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            return Err(StoreError::TooLarge);
        }
        if self.get(&key, now).map(|record| record.version) != replaces {
            return Err(StoreError::Conflict);
        }
        let version = Version(self.last.saturating_add(1));
        let entry = Entry { record: Record { value, version }, until };
        if !self.has_room(&key, &entry) {
            self.forget_ended(now);
            if !self.has_room(&key, &entry) {
                return Err(StoreError::Full);
            }
        }
        self.load(key, entry);
        Ok(version)
    }

    /// Removes what has ended.
    pub(crate) fn forget_ended(&mut self, now: UnixTime) {
        self.records.retain(|_, entry| now < entry.until);
        self.bytes = self.records.iter().fold(0, |sum, (key, entry)| sum.saturating_add(cost(key, entry)));
    }

    /// Every record, ended or not, in order of keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        self.records.iter()
    }

    /// The record of this key, ended or not.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.records.get(key)
    }

    /// The version of the last write.
    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    /// Versions up to this one were given away, if only to writes that failed.
    pub(crate) fn skip_to(&mut self, last: u64) {
        self.last = self.last.max(last);
    }

    fn has_room(&self, key: &str, entry: &Entry) -> bool {
        let (old, new) = (self.records.get(key).map(|old| cost(key, old)), cost(key, entry));
        if old.is_some_and(|old| new <= old) {
            return true;
        }
        let records = self.records.len().saturating_add(usize::from(old.is_none()));
        let bytes = self.bytes.saturating_add(new).saturating_sub(old.unwrap_or(0));
        let bounds = if entry.record.value.is_empty() { self.bounds } else { self.bounds.open() };
        records <= bounds.records && bytes <= bounds.bytes
    }
}

/// What a record costs of the bound: as much as it takes in any form in which it is kept but base64.
fn cost(key: &str, entry: &Entry) -> usize {
    // The key may be spelled in another alphabet, four characters for three; version and end take eight bytes each.
    entry.record.value.len().saturating_add(key.len().saturating_mul(2)).saturating_add(16)
}
