//! What to do next.
//!
//! The actions of one step are one write. They follow from what is given alone, and after them, at the same time and with
//! the same words of the replicas, there is nothing more to do: whoever does not know whether a write was done may ask
//! again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::action::{Action, Role};
use super::replicas::Confirmation;
use super::ring::{Cause, Ring, RingKey, State, has_come, overlap};
use super::{KEPT_FREE, MAX_KEYS, Replicas, Schedule, Wishes};
use crate::clock::UnixTime;

/// What to do now, when to ask again, and what is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What to do, in this order, in one write.
    pub actions: Vec<Action>,
    /// When time alone has something else said; `None`: it never has, or the actions come first.
    pub wake: Option<UnixTime>,
    /// What should have been done, and by whom it is held.
    pub held: Vec<Held>,
    /// What comes next for each key, for people to read.
    pub next: Vec<Next>,
}

/// Something that should have been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The key that it is about.
    pub kid: Box<str>,
    /// What.
    pub what: What,
    /// Why not.
    pub waiting: Waiting,
    /// Since when it should have been done.
    pub since: UnixTime,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// These replicas, which are ready and have not said that they have heard.
    Replicas(Vec<Arc<str>>),
    /// Any replica that is ready, and not left out.
    NobodyReady,
    /// Room in the ring: keys that have retired are still needed.
    Room,
}

/// What comes next for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Which key.
    pub kid: Box<str>,
    /// What.
    pub what: What,
    /// When, if all goes well; `None`: as soon as the replicas say so.
    pub when: Option<UnixTime>,
}

/// A step in the life of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Every ready replica publishes it.
    Confirm,
    /// It signs.
    Activate,
    /// It signs no more.
    Retire,
    /// Every ready replica signs with a later one.
    Settle,
    /// It is forgotten.
    Remove,
}

impl What {
    /// The name as status has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "Confirm",
            Self::Activate => "Activate",
            Self::Retire => "Retire",
            Self::Settle => "Settle",
            Self::Remove => "Remove",
        }
    }
}

/// What to do with this ring. `None`: there is none yet, and none is known to have been.
///
/// `private_halves` are the keys whose private half is there. An active key without one is lost: whatever it has signed
/// stays valid, and it signs no more.
pub fn step(
    ring: Option<&Ring>,
    schedule: &Schedule,
    wishes: &Wishes,
    replicas: &Replicas,
    private_halves: &BTreeSet<Box<str>>,
    now: UnixTime,
) -> Step {
    let Some(ring) = ring.filter(|ring| !ring.keys.is_empty()) else { return first(schedule, wishes) };
    let mut course =
        Course { ring: ring.clone(), schedule, wishes, replicas, private_halves, now, actions: Vec::new() };
    course.announce();
    course.compromise();
    course.lose();
    course.discard();
    course.confirm();
    // Before the next one is activated: it makes room.
    course.remove();
    course.activate();
    course.extend();
    course.settle();
    let room = course.create();
    course.outlook(room)
}

/// The first keys of an issuer. Nobody has a token of it, so a wish to rotate is granted by that.
fn first(schedule: &Schedule, wishes: &Wishes) -> Step {
    let create = |role| Action::Create { role, algorithm: schedule.algorithm(), longest: schedule.lifetime() };
    let mut actions = vec![create(Role::First), create(Role::Next)];
    let empty = Ring::new("", schedule.jwks_max_age(), UnixTime::default());
    actions.extend(wishes.unanswered(&empty).map(|word| Action::Answer(word.into())));
    Step { actions, ..Step::default() }
}

/// A step in the making: the ring as it is after the actions so far.
struct Course<'a> {
    ring: Ring,
    schedule: &'a Schedule,
    wishes: &'a Wishes,
    replicas: &'a Replicas,
    private_halves: &'a BTreeSet<Box<str>>,
    now: UnixTime,
    actions: Vec<Action>,
}

impl Course<'_> {
    /// Takes an action that fits the ring; one that does not, which no caller has, is left out.
    fn take(&mut self, action: Action) {
        if let Ok(ring) = self.ring.apply(&action, self.now, None) {
            self.ring = ring;
            self.actions.push(action);
        }
    }

    /// Takes an action for each key that it is due for.
    fn take_for(&mut self, due: impl Fn(&Self, &RingKey) -> bool, action: impl Fn(Box<str>) -> Action) {
        let kids: Vec<Box<str>> =
            self.ring.keys.iter().filter(|key| due(self, key)).map(|key| key.kid.clone()).collect();
        for kid in kids {
            self.take(action(kid));
        }
    }

    fn announce(&mut self) {
        let max_age = self.schedule.jwks_max_age();
        if max_age != self.ring.max_age {
            self.take(Action::Announce { max_age });
        }
    }

    fn compromise(&mut self) {
        self.take_for(
            |course, key| key.is_published() && course.wishes.compromised.contains(&key.kid),
            Action::Compromise,
        );
    }

    fn lose(&mut self) {
        let is_lost = |course: &Self, key: &RingKey| !course.private_halves.contains(&key.kid);
        self.take_for(|course, key| key.is_active() && is_lost(course, key), Action::Lose);
        self.take_for(|course, key| key.is_pending() && is_lost(course, key), Action::Discard);
    }

    /// A pending key of an algorithm that is no longer wanted. While no key signs, one of any algorithm is welcome.
    fn discard(&mut self) {
        if self.ring.active().is_some() {
            self.take_for(
                |course, key| key.is_pending() && key.algorithm != course.schedule.algorithm(),
                Action::Discard,
            );
        }
    }

    fn confirm(&mut self) {
        self.take_for(
            |course, key| {
                key.state == State::Pending { confirmed: None }
                    && course.replicas.publish(&key.kid, course.wishes) == Confirmation::All
            },
            Action::Confirm,
        );
    }

    fn activate(&mut self) {
        let Some(RingKey { kid, state: State::Pending { confirmed: Some(confirmed) }, .. }) = self.ring.pending()
        else {
            return;
        };
        let cause = match self.ring.active() {
            None => Some(self.ring.vacancy(kid)),
            Some(active) if has_come(self.ahead_after(*confirmed), self.now) && self.has_room() => self.reason(active),
            Some(_) => None,
        };
        let Some(cause) = cause else { return };
        let kid = kid.clone();
        let answer = self.wishes.unanswered(&self.ring).map(|word| Action::Answer(word.into()));
        self.take(Action::Activate { kid, cause });
        // Whoever asked for another key has one, whatever it became active for.
        if let Some(answer) = answer {
            self.take(answer);
        }
    }

    fn extend(&mut self) {
        let longest = self.schedule.lifetime();
        self.take_for(
            |_, key| (key.is_active() || key.is_pending()) && key.longest < longest,
            |kid| Action::Extend { kid, longest },
        );
    }

    fn settle(&mut self) {
        self.take_for(
            |course, key| {
                matches!(key.state, State::Retiring { settled: None, .. })
                    && course.replicas.sign_later_than(&key.kid, &course.ring, course.wishes) == Confirmation::All
            },
            Action::Settle,
        );
    }

    fn remove(&mut self) {
        self.take_for(|course, key| course.removal(key).is_some_and(|due| has_come(due, course.now)), Action::Remove);
    }

    /// Makes the next key where there is none; says whether there was room.
    fn create(&mut self) -> bool {
        if self.ring.pending().is_some() {
            return true;
        }
        let room = self.ring.keys.len() < MAX_KEYS;
        if room {
            let (algorithm, longest) = (self.schedule.algorithm(), self.schedule.lifetime());
            // Its public half does not exist yet: it is in no ring of this step.
            self.actions.push(Action::Create { role: Role::Next, algorithm, longest });
        }
        room
    }

    /// Why the active key should be replaced by now.
    fn reason(&self, active: &RingKey) -> Option<Cause> {
        if has_come(active.since().plus(self.schedule.every()), self.now) {
            Some(Cause::Schedule)
        } else if active.algorithm != self.schedule.algorithm() {
            Some(Cause::Algorithm)
        } else {
            self.wishes.unanswered(&self.ring).map(|_| Cause::Request)
        }
    }

    /// Whether a rotation that can wait leaves the room that is kept free.
    fn has_room(&self) -> bool {
        self.ring.keys.len().saturating_add(1).saturating_add(KEPT_FREE) <= MAX_KEYS
    }

    /// When a key that was confirmed then has been published for long enough.
    fn ahead_after(&self, confirmed: UnixTime) -> UnixTime {
        self.ring.first_after(confirmed, |max_age| self.schedule.ahead_of(max_age))
    }

    /// When a key goes, if only time is missing.
    fn removal(&self, key: &RingKey) -> Option<UnixTime> {
        let start = match key.state {
            State::Retiring { settled: Some(settled), .. } => settled,
            State::Compromised { since } => since,
            State::Pending { .. } | State::Active { .. } | State::Retiring { settled: None, .. } => return None,
        };
        Some(self.ring.first_after(start, |max_age| overlap(key.longest, max_age)))
    }

    /// When the active key is to be replaced: now, if there is a reason for it.
    fn due(&self, active: &RingKey) -> UnixTime {
        let due = active.since().plus(self.schedule.every());
        if self.reason(active).is_some() { due.min(self.now) } else { due }
    }
}

// What is said beside the actions, of the ring after them.
impl Course<'_> {
    fn outlook(self, room: bool) -> Step {
        let mut held = Vec::new();
        let mut next = Vec::new();
        let mut wake = Vec::new();
        self.look_at_activation(room, &mut held, &mut wake);
        for key in &self.ring.keys {
            if let Some(due) = self.removal(key) {
                wake.push(due);
            }
            if let State::Retiring { since, settled: None } = key.state {
                let confirmation = self.replicas.sign_later_than(&key.kid, &self.ring, self.wishes);
                held.extend(hold(key, What::Settle, confirmation, since));
            }
            next.push(self.next(key));
        }
        let wake = wake.into_iter().filter(|time| *time > self.now).min();
        Step { actions: self.actions, wake, held, next }
    }

    /// What holds the next key back, or when its time comes.
    fn look_at_activation(&self, room: bool, held: &mut Vec<Held>, wake: &mut Vec<UnixTime>) {
        let active = self.ring.active();
        let since = match active {
            Some(active) => self.due(active),
            None => self.ring.keys.iter().map(RingKey::since).max().unwrap_or(self.now).min(self.now),
        };
        let (Some(pending), true) = (self.ring.pending(), room) else {
            if let Some(key) = active.or(self.ring.keys.last()).filter(|_| !room) {
                held.push(Held { kid: key.kid.clone(), what: What::Activate, waiting: Waiting::Room, since });
            }
            return;
        };
        let State::Pending { confirmed: Some(confirmed) } = pending.state else {
            if has_come(since, self.now) {
                held.extend(hold(pending, What::Activate, self.replicas.publish(&pending.kid, self.wishes), since));
            }
            wake.push(since);
            return;
        };
        let due = since.max(self.ahead_after(confirmed));
        if has_come(due, self.now) && !self.has_room() {
            held.push(Held { kid: pending.kid.clone(), what: What::Activate, waiting: Waiting::Room, since: due });
        }
        wake.push(due);
    }

    fn next(&self, key: &RingKey) -> Next {
        let (what, when) = match key.state {
            State::Pending { confirmed: None } => (What::Confirm, None),
            State::Pending { confirmed: Some(confirmed) } => {
                let ready = self.ahead_after(confirmed);
                (What::Activate, Some(self.ring.active().map_or(self.now, |active| ready.max(self.due(active)))))
            }
            State::Active { .. } => {
                let due = self.due(key);
                let when = match self.ring.pending().map(|pending| pending.state) {
                    Some(State::Pending { confirmed: Some(confirmed) }) => Some(due.max(self.ahead_after(confirmed))),
                    Some(
                        State::Pending { confirmed: None }
                        | State::Active { .. }
                        | State::Retiring { .. }
                        | State::Compromised { .. },
                    )
                    | None => (!has_come(due, self.now)).then_some(due),
                };
                (What::Retire, when)
            }
            State::Retiring { settled: None, .. } => (What::Settle, None),
            State::Retiring { settled: Some(_), .. } | State::Compromised { .. } => (What::Remove, self.removal(key)),
        };
        Next { kid: key.kid.clone(), what, when }
    }
}

/// What is held, if anybody is waited for.
fn hold(key: &RingKey, what: What, confirmation: Confirmation, since: UnixTime) -> Option<Held> {
    let waiting = match confirmation {
        Confirmation::All => return None,
        Confirmation::WaitingFor(names) => Waiting::Replicas(names),
        Confirmation::NobodyReady => Waiting::NobodyReady,
    };
    Some(Held { kid: key.kid.clone(), what, waiting, since })
}
