//! The ring: every key of one issuer, where each is in its life, and what has been promised to those who hold its tokens.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{LEEWAY, PUSH, SKEW};
use crate::clock::UnixTime;
use crate::jose::Algorithm;

/// The keys of one issuer, as the Secret has them. Public throughout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Whose tokens they sign.
    pub issuer: Box<str>,
    /// How many actions have made it what it is: of two rings of one issuer the one with more is the later one.
    pub changes: u64,
    /// When the last of them was taken, by the clock of who took it.
    pub written: UnixTime,
    /// The last request for rotation that was done.
    pub answered: Option<Box<str>>,
    /// How long replicas may let the JWKS be cached.
    pub max_age: Duration,
    /// A longer time that some cache may still go by.
    pub former_max_age: Option<FormerMaxAge>,
    /// At most [`MAX_KEYS`](super::MAX_KEYS), in the order in which they were created.
    pub keys: Vec<RingKey>,
}

/// A cache time that was longer, and that replicas which have not heard may still announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerMaxAge {
    /// How long it was.
    pub max_age: Duration,
    /// The newest key when it was lowered. A replica that publishes any later key has heard of it.
    pub newest: Box<str>,
    /// When every ready replica had: from then on nobody announces it, and what was cached ends.
    pub over: Option<UnixTime>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingKey {
    /// Its name: the thumbprint of the public half (RFC 7638), never that of another key again.
    pub kid: Box<str>,
    /// What it signs by.
    pub algorithm: Algorithm,
    /// The public half, as the JWKS has it.
    pub public: Map<String, Value>,
    /// When it was made.
    pub created: UnixTime,
    /// Nothing that it signs may live longer; nothing that it has signed does.
    pub longest: Duration,
    /// Where it is in its life.
    pub state: State,
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published, and does not sign yet.
    Pending {
        /// Since when every ready replica publishes it.
        confirmed: Option<UnixTime>,
    },
    /// Published, and signs.
    Active {
        /// Since when.
        since: UnixTime,
        /// Why it became active.
        cause: Cause,
    },
    /// Published, and does not sign any more: its private half is destroyed.
    Retiring {
        /// Since when.
        since: UnixTime,
        /// Since when every ready replica signs with a later key.
        settled: Option<UnixTime>,
    },
    /// Not published, and its tokens are refused.
    Compromised {
        /// Since when.
        since: UnixTime,
    },
}

/// Why a key became active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is the first of its issuer.
    First,
    /// The key before it had signed for as long as the schedule says.
    Schedule,
    /// The schedule names another algorithm than that of the key before it.
    Algorithm,
    /// Somebody asked for it.
    Request,
    /// The key before it was compromised.
    Compromise,
    /// The private half of the key before it was lost.
    Lost,
}

impl Ring {
    /// A ring without keys, which [`step`](super::step()) fills. It is not one that can be kept.
    pub fn new(issuer: &str, max_age: Duration, now: UnixTime) -> Self {
        Self {
            issuer: issuer.into(),
            changes: 0,
            written: now,
            answered: None,
            max_age,
            former_max_age: None,
            keys: Vec::new(),
        }
    }

    /// The key that signs.
    pub fn active(&self) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.is_active())
    }

    /// The key that signs next.
    pub fn pending(&self) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.is_pending())
    }

    /// The key of this name.
    pub fn key(&self, kid: &str) -> Option<&RingKey> {
        self.keys.iter().find(|key| *key.kid == *kid)
    }

    /// The keys of the JWKS, in the order in which they were created.
    pub fn published(&self) -> impl Iterator<Item = &RingKey> {
        self.keys.iter().filter(|key| key.is_published())
    }

    /// The keys whose tokens are refused.
    pub fn revoked(&self) -> impl Iterator<Item = &RingKey> {
        self.keys.iter().filter(|key| !key.is_published())
    }

    /// The keys whose private half is to be kept. That of every other one is destroyed in the same write.
    pub fn with_private_half(&self) -> impl Iterator<Item = &RingKey> {
        self.keys.iter().filter(|key| key.is_active() || key.is_pending())
    }

    /// How long a copy of the JWKS may be in a cache, as far as is known at this time: what replicas announce, or the
    /// longer time that they announced before.
    pub fn max_age_at(&self, now: UnixTime) -> Duration {
        match &self.former_max_age {
            Some(former) if former.counts_until().is_none_or(|end| !has_come(end, now)) => {
                self.max_age.max(former.max_age)
            }
            Some(_) | None => self.max_age,
        }
    }

    /// How long a key stays published after it has settled, and is remembered after it was compromised: until nothing
    /// that it signed can be valid, and no cache is older than that.
    pub fn overlap(&self, key: &RingKey, now: UnixTime) -> Duration {
        overlap(key.longest, self.max_age_at(now))
    }

    /// Why no key signs but perhaps the one of this name: what has happened last to another.
    pub(super) fn vacancy(&self, kid: &str) -> Cause {
        let others = self.keys.iter().filter(|key| !key.is_pending() && *key.kid != *kid);
        match others.max_by_key(|key| key.since()).map(|key| key.state) {
            Some(State::Compromised { .. }) => Cause::Compromise,
            Some(State::Retiring { .. } | State::Pending { .. } | State::Active { .. }) | None => Cause::Lost,
        }
    }

    /// The first time at which `wait`, which follows from the cache time of the moment and grows with it, is over since
    /// `start`.
    pub(super) fn first_after(&self, start: UnixTime, wait: impl Fn(Duration) -> Duration) -> UnixTime {
        let Some(former) = &self.former_max_age else { return start.plus(wait(self.max_age)) };
        let late = start.plus(wait(self.max_age.max(former.max_age)));
        former.counts_until().map_or(late, |end| late.min(end.max(start.plus(wait(self.max_age)))))
    }

    /// The key of this name, to be changed.
    pub(super) fn key_mut(&mut self, kid: &str) -> Option<&mut RingKey> {
        self.keys.iter_mut().find(|key| *key.kid == *kid)
    }
}

/// Whether a time has come. The end of all time never does: it stands for waits that reach beyond it.
pub(super) fn has_come(due: UnixTime, now: UnixTime) -> bool {
    due <= now && due < UnixTime::from_millis(i64::MAX)
}

/// The least time that a key must have been published before it signs.
pub(super) const fn least_ahead(max_age: Duration) -> Duration {
    max_age.saturating_add(PUSH).saturating_add(SKEW)
}

/// How long a key that has signed for so long must stay.
pub(super) const fn overlap(longest: Duration, max_age: Duration) -> Duration {
    longest.saturating_add(LEEWAY).saturating_add(max_age)
}

impl FormerMaxAge {
    /// When the last copy that was cached by it ends; not known before every replica has heard. The clocks of replicas
    /// may be behind, and a reply is under way for a moment.
    pub(super) fn counts_until(&self) -> Option<UnixTime> {
        self.over.map(|over| over.plus(least_ahead(self.max_age)))
    }
}

impl RingKey {
    /// Whether it signs.
    pub const fn is_active(&self) -> bool {
        matches!(self.state, State::Active { .. })
    }

    /// Whether it signs next.
    pub const fn is_pending(&self) -> bool {
        matches!(self.state, State::Pending { .. })
    }

    /// Whether the JWKS has it.
    pub const fn is_published(&self) -> bool {
        match self.state {
            State::Pending { .. } | State::Active { .. } | State::Retiring { .. } => true,
            State::Compromised { .. } => false,
        }
    }

    /// Since when it is in its state.
    pub const fn since(&self) -> UnixTime {
        match self.state {
            State::Pending { .. } => self.created,
            State::Active { since, .. } | State::Retiring { since, .. } | State::Compromised { since } => since,
        }
    }
}

impl State {
    /// The name as status and the ring have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending { .. } => "Pending",
            Self::Active { .. } => "Active",
            Self::Retiring { .. } => "Retiring",
            Self::Compromised { .. } => "Compromised",
        }
    }
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 6] =
        [Self::First, Self::Schedule, Self::Algorithm, Self::Request, Self::Compromise, Self::Lost];

    /// The name as status and the ring have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "First",
            Self::Schedule => "Schedule",
            Self::Algorithm => "Algorithm",
            Self::Request => "Request",
            Self::Compromise => "Compromise",
            Self::Lost => "Lost",
        }
    }

    /// Whether the key may sign before it has been published for long enough.
    pub const fn is_exception(self) -> bool {
        match self {
            Self::First | Self::Compromise | Self::Lost => true,
            Self::Schedule | Self::Algorithm | Self::Request => false,
        }
    }
}
