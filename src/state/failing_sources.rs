//! The sources whose tokens keep failing their signature check.
//!
//! A signature costs some fifty microseconds to refuse and nothing to forge. A source that keeps sending forgeries is
//! asked to wait before another of its tokens is verified; tokens that were verified before are not concerned.
//!
//! 64 shards, each behind a lock that is held for one look-up. A source that behaves is in none of them.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Tick;
use crate::limit::{Cell, Rate};

const SHARDS: usize = 64;

/// The most sources that one shard remembers, so that all remember 65,536: about 3 MB. Beyond it, one that is near to its
/// recovery is forgotten.
const PER_SHARD: usize = 1_024;

/// Failures at once.
const BURST: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// Failures in a second after that.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Who is counted: an address, or the network of 64 bits that one IPv6 subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    bits: u128,
}

impl Source {
    /// The source that this client belongs to.
    pub fn of(client: IpAddr) -> Self {
        let bits = match client.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits() & (u128::MAX << 64),
        };
        Self { bits }
    }
}

type Cells = HashMap<Source, Cell, foldhash::fast::RandomState>;

/// How often each source has failed of late, over all threads.
#[derive(Debug)]
pub struct FailingSources {
    shards: Box<[Mutex<Cells>]>,
    rate: Rate,
    /// Random, so that nobody can aim at one shard.
    hasher: foldhash::fast::RandomState,
}

impl Default for FailingSources {
    fn default() -> Self {
        Self::new()
    }
}

impl FailingSources {
    /// Nobody has failed yet.
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            rate: Rate::new(PER_SECOND, Duration::from_secs(1), BURST),
            hasher: foldhash::fast::RandomState::default(),
        }
    }

    /// How long this source must wait before another of its signatures is checked; zero: not at all.
    pub fn wait(&self, source: Source, now: Tick) -> Duration {
        self.with(source, |cells| cells.get(&source).map_or(Duration::ZERO, |cell| self.rate.wait(*cell, now)))
    }

    /// Counts a signature of this source that was not good.
    pub fn failed(&self, source: Source, now: Tick) {
        self.with(source, |cells| {
            if !cells.contains_key(&source) && cells.len() >= PER_SHARD {
                make_room(cells);
            }
            // One that was checked before the limit was reached and failed after it changes nothing.
            let _ = self.rate.take(cells.entry(source).or_default(), now);
        });
    }

    /// How many sources are remembered.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with<T>(&self, source: Source, act: impl FnOnce(&mut Cells) -> T) -> T {
        let place = usize::from(self.hasher.hash_one(source).to_le_bytes()[0]) % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "the remainder is below SHARDS, which is the length")]
        let mut cells = self.shards[place].lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut cells)
    }
}

/// Forgets, of a few, the source that recovers first or has recovered already. To find the first of all would cost a look
/// at each for every new source of a flood.
fn make_room(cells: &mut Cells) {
    const FEW: usize = 16;
    let first = cells.iter().take(FEW).min_by_key(|(_, cell)| **cell).map(|(source, _)| *source);
    if let Some(first) = first {
        cells.remove(&first);
    }
}
