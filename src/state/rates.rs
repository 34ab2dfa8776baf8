//! How often each of many has done something of late.
//!
//! 64 shards, each behind a lock that is held for one look-up. Whoever does nothing is in none of them.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Tick;
use crate::limit::{Cell, Rate};

const SHARDS: usize = 64;

/// The most keys that one shard remembers, so that all remember 65,536. Beyond it, one that is near to its recovery is
/// forgotten.
const PER_SHARD: usize = 1_024;

type Cells<K> = HashMap<K, Cell, foldhash::fast::RandomState>;

/// One rate for each key, over all threads.
#[derive(Debug)]
pub struct Rates<K> {
    shards: Box<[Mutex<Cells<K>>]>,
    rate: Rate,
    /// Random, so that nobody can aim at one shard.
    hasher: foldhash::fast::RandomState,
}

impl<K: Clone + Eq + Hash> Rates<K> {
    /// Nobody has done anything yet.
    pub fn new(rate: Rate) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, rate, hasher: foldhash::fast::RandomState::default() }
    }

    /// How long this one must wait before another time; zero: not at all.
    pub fn wait(&self, key: &K, now: Tick) -> Duration {
        self.with(key, |cells| cells.get(key).map_or(Duration::ZERO, |cell| self.rate.wait(*cell, now)))
    }

    /// Counts a time, or says how long it must wait. One that must wait is not counted.
    pub fn take(&self, key: &K, now: Tick) -> Result<(), Duration> {
        self.with(key, |cells| {
            if let Some(cell) = cells.get_mut(key) {
                return self.rate.take(cell, now);
            }
            if cells.len() >= PER_SHARD {
                make_room(cells);
            }
            self.rate.take(cells.entry(key.clone()).or_default(), now)
        })
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with<T>(&self, key: &K, act: impl FnOnce(&mut Cells<K>) -> T) -> T {
        let place = usize::from(self.hasher.hash_one(key).to_le_bytes()[0]) % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "the remainder is below SHARDS, which is the length")]
        let mut cells = self.shards[place].lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut cells)
    }
}

/// Forgets, of a few, the one that recovers first or has recovered already. To find the first of all would cost a look
/// at each for every new key of a flood.
fn make_room<K: Clone + Eq + Hash>(cells: &mut Cells<K>) {
    const FEW: usize = 16;
    let first = cells.iter().take(FEW).min_by_key(|(_, cell)| **cell).map(|(key, _)| key.clone());
    if let Some(first) = first {
        cells.remove(&first);
    }
}
