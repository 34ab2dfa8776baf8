//! A store in memory: for tests, and for what may end with the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Answer, MAX_KEY, MAX_VALUE, Record, Store, StoreError, Version};
use crate::clock::{Clock, UnixTime};

/// The most records; a new one beyond is refused, after those that have ended were removed.
const MOST: usize = 65_536;

/// Records in memory, at most 65,536.
pub struct Memory {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    records: BTreeMap<Box<str>, (Record, UnixTime)>,
    last: u64,
}

impl Memory {
    /// An empty store.
    pub fn new(clock: Clock) -> Self {
        Self { clock, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(
        &self,
        key: &str,
        value: Bytes,
        replaces: Option<Version>,
        until: UnixTime,
    ) -> Result<Version, StoreError> {
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            return Err(StoreError::TooLarge);
        }
        let now = self.clock.now();
        let mut inner = self.lock();
        let found = inner.records.get(key).filter(|(_, until)| now < *until).map(|(record, _)| record.version);
        if found != replaces {
            return Err(StoreError::Conflict);
        }
        if found.is_none() && inner.records.len() >= MOST {
            inner.records.retain(|_, (_, until)| now < *until);
            if inner.records.len() >= MOST {
                return Err(StoreError::Full);
            }
        }
        inner.last = inner.last.saturating_add(1);
        let version = Version(inner.last);
        inner.records.insert(key.into(), (Record { value, version }, until));
        Ok(version)
    }
}

impl Store for Memory {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Record>> {
        let now = self.clock.now();
        let found = self.lock().records.get(key).filter(|(_, until)| now < *until).map(|(record, _)| record.clone());
        Box::pin(std::future::ready(Ok(found)))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        replaces: Option<Version>,
        until: UnixTime,
    ) -> Answer<'a, Version> {
        Box::pin(std::future::ready(self.write(key, value, replaces, until)))
    }
}
