//! What may be used once and was: DPoP proofs and assertions of clients, by a hash of what names them.
//!
//! 64 shards, each behind a lock that is held for one look-up and never across an await. What a replica has seen, it alone
//! knows.
//!
//! Of the room of a shard nobody takes more than half of what the others leave: whoever uses identifiers up as fast as he
//! can, or such as never end, is refused, and there is room for others all the same.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use crate::clock::UnixTime;

const SHARDS: usize = 64;

/// The most identifiers that one shard remembers, so that all remember 131,072: about 9 MB. Those that ended make room;
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
    seen: HashMap<[u8; 32], Seen, foldhash::fast::RandomState>,
    /// How many each owner has; without those who have none.
    owned: HashMap<Owner, usize, foldhash::fast::RandomState>,
    /// None of them ends earlier, so that a full shard is not searched in vain for each that comes.
    earliest: UnixTime,
}

/// Whose memory it takes, by a hash of his name.
type Owner = u64;

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// From when on it is refused for its age.
    until: UnixTime,
    owner: Owner,
}

impl Replays {
    /// Nothing was used since `began`, when the process started; what was before it, nobody knows.
    pub fn new(began: UnixTime) -> Self {
        let shard = || {
            let earliest = UnixTime::from_millis(i64::MAX);
            Mutex::new(Shard { seen: HashMap::default(), owned: HashMap::default(), earliest })
        };
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), began, hasher: foldhash::fast::RandomState::default() }
    }

    /// Whether this is the first use of what has this name, was issued at `issued` and is refused for its age from `until`
    /// on; `owner` is whose room it takes. Of several who ask at once, one is told so. To be asked last, after whatever else
    /// can refuse it: an identifier is used up even if its request then fails.
    pub fn first(
        &self,
        owner: &str,
        key: &[u8; 32],
        issued: UnixTime,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<bool, ReplayError> {
        if issued < self.began {
            return Err(ReplayError::BeforeStart);
        }
        self.shard(key).first(key, Seen { until, owner: self.hasher.hash_one(owner) }, now)
    }

    /// Whether it would be, without using it up.
    pub fn is_new(&self, key: &[u8; 32], issued: UnixTime, now: UnixTime) -> Result<bool, ReplayError> {
        if issued < self.began { Err(ReplayError::BeforeStart) } else { Ok(!self.shard(key).has(key, now)) }
    }

    fn shard(&self, key: &[u8; 32]) -> MutexGuard<'_, Shard> {
        let place = usize::from(self.hasher.hash_one(key).to_le_bytes()[0]) % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "the remainder is below SHARDS, which is the length")]
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
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
    fn has(&self, key: &[u8; 32], now: UnixTime) -> bool {
        self.seen.get(key).is_some_and(|seen| now < seen.until)
    }

    fn first(&mut self, key: &[u8; 32], new: Seen, now: UnixTime) -> Result<bool, ReplayError> {
        if self.has(key, now) {
            return Ok(false);
        }
        // One that has ended leaves its place to itself.
        self.forget(key);
        if !self.has_room(new.owner) && now >= self.earliest {
            self.forget_ended(now);
        }
        if !self.has_room(new.owner) {
            return Err(ReplayError::Full);
        }
        self.seen.insert(*key, new);
        let count = self.owned.entry(new.owner).or_default();
        *count = count.saturating_add(1);
        self.earliest = self.earliest.min(new.until);
        Ok(true)
    }

    /// Whether the owner has less than half of what the others leave.
    fn has_room(&self, owner: Owner) -> bool {
        let count = self.owned.get(&owner).copied().unwrap_or_default();
        let others = self.seen.len().saturating_sub(count);
        count < PER_SHARD.saturating_sub(others).div_ceil(2)
    }

    fn forget(&mut self, key: &[u8; 32]) {
        let Some(Seen { owner, .. }) = self.seen.remove(key) else { return };
        if let Some(count) = self.owned.get_mut(&owner) {
            *count = count.saturating_sub(1);
        }
    }

    fn forget_ended(&mut self, now: UnixTime) {
        self.seen.retain(|_, seen| now < seen.until);
        self.earliest = UnixTime::from_millis(i64::MAX);
        self.owned.clear();
        for Seen { until, owner } in self.seen.values() {
            self.earliest = self.earliest.min(*until);
            let count = self.owned.entry(*owner).or_default();
            *count = count.saturating_add(1);
        }
    }
}
