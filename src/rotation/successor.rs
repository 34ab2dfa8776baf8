//! Whether a ring may follow another: the rules that every write keeps, whoever makes it.
//!
//! Told from the two rings alone, so that a watcher of the Secret can check them as well as its writer. What the two do not
//! say (the schedule, what replicas have confirmed, whether a private half is lost) is not checked here.

use thiserror::Error;

use super::MAX_KEYS;
use super::ring::{Cause, Ring, RingKey, State, has_come, least_ahead, overlap};
use crate::clock::UnixTime;

/// The rule that a write breaks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unlawful {
    /// The issuer is another.
    #[error("the issuer changes")]
    OtherIssuer,
    /// The ring is not later than the one before.
    #[error("the ring has had {after} changes, expected more than {before}")]
    NotLater {
        /// Of the ring before.
        before: u64,
        /// Of this one.
        after: u64,
    },
    /// The first ring is something else than an active key and a pending one.
    #[error("the first ring is not one Active key and one Pending key, made at the same time")]
    NotFirst,
    /// More keys than fit.
    #[error("the ring has {0} keys, expected at most 16")]
    TooManyKeys(usize),
    /// Two keys sign.
    #[error("{0} keys are Active, expected one at most")]
    NotOneActive(usize),
    /// There is not exactly one key that signs next, although there is room for it.
    #[error("{0} keys are Pending, expected one")]
    NotOnePending(usize),
    /// A key is there twice, or keys have changed places.
    #[error("the keys are not those of the ring before, in its order, and then new ones: {0}")]
    OutOfOrder(Box<str>),
    /// A new key is anything else than a pending one that was made in this write.
    #[error("the new key {0} is not a Pending one that was made in this write")]
    NotNew(Box<str>),
    /// A key is not what it was.
    #[error("the key {0} changes its public half, its algorithm or the time when it was made")]
    OtherKey(Box<str>),
    /// A key may sign for longer, or for less, than its state allows.
    #[error("the longest lifetime of the key {0} changes, and may only grow, while it is Pending or Active")]
    OtherLongest(Box<str>),
    /// No way leads from the one state to the other.
    #[error("the key {kid} goes from {from} to {to}")]
    NoWay {
        /// Which key.
        kid: Box<str>,
        /// Its state before.
        from: &'static str,
        /// Its state after; `gone` where it is in the ring no more.
        to: &'static str,
    },
    /// A time changes that was set, or is set to another time than that of the write.
    #[error("a time of the key {0} changes after it was set, or is not that of the write")]
    OtherTime(Box<str>),
    /// The key has not been published for long enough.
    #[error("the key {0} is activated before its time")]
    TooEarly(Box<str>),
    /// A cause that does not go with what has happened to the key before it.
    #[error("the key {0} becomes active for a cause that there is none for")]
    WrongCause(Box<str>),
    /// Tokens of the key may still be valid.
    #[error("the key {0} is removed before its time")]
    RemovedTooEarly(Box<str>),
    /// A longer cache time is forgotten while caches go by it.
    #[error("a longer cache time is forgotten before its time")]
    MaxAgeForgotten,
    /// A request is answered, and no key became active.
    #[error("a request for rotation is answered without one")]
    AnsweredForNothing,
}

/// Whether `after` may be written over `before`; `None`: there was no ring.
pub fn successor(before: Option<&Ring>, after: &Ring) -> Result<(), Unlawful> {
    counts(after)?;
    let Some(before) = before else { return is_first(after) };
    if before.issuer != after.issuer {
        return Err(Unlawful::OtherIssuer);
    }
    if after.changes <= before.changes {
        return Err(Unlawful::NotLater { before: before.changes, after: after.changes });
    }
    order(before, after)?;
    for key in &before.keys {
        match after.key(&key.kid) {
            Some(later) => same_key(key, later).and_then(|()| transition(before, key, later, after))?,
            None => may_go(before, key, after)?,
        }
    }
    for key in after.keys.iter().filter(|key| before.key(&key.kid).is_none()) {
        let is_new = key.state == State::Pending { confirmed: None } && key.created == after.written;
        require(is_new, || Unlawful::NotNew(key.kid.clone()))?;
    }
    max_age(before, after)?;
    let activates = after.active().is_some_and(|key| before.key(&key.kid).is_some_and(RingKey::is_pending));
    require(before.answered == after.answered || activates, || Unlawful::AnsweredForNothing)
}

fn counts(ring: &Ring) -> Result<(), Unlawful> {
    require(ring.keys.len() <= MAX_KEYS, || Unlawful::TooManyKeys(ring.keys.len()))?;
    let active = ring.keys.iter().filter(|key| key.is_active()).count();
    require(active <= 1, || Unlawful::NotOneActive(active))?;
    let pending = ring.keys.iter().filter(|key| key.is_pending()).count();
    let is_full = ring.keys.len() == MAX_KEYS;
    require(pending == 1 || (pending == 0 && is_full), || Unlawful::NotOnePending(pending))
}

fn is_first(ring: &Ring) -> Result<(), Unlawful> {
    let since = ring.written;
    let states = [State::Active { since, cause: Cause::First }, State::Pending { confirmed: None }];
    let is_first = ring.keys.iter().map(|key| key.state).eq(states)
        && ring.keys.iter().all(|key| key.created == since)
        && ring.former_max_age.is_none();
    require(is_first, || Unlawful::NotFirst)
}

/// The keys that stay keep their places; new ones come behind.
fn order(before: &Ring, after: &Ring) -> Result<(), Unlawful> {
    let stay = before.keys.iter().filter(|key| after.key(&key.kid).is_some()).map(|key| &key.kid);
    let mut found = after.keys.iter().map(|key| &key.kid);
    for kid in stay {
        require(found.next() == Some(kid), || Unlawful::OutOfOrder(kid.clone()))?;
    }
    for (index, key) in after.keys.iter().enumerate() {
        let is_twice = after.keys.iter().skip(index.saturating_add(1)).any(|other| other.kid == key.kid);
        require(!is_twice, || Unlawful::OutOfOrder(key.kid.clone()))?;
    }
    Ok(())
}

fn same_key(before: &RingKey, after: &RingKey) -> Result<(), Unlawful> {
    let is_same =
        before.public == after.public && before.algorithm == after.algorithm && before.created == after.created;
    require(is_same, || Unlawful::OtherKey(before.kid.clone()))?;
    let may_grow = after.is_active() || after.is_pending();
    let is_lawful = after.longest == before.longest || (may_grow && after.longest > before.longest);
    require(is_lawful, || Unlawful::OtherLongest(before.kid.clone()))
}

/// One key's way from one ring to the next. Several actions of one step may be in it.
fn transition(ring: &Ring, before: &RingKey, after: &RingKey, later: &Ring) -> Result<(), Unlawful> {
    let at_write = |time: UnixTime| require(time == later.written, || Unlawful::OtherTime(before.kid.clone()));
    let unchanged = || require(before.state == after.state, || Unlawful::OtherTime(before.kid.clone()));
    match (before.state, after.state) {
        (State::Pending { confirmed: None }, State::Pending { confirmed }) => confirmed.map_or(Ok(()), at_write),
        (State::Pending { confirmed }, State::Active { since, cause }) => {
            at_write(since)?;
            activation(ring, before, confirmed, cause, later)
        }
        (State::Active { .. }, State::Retiring { since, settled: None }) => at_write(since),
        (State::Retiring { since, settled: None }, State::Retiring { since: since_then, settled }) => {
            require(since == since_then, || Unlawful::OtherTime(before.kid.clone()))?;
            settled.map_or(Ok(()), at_write)
        }
        (State::Pending { .. } | State::Active { .. } | State::Retiring { .. }, State::Compromised { since }) => {
            at_write(since)
        }
        (State::Pending { .. }, State::Pending { .. })
        | (State::Active { .. }, State::Active { .. })
        | (State::Retiring { .. }, State::Retiring { .. })
        | (State::Compromised { .. }, State::Compromised { .. }) => unchanged(),
        (State::Pending { .. }, State::Retiring { .. })
        | (State::Active { .. }, State::Pending { .. } | State::Retiring { settled: Some(_), .. })
        | (State::Retiring { .. }, State::Pending { .. } | State::Active { .. })
        | (State::Compromised { .. }, State::Pending { .. } | State::Active { .. } | State::Retiring { .. }) => {
            let (from, to) = (before.state.as_str(), after.state.as_str());
            Err(Unlawful::NoWay { kid: before.kid.clone(), from, to })
        }
    }
}

/// A key may sign when every replica has published it for as long as an older copy of the JWKS may live; at once, if
/// otherwise nothing could, since the last one that signed is compromised, or has retired without a successor. Whether it
/// retires in this very write because its private half is lost, two rings do not say.
fn activation(
    before: &Ring,
    key: &RingKey,
    confirmed: Option<UnixTime>,
    cause: Cause,
    after: &Ring,
) -> Result<(), Unlawful> {
    match cause {
        Cause::First => Err(Unlawful::WrongCause(key.kid.clone())),
        // That no other key is active any more, the counts say.
        Cause::Compromise | Cause::Lost => {
            require(after.vacancy(&key.kid) == cause, || Unlawful::WrongCause(key.kid.clone()))
        }
        Cause::Schedule | Cause::Algorithm | Cause::Request => {
            require(before.active().is_some(), || Unlawful::WrongCause(key.kid.clone()))?;
            let ready = confirmed.map(|confirmed| before.first_after(confirmed, least_ahead));
            require(ready.is_some_and(|ready| has_come(ready, after.written)), || Unlawful::TooEarly(key.kid.clone()))
        }
    }
}

fn may_go(before: &Ring, key: &RingKey, after: &Ring) -> Result<(), Unlawful> {
    let start = match key.state {
        // It has never signed.
        State::Pending { .. } => return Ok(()),
        State::Retiring { settled: Some(settled), .. } => settled,
        State::Compromised { since } => since,
        State::Active { .. } | State::Retiring { settled: None, .. } => {
            return Err(Unlawful::NoWay { kid: key.kid.clone(), from: key.state.as_str(), to: "gone" });
        }
    };
    let due = before.first_after(start, |max_age| overlap(key.longest, max_age));
    require(has_come(due, after.written), || Unlawful::RemovedTooEarly(key.kid.clone()))
}

/// No write makes the cache time that counts shorter; only time does, once every replica has heard of a shorter one.
fn max_age(before: &Ring, after: &Ring) -> Result<(), Unlawful> {
    let now = after.written;
    let is_confirmed = |key: &RingKey| match key.state {
        State::Pending { confirmed } => confirmed.is_some(),
        State::Active { .. } => true,
        State::Retiring { .. } | State::Compromised { .. } => false,
    };
    let heard = after.keys.iter().any(|key| {
        let was_waiting = before.key(&key.kid).is_some_and(|key| key.state == State::Pending { confirmed: None });
        let is_later = after.former_max_age.as_ref().is_some_and(|former| former.newest != key.kid);
        was_waiting && is_later && is_confirmed(key)
    });
    let is_kept = match (&before.former_max_age, &after.former_max_age) {
        (Some(former), Some(later)) if former.newest == later.newest && former.max_age == later.max_age => {
            former.over == later.over || (former.over.is_none() && later.over == Some(now) && heard)
        }
        (Some(_) | None, Some(later)) => later.over.is_none(),
        // That it does not count any more, the comparison of what counts says.
        (Some(_) | None, None) => true,
    };
    require(is_kept && after.max_age_at(now) >= before.max_age_at(now), || Unlawful::MaxAgeForgotten)
}

fn require(holds: bool, otherwise: impl FnOnce() -> Unlawful) -> Result<(), Unlawful> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
