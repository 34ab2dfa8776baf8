//! A store in memory: for tests, and for what may end with the process.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::table::{Bounds, Table, Write};
use super::{Answer, Record, Store, Version};
use crate::clock::{Clock, UnixTime};

/// As much as a file holds.
const BOUNDS: Bounds = Bounds { records: 65_536, bytes: 64 << 20 };

/// Records in memory, at most 65,536, and 64 MiB of them.
pub struct Memory {
    clock: Clock,
    table: Mutex<Table>,
}

impl Memory {
    /// An empty store.
    pub fn new(clock: Clock) -> Self {
        Self { clock, table: Mutex::new(Table::new(BOUNDS, 0)) }
    }
}

impl Store for Memory {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Record>> {
        let now = self.clock.now();
        let found = self.table.lock().unwrap_or_else(PoisonError::into_inner).get(key, now).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        replaces: Option<Version>,
        until: UnixTime,
    ) -> Answer<'a, Version> {
        let write = Write { key: key.into(), value, replaces, until };
        let now = self.clock.now();
        let written = self.table.lock().unwrap_or_else(PoisonError::into_inner).put(write, now);
        Box::pin(std::future::ready(written))
    }
}
