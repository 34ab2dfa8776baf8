//! Mends a ring that somebody has put back from a backup, or that is gone.

use super::ring::{FormerMaxAge, Ring, RingKey, State};
use crate::clock::UnixTime;

/// The ring to go on from, of the last one known and the one that was found. It is the found one, unless that is older
/// than what is known: then a private half does not come back, nor does a key that is gone, and of each key the state that
/// is furthest along counts.
///
/// Where the result is not what was found it is to be written, with what [`step`](super::step()) makes of it. Keys whose
/// private half has not come back with it `step` is told of. The last one known is to be kept after every write and not
/// before: of a write that was not done nothing must be known.
pub fn reconcile(last: &Ring, found: Option<&Ring>, now: UnixTime) -> Ring {
    let (newer, older) = match found {
        Some(found) if found == last => return found.clone(),
        Some(found) if found.changes > last.changes => (found, Some(last)),
        other => (last, other),
    };
    let mut ring = newer.clone();
    for key in &mut ring.keys {
        if let Some(other) = older.and_then(|older| older.key(&key.kid)) {
            key.state = furthest(key.state, other.state);
            key.longest = key.longest.max(other.longest);
        }
    }
    retire_all_but_last(&mut ring, now);
    // Replicas have read what was found, and announced its time.
    if let Some(found) = found
        && found.max_age > ring.max_age_at(now)
        && let Some(newest) = ring.keys.last()
    {
        let newest = newest.kid.clone();
        ring.former_max_age = Some(FormerMaxAge { max_age: found.max_age, newest, over: None });
    }
    if found != Some(&ring) {
        let changes = found.map_or(0, |found| found.changes);
        ring.changes = last.changes.max(changes).saturating_add(1);
        ring.written = now;
    }
    ring
}

/// The state that is further along; of two times, the later: waits get longer by that, never shorter.
fn furthest(one: State, other: State) -> State {
    let place = |state: State| match state {
        State::Pending { confirmed } => (0, confirmed),
        State::Active { since, .. } => (1, Some(since)),
        State::Retiring { settled, .. } => (2, settled),
        State::Compromised { since } => (3, Some(since)),
    };
    if place(other) > place(one) { other } else { one }
}

/// Two histories may each have had an active key: the later one goes on.
fn retire_all_but_last(ring: &mut Ring, now: UnixTime) {
    let active: Vec<Box<str>> = ring.keys.iter().filter(|key| key.is_active()).map(|key| key.kid.clone()).collect();
    let earlier = active.split_last().map_or(&[][..], |(_, earlier)| earlier);
    let is_earlier = |key: &&mut RingKey| earlier.contains(&key.kid);
    for key in ring.keys.iter_mut().filter(is_earlier) {
        key.state = State::Retiring { since: now, settled: None };
    }
}
