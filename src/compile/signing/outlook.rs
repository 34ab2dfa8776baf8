//! What becomes of each key of an issuer next: in words for its status, and in times for metrics.
//!
//! It follows from the ring and the schedule alone, so that replicas agree and nothing is written while nothing happens:
//! a time is said as it is, never by how far it is away.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::UnixTime;
use crate::jose::SigningKey;
use crate::resources::SigningKeyState;
use crate::rotation::{Ring, RingKey, Schedule, State};
use crate::snapshot::{KeyLife, KeyState};

/// The keys of a ring: the one that signs, the next, then the others by age, the youngest first.
pub(super) fn of_ring(ring: &Ring, schedule: &Schedule) -> Vec<SigningKeyState> {
    let state = |key: &RingKey| SigningKeyState {
        kid: key.kid.clone(),
        algorithm: key.algorithm.as_str(),
        state: key.state.as_str(),
        signs: key.is_active(),
        since: Some(key.since()),
        next: next(key, ring, schedule),
    };
    in_order(ring).into_iter().map(state).collect()
}

/// The same in times, in the same order.
pub(super) fn lives_of_ring(ring: &Ring, schedule: &Schedule) -> Box<[KeyLife]> {
    let life = |key: &RingKey| KeyLife {
        kid: key.kid.clone(),
        state: match key.state {
            State::Pending { .. } => KeyState::Pending,
            State::Active { .. } => KeyState::Active,
            State::Retiring { .. } => KeyState::Retiring,
            State::Compromised { .. } => KeyState::Compromised,
        },
        since: Some(key.since()),
        due: Some(latest(key, ring, schedule)),
    };
    in_order(ring).into_iter().map(life).collect()
}

/// A key of a user's own has no steps that we take.
pub(super) fn life_of_own(key: &SigningKey, signs: bool) -> KeyLife {
    let state = if signs { KeyState::Active } else { KeyState::Retiring };
    KeyLife { kid: key.thumbprint().to_string().into(), state, since: None, due: None }
}

fn in_order(ring: &Ring) -> Vec<&RingKey> {
    let mut keys: Vec<&RingKey> = ring.keys.iter().collect();
    keys.sort_by_key(|key| (!key.is_active(), !key.is_pending(), std::cmp::Reverse(key.since()), key.kid.clone()));
    keys
}

/// When the next step of a key is to be taken at the latest, if replicas confirm and settle it as fast as they can.
fn latest(key: &RingKey, ring: &Ring, schedule: &Schedule) -> UnixTime {
    let overlap = ring.overlap(key, ring.written);
    match key.state {
        State::Pending { confirmed } => {
            let confirmed = confirmed.unwrap_or(key.created);
            ring.active().map_or(confirmed, |active| activation(active, confirmed, ring, schedule))
        }
        State::Active { .. } => match ring.pending() {
            Some(pending) => latest(pending, ring, schedule),
            None => due(key, schedule),
        },
        State::Retiring { since, settled } => settled.unwrap_or(since).plus(overlap),
        State::Compromised { since } => since.plus(overlap),
    }
}

/// A key of a user's own: the one that signs, or another that is published.
pub(super) fn of_own(key: &SigningKey, signs: bool) -> SigningKeyState {
    let next = if signs { "signs while it is the first of ownKeys" } else { "is published while it is in ownKeys" };
    SigningKeyState {
        kid: key.thumbprint().to_string().into(),
        algorithm: key.algorithm().as_str(),
        state: if signs { "Active" } else { "Published" },
        signs,
        since: None,
        next: next.to_owned(),
    }
}

fn next(key: &RingKey, ring: &Ring, schedule: &Schedule) -> String {
    // What caches may still hold is told as of the last step: a later one is written with its own time.
    let overlap = ring.overlap(key, ring.written);
    match key.state {
        State::Pending { confirmed: None } if ring.active().is_none() => {
            "signs as soon as every ready replica publishes it".to_owned()
        }
        State::Pending { confirmed: None } => {
            let ahead = shown(schedule.ahead(ring, ring.written));
            format!("signs {ahead} after every ready replica publishes it, at the earliest")
        }
        State::Pending { confirmed: Some(confirmed) } => match ring.active() {
            Some(active) => format!("signs at {}", at(activation(active, confirmed, ring, schedule))),
            None => "signs at once".to_owned(),
        },
        State::Active { .. } => match ring.pending().map(|pending| pending.state) {
            Some(State::Pending { confirmed: Some(confirmed) }) => {
                format!("signs until {}", at(activation(key, confirmed, ring, schedule)))
            }
            Some(
                State::Pending { confirmed: None }
                | State::Active { .. }
                | State::Retiring { .. }
                | State::Compromised { .. },
            )
            | None => format!("signs until {} at least", at(due(key, schedule))),
        },
        State::Retiring { settled: None, .. } => {
            format!("is removed {} after every ready replica signs with a later key", shown(overlap))
        }
        State::Retiring { settled: Some(settled), .. } => format!("is removed at {}", at(settled.plus(overlap))),
        State::Compromised { since } => format!("is refused, and forgotten at {}", at(since.plus(overlap))),
    }
}

/// When the pending key, confirmed then, takes over from the active one, if nobody asks for it earlier.
fn activation(active: &RingKey, confirmed: UnixTime, ring: &Ring, schedule: &Schedule) -> UnixTime {
    due(active, schedule).max(confirmed.plus(schedule.ahead(ring, ring.written)))
}

/// Until when the active key should sign.
fn due(active: &RingKey, schedule: &Schedule) -> UnixTime {
    let signs = if active.algorithm == schedule.algorithm() { schedule.every() } else { Duration::ZERO };
    active.since().plus(signs)
}

/// RFC 3339, to the second.
fn at(time: UnixTime) -> String {
    Timestamp::from_second(time.secs()).unwrap_or_default().to_string()
}

/// As policies write it.
fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let parts = [(hours, "h"), (minutes, "m"), (rest, "s")];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if parts.is_empty() { "0s".to_owned() } else { parts.concat() }
}
