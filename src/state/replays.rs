//! What may be used once and was: DPoP proofs and assertions of clients, by a hash of what names them.
//!
//! 64 shards, each behind a lock that is held for one look-up and never across an await. What a replica has seen, it alone
//! knows.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use thiserror::Error;

use crate::clock::UnixTime;

const SHARDS: usize = 64;

/// The most identifiers that one shard remembers, so that all remember 131,072: about 8 MB. Those that ended make room;
/// beyond it a new one is not taken, because none that may still be used again can be forgotten.
const PER_SHARD: usize = 2_048;

/// Why it cannot be said whether this is the first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReplayError {
    /// There is no room to remember it: ours to mend, so the answer is a 503.
    #[error("no room to remember another identifier")]
    Full,
    /// It was issued before the memory began, so it may have been used with the process before: to be refused as one that
    /// was used.
    #[error("issued before this process began to remember")]
    BeforeStart,
}

/// What was used once, over all threads.
#[derive(Debug)]
pub struct Replays {
    shards: Box<[Mutex<Shard>]>,
    began: UnixTime,
    /// Random, so that nobody can aim at one shard.
    hasher: foldhash::fast::RandomState,
}

#[derive(Debug)]
struct Shard {
    /// From when on each is refused for its age.
    seen: HashMap<[u8; 32], UnixTime, foldhash::fast::RandomState>,
    /// None of them ends earlier, so that a full shard is not searched in vain for each that comes.
    earliest: UnixTime,
}

impl Replays {
    /// Nothing was used since `began`, when the process started; what was before it, nobody knows.
    pub fn new(began: UnixTime) -> Self {
        let shard = || Mutex::new(Shard { seen: HashMap::default(), earliest: UnixTime::from_millis(i64::MAX) });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), began, hasher: foldhash::fast::RandomState::default() }
    }

    /// Whether this is the first use of what has this name, was issued at `issued` and is refused for its age from `until`
    /// on. Of several who ask at once, one is told so. To be asked last, after whatever else can refuse it: an identifier is
    /// used up even if its request then fails.
    pub fn first(&self, key: &[u8; 32], issued: UnixTime, until: UnixTime, now: UnixTime) -> Result<bool, ReplayError> {
        if issued < self.began {
            return Err(ReplayError::BeforeStart);
        }
        let place = usize::from(self.hasher.hash_one(key).to_le_bytes()[0]) % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "the remainder is below SHARDS, which is the length")]
        let mut shard = self.shards[place].lock().unwrap_or_else(PoisonError::into_inner);
        shard.first(key, until, now)
    }

    /// How many are remembered, those included that have ended and were not in the way yet.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).seen.len()).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Shard {
    fn first(&mut self, key: &[u8; 32], until: UnixTime, now: UnixTime) -> Result<bool, ReplayError> {
        if self.seen.get(key).is_some_and(|until| now < *until) {
            return Ok(false);
        }
        if self.seen.len() >= PER_SHARD && now >= self.earliest {
            self.seen.retain(|_, until| now < *until);
            self.earliest = self.seen.values().min().copied().unwrap_or(until);
        }
        // One that has ended leaves its place to itself.
        if self.seen.len() >= PER_SHARD && !self.seen.contains_key(key) {
            return Err(ReplayError::Full);
        }
        self.seen.insert(*key, until);
        self.earliest = self.earliest.min(until);
        Ok(true)
    }
}
