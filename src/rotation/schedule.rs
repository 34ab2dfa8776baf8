//! When keys rotate: what the policy says, held to what the arithmetic needs.

use std::time::Duration;

use thiserror::Error;

use super::ring::{Ring, least_ahead, overlap};
use super::{PUSH, SKEW};
use crate::clock::UnixTime;
use crate::jose::{Algorithm, Family};

/// How many keys may be retiring at once while keys rotate on schedule: the rest is one that signs, one that signs next,
/// one that has retired just now, and the room that is kept free.
pub(super) const MOST_RETIRING: u32 = 9;

/// The times of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long a key signs.
    pub every: Duration,
    /// How long it is published before it signs.
    pub publish_ahead: Duration,
    /// How long a token lives, at most.
    pub lifetime: Duration,
    /// How long the JWKS may be cached.
    pub jwks_max_age: Duration,
}

/// When keys rotate, and of which algorithm they are. Such that a rotation can be done without refusing anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    algorithm: Algorithm,
    times: Times,
}

/// Why times are no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// Whoever could verify could sign.
    #[error("{0} signs with a shared secret, expected an asymmetric algorithm")]
    SharedSecret(Algorithm),
    /// No token would ever be valid.
    #[error("lifetime is 0, expected more")]
    NoLifetime,
    /// Verifiers would meet the key before their copy of the JWKS ends.
    #[error(
        "publishAhead is {publish_ahead:?}, expected at least {least:?}: jwksMaxAge {jwks_max_age:?} + push {PUSH:?} + \
         skew {SKEW:?}"
    )]
    AheadTooShort {
        /// What it is.
        publish_ahead: Duration,
        /// What it must be.
        least: Duration,
        /// What that follows from.
        jwks_max_age: Duration,
    },
    /// The next key would not be ready when its time comes.
    #[error(
        "every is {every:?}, expected at least {least:?}: publishAhead {publish_ahead:?} + push {PUSH:?} + skew {SKEW:?}"
    )]
    EveryTooShort {
        /// What it is.
        every: Duration,
        /// What it must be.
        least: Duration,
        /// What that follows from.
        publish_ahead: Duration,
    },
    /// More keys than a ring has would have to be published at once.
    #[error(
        "every is {every:?}, expected at least {least:?}: a key stays published for {overlap:?} after it signed (lifetime \
         {lifetime:?} + leeway 30s + jwksMaxAge {jwks_max_age:?}), and at most {MOST_RETIRING} such keys are kept"
    )]
    TooManyKeys {
        /// What it is.
        every: Duration,
        /// What it must be.
        least: Duration,
        /// How long a key stays.
        overlap: Duration,
        /// What that follows from.
        lifetime: Duration,
        /// What that follows from.
        jwks_max_age: Duration,
    },
}

impl Schedule {
    /// Holds the times to the formulas.
    pub fn new(algorithm: Algorithm, times: Times) -> Result<Self, ScheduleError> {
        let Times { every, publish_ahead, lifetime, jwks_max_age } = times;
        if algorithm.family() == Family::Hmac {
            return Err(ScheduleError::SharedSecret(algorithm));
        }
        if lifetime.is_zero() {
            return Err(ScheduleError::NoLifetime);
        }
        let least = least_ahead(jwks_max_age);
        if publish_ahead < least {
            return Err(ScheduleError::AheadTooShort { publish_ahead, least, jwks_max_age });
        }
        let least = publish_ahead.saturating_add(PUSH).saturating_add(SKEW);
        if every < least {
            return Err(ScheduleError::EveryTooShort { every, least, publish_ahead });
        }
        let overlap = overlap(lifetime, jwks_max_age);
        let stays = overlap.saturating_add(PUSH).saturating_add(SKEW);
        if every.saturating_mul(MOST_RETIRING) < stays {
            // Rounded up to a second, so that what the message says is enough.
            let least = Duration::from_secs((stays / MOST_RETIRING).as_secs().saturating_add(1));
            return Err(ScheduleError::TooManyKeys { every, least, overlap, lifetime, jwks_max_age });
        }
        Ok(Self { algorithm, times })
    }

    /// What keys are made for.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How long a key signs.
    pub const fn every(&self) -> Duration {
        self.times.every
    }

    /// How long a key is published before it signs, as the policy says it.
    pub const fn publish_ahead(&self) -> Duration {
        self.times.publish_ahead
    }

    /// How long a token lives, at most.
    pub const fn lifetime(&self) -> Duration {
        self.times.lifetime
    }

    /// How long the JWKS may be cached.
    pub const fn jwks_max_age(&self) -> Duration {
        self.times.jwks_max_age
    }

    /// How long a key of this ring is published before it signs: what the policy says, or what the copies of the JWKS
    /// that may be in caches ask for.
    pub fn ahead(&self, ring: &Ring, now: UnixTime) -> Duration {
        self.ahead_of(ring.max_age_at(now))
    }

    /// The same, where copies may be of this age.
    pub(super) fn ahead_of(&self, max_age: Duration) -> Duration {
        self.times.publish_ahead.max(least_ahead(max_age))
    }
}
