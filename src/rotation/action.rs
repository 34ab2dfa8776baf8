//! What can be done to a ring, and the ring that comes of it.

use std::time::Duration;

use thiserror::Error;

use super::ring::{Cause, FormerMaxAge, Ring, RingKey, State};
use super::{MAX_KEYS, PublicHalf};
use crate::clock::UnixTime;
use crate::jose::Algorithm;

/// One change of a ring. Those of one step are one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A key is made: a new pair, of which the ring gets the public half.
    Create {
        /// What it becomes.
        role: Role,
        /// What it is for.
        algorithm: Algorithm,
        /// Nothing that it signs may live longer.
        longest: Duration,
    },
    /// Every ready replica publishes the pending key.
    Confirm(Box<str>),
    /// The pending key signs from now on. The active one retires, and its private half is destroyed.
    Activate {
        /// Which key.
        kid: Box<str>,
        /// Why.
        cause: Cause,
    },
    /// The private half of the active key is not there: it retires without a successor.
    Lose(Box<str>),
    /// Every ready replica signs with a later key than this retiring one.
    Settle(Box<str>),
    /// Nothing that the key has signed can be valid: it is forgotten.
    Remove(Box<str>),
    /// The key is compromised: it leaves the JWKS, and its private half is destroyed.
    Compromise(Box<str>),
    /// A pending key that will not be used, because its algorithm is no longer wanted or its private half is lost.
    Discard(Box<str>),
    /// Tokens of this key may live longer than before.
    Extend {
        /// Which key.
        kid: Box<str>,
        /// How long.
        longest: Duration,
    },
    /// The JWKS may be cached for so long.
    Announce {
        /// How long.
        max_age: Duration,
    },
    /// The request for rotation of this word is done.
    Answer(Box<str>),
}

/// What a new key becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It signs at once: nobody has seen another key of this issuer.
    First,
    /// It is published, and signs later.
    Next,
}

/// Why an action cannot be taken on this ring.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotApplicable {
    /// There is no key of this name.
    #[error("the ring has no key {0}")]
    UnknownKey(Box<str>),
    /// The key is not where the action finds it.
    #[error("the key {kid} is {state}, which {action} does not apply to")]
    WrongState {
        /// Which key.
        kid: Box<str>,
        /// Where it is.
        state: &'static str,
        /// What was to be done.
        action: &'static str,
    },
    /// A key was to be made, and no public half was given.
    #[error("no public half was given for the key that is to be made")]
    NoPublicHalf,
    /// The public half is for another algorithm.
    #[error("the new key is for {found}, expected {expected}")]
    OtherAlgorithm {
        /// What it is for.
        found: Algorithm,
        /// What was asked for.
        expected: Algorithm,
    },
    /// The ring has the new key already.
    #[error("the ring has a key {0} already")]
    KnownKey(Box<str>),
    /// There is a key of this role.
    #[error("the ring has a key of that role: {0}")]
    Occupied(Box<str>),
    /// The ring is full.
    #[error("the ring has 16 keys, and room for no more")]
    Full,
}

impl Action {
    /// The key that it is about, if there is one yet.
    pub fn kid(&self) -> Option<&str> {
        match self {
            Self::Confirm(kid)
            | Self::Activate { kid, .. }
            | Self::Lose(kid)
            | Self::Settle(kid)
            | Self::Remove(kid)
            | Self::Compromise(kid)
            | Self::Discard(kid)
            | Self::Extend { kid, .. } => Some(kid),
            Self::Create { .. } | Self::Announce { .. } | Self::Answer(_) => None,
        }
    }

    /// Its name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Create { .. } => "Create",
            Self::Confirm(_) => "Confirm",
            Self::Activate { .. } => "Activate",
            Self::Lose(_) => "Lose",
            Self::Settle(_) => "Settle",
            Self::Remove(_) => "Remove",
            Self::Compromise(_) => "Compromise",
            Self::Discard(_) => "Discard",
            Self::Extend { .. } => "Extend",
            Self::Announce { .. } => "Announce",
            Self::Answer(_) => "Answer",
        }
    }
}

impl Ring {
    /// The ring after this action. `made` is the public half of the key that [`Action::Create`] asks for.
    ///
    /// It checks that the action fits the states; that it comes at its time, [`successor`](super::successor()) says.
    pub fn apply(&self, action: &Action, now: UnixTime, made: Option<PublicHalf>) -> Result<Self, NotApplicable> {
        let mut ring = self.clone();
        ring.perform(action, now, made)?;
        ring.changes = ring.changes.saturating_add(1);
        ring.written = now;
        Ok(ring)
    }

    fn perform(&mut self, action: &Action, now: UnixTime, made: Option<PublicHalf>) -> Result<(), NotApplicable> {
        match action {
            Action::Create { role, algorithm, longest } => {
                let made = made.ok_or(NotApplicable::NoPublicHalf)?;
                self.create(*role, *algorithm, *longest, now, made)
            }
            Action::Confirm(kid) => self.confirm(kid, action, now),
            Action::Activate { kid, cause } => self.activate(kid, *cause, action, now),
            Action::Lose(kid) => self.move_on(kid, action, |state| match state {
                State::Active { .. } => Some(State::Retiring { since: now, settled: None }),
                State::Pending { .. } | State::Retiring { .. } | State::Compromised { .. } => None,
            }),
            Action::Settle(kid) => self.move_on(kid, action, |state| match state {
                State::Retiring { since, settled: None } => Some(State::Retiring { since, settled: Some(now) }),
                State::Pending { .. }
                | State::Active { .. }
                | State::Retiring { settled: Some(_), .. }
                | State::Compromised { .. } => None,
            }),
            Action::Compromise(kid) => self.move_on(kid, action, |state| match state {
                State::Pending { .. } | State::Active { .. } | State::Retiring { .. } => {
                    Some(State::Compromised { since: now })
                }
                State::Compromised { .. } => None,
            }),
            Action::Remove(kid) => self.drop_key(kid, action, |state| match state {
                State::Retiring { settled: Some(_), .. } | State::Compromised { .. } => true,
                State::Pending { .. } | State::Active { .. } | State::Retiring { settled: None, .. } => false,
            }),
            Action::Discard(kid) => self.drop_key(kid, action, |state| match state {
                State::Pending { .. } => true,
                State::Active { .. } | State::Retiring { .. } | State::Compromised { .. } => false,
            }),
            Action::Extend { kid, longest } => {
                let key = self.key_mut(kid).ok_or_else(|| NotApplicable::UnknownKey(kid.clone()))?;
                match key.state {
                    State::Pending { .. } | State::Active { .. } => key.longest = key.longest.max(*longest),
                    State::Retiring { .. } | State::Compromised { .. } => return Err(wrong_state(key, action)),
                }
                Ok(())
            }
            Action::Announce { max_age } => {
                self.announce(*max_age, now);
                Ok(())
            }
            Action::Answer(word) => {
                self.answered = Some(word.clone());
                Ok(())
            }
        }
    }

    fn create(
        &mut self,
        role: Role,
        algorithm: Algorithm,
        longest: Duration,
        now: UnixTime,
        made: PublicHalf,
    ) -> Result<(), NotApplicable> {
        if made.algorithm() != algorithm {
            return Err(NotApplicable::OtherAlgorithm { found: made.algorithm(), expected: algorithm });
        }
        if self.key(made.kid()).is_some() {
            return Err(NotApplicable::KnownKey(made.kid().into()));
        }
        if self.keys.len() >= MAX_KEYS {
            return Err(NotApplicable::Full);
        }
        let (in_place, state) = match role {
            Role::First => (self.keys.first(), State::Active { since: now, cause: Cause::First }),
            Role::Next => (self.pending(), State::Pending { confirmed: None }),
        };
        if let Some(key) = in_place {
            return Err(NotApplicable::Occupied(key.kid.clone()));
        }
        let (kid, public) = made.into_parts();
        self.keys.push(RingKey { kid, algorithm, public, created: now, longest, state });
        Ok(())
    }

    fn confirm(&mut self, kid: &str, action: &Action, now: UnixTime) -> Result<(), NotApplicable> {
        self.move_on(kid, action, |state| match state {
            State::Pending { confirmed: None } => Some(State::Pending { confirmed: Some(now) }),
            State::Pending { confirmed: Some(_) }
            | State::Active { .. }
            | State::Retiring { .. }
            | State::Compromised { .. } => None,
        })?;
        // Whoever publishes a key has read a ring in which it is, and so everything that was written before it.
        if let Some(former) = &mut self.former_max_age
            && *former.newest != *kid
            && former.over.is_none()
        {
            former.over = Some(now);
        }
        Ok(())
    }

    fn activate(&mut self, kid: &str, cause: Cause, action: &Action, now: UnixTime) -> Result<(), NotApplicable> {
        let before = self.active().map(|key| key.kid.clone());
        self.move_on(kid, action, |state| match state {
            State::Pending { confirmed: Some(_) } => Some(State::Active { since: now, cause }),
            State::Pending { confirmed: None }
            | State::Active { .. }
            | State::Retiring { .. }
            | State::Compromised { .. } => None,
        })?;
        if let Some(key) = before.and_then(|before| self.key_mut(&before)) {
            key.state = State::Retiring { since: now, settled: None };
        }
        Ok(())
    }

    /// A shorter time binds nobody yet: replicas that have not heard announce the longer one, and caches keep to it.
    fn announce(&mut self, max_age: Duration, now: UnixTime) {
        let counts = self.max_age_at(now);
        if max_age < self.max_age
            && let Some(newest) = self.keys.last()
        {
            self.former_max_age = Some(FormerMaxAge { max_age: counts, newest: newest.kid.clone(), over: None });
        }
        self.max_age = max_age;
    }

    fn move_on(
        &mut self,
        kid: &str,
        action: &Action,
        to: impl Fn(State) -> Option<State>,
    ) -> Result<(), NotApplicable> {
        let key = self.key_mut(kid).ok_or_else(|| NotApplicable::UnknownKey(kid.into()))?;
        key.state = to(key.state).ok_or_else(|| wrong_state(key, action))?;
        Ok(())
    }

    fn drop_key(&mut self, kid: &str, action: &Action, may_go: impl Fn(State) -> bool) -> Result<(), NotApplicable> {
        let key = self.key(kid).ok_or_else(|| NotApplicable::UnknownKey(kid.into()))?;
        if !may_go(key.state) {
            return Err(wrong_state(key, action));
        }
        self.keys.retain(|key| *key.kid != *kid);
        Ok(())
    }
}

fn wrong_state(key: &RingKey, action: &Action) -> NotApplicable {
    NotApplicable::WrongState { kid: key.kid.clone(), state: key.state.as_str(), action: action.as_str() }
}
