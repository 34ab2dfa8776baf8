//! The sources whose tokens keep failing their signature check.
//!
//! A signature costs some fifty microseconds to refuse and nothing to forge. A source that keeps sending forgeries is
//! asked to wait before another of its tokens is verified; tokens that were verified before are not concerned.
//!
//! A source that behaves is not remembered; all that do not are bounded as [`Rates`] says, at about 3 MB.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::rates::Rates;
use crate::clock::Tick;
use crate::limit::Rate;

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

/// How often each source has failed of late, over all threads.
#[derive(Debug)]
pub struct FailingSources {
    rates: Rates<Source>,
}

impl Default for FailingSources {
    fn default() -> Self {
        Self::new()
    }
}

impl FailingSources {
    /// Nobody has failed yet.
    pub fn new() -> Self {
        Self { rates: Rates::new(Rate::new(PER_SECOND, Duration::from_secs(1), BURST)) }
    }

    /// How long this source must wait before another of its signatures is checked; zero: not at all.
    pub fn wait(&self, source: Source, now: Tick) -> Duration {
        self.rates.wait(&source, now)
    }

    /// Counts a signature of this source that was not good.
    pub fn failed(&self, source: Source, now: Tick) {
        // One that was checked before the limit was reached and failed after it changes nothing.
        let _ = self.rates.take(&source, now);
    }

    /// How many sources are remembered.
    pub fn len(&self) -> usize {
        self.rates.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }
}
