//! The table of states in `docs/signing-keys.md`, row by row: what is in the Secret, what is in the JWKS, what comes next
//! and when, and what happens if nobody wrote it down.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::pool::{half, key};
use super::{assert_rows, at, secs};
use crate::clock::UnixTime;
use crate::jose::Algorithm;
use crate::rotation::{
    Action, Cause, Held, Next, Replicas, Report, Ring, Role, Schedule, State, Step, Times, Waiting, What, Wishes, step,
    successor,
};

const PENDING: State = State::Pending { confirmed: None };

fn pending(confirmed: i64) -> State {
    State::Pending { confirmed: Some(at(confirmed)) }
}

fn active(since: i64) -> State {
    State::Active { since: at(since), cause: Cause::First }
}

fn retiring(since: i64, settled: Option<i64>) -> State {
    State::Retiring { since: at(since), settled: settled.map(at) }
}

fn compromised(since: i64) -> State {
    State::Compromised { since: at(since) }
}

/// `ahead` is 100 s, `overlap` 600 s + 30 s + 50 s.
fn schedule(algorithm: Algorithm) -> Schedule {
    let times = Times { every: secs(1_000), publish_ahead: secs(100), lifetime: secs(600), jwks_max_age: secs(50) };
    Schedule::new(algorithm, times).unwrap()
}

/// What is given to a step. Keys are called by their place in the ring.
struct Given {
    ring: Ring,
    algorithm: Algorithm,
    wishes: Wishes,
    replicas: Replicas,
    halves: BTreeSet<Box<str>>,
}

impl Given {
    /// Keys in these states, with their private halves, and two replicas that have heard of nothing.
    fn new(states: &[State]) -> Self {
        let mut ring = Ring::new("https://gw.example.com", secs(50), at(0));
        ring.keys = states.iter().enumerate().map(|(number, state)| key(number, *state)).collect();
        let halves = ring.with_private_half().map(|key| key.kid.clone()).collect();
        let replicas = ["a", "b"].map(|name| (Arc::from(name), Report::default()));
        let replicas = Replicas(replicas.into_iter().collect());
        Self { ring, algorithm: Algorithm::ES256, wishes: Wishes::default(), replicas, halves }
    }

    fn kid(&self, number: usize) -> Box<str> {
        self.ring.keys[number].kid.clone()
    }

    /// This replica has said that it publishes all keys up to this one, and signs with that one.
    fn said(mut self, name: &str, published: usize, signs: usize) -> Self {
        let published = (0..=published).map(|number| self.kid(number)).collect();
        let signs = Some(self.kid(signs));
        self.replicas.0.insert(name.into(), Report { published, signs });
        self
    }

    fn both_said(self, published: usize, signs: usize) -> Self {
        self.said("a", published, signs).said("b", published, signs)
    }

    fn nobody_ready(mut self) -> Self {
        self.replicas.0.clear();
        self
    }

    fn rotate(mut self, word: &str) -> Self {
        self.wishes.rotate = Some(word.into());
        self
    }

    fn answered(mut self, word: &str) -> Self {
        self.ring.answered = Some(word.into());
        self
    }

    fn despite(mut self, name: &str) -> Self {
        self.wishes.despite.insert(name.into());
        self
    }

    fn compromised(mut self, number: usize) -> Self {
        let kid = self.kid(number);
        self.wishes.compromised.insert(kid);
        self
    }

    fn lost(mut self, number: usize) -> Self {
        let kid = self.kid(number);
        self.halves.remove(&kid);
        self
    }

    fn wanted(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    fn step(&self, now: UnixTime) -> Step {
        let schedule = schedule(self.algorithm);
        step(Some(&self.ring), &schedule, &self.wishes, &self.replicas, &self.halves, now)
    }

    /// What is done at this second, in words: actions, then `|` and the second of the next wake-up.
    fn does(&self, second: i64) -> String {
        let step = self.step(at(second));
        self.is_lawful(&step, at(second));
        let actions: Vec<String> = step.actions.iter().map(|action| self.word(action)).collect();
        let wake = step.wake.map_or("-".to_owned(), |wake| (wake.secs() - at(0).secs()).to_string());
        format!("{} | {wake}", actions.join(", "))
    }

    fn word(&self, action: &Action) -> String {
        let number = |kid: &str| self.ring.keys.iter().position(|key| *key.kid == *kid).unwrap();
        match action {
            Action::Create { role, algorithm, .. } => format!("Create {role:?} {algorithm}"),
            Action::Activate { kid, cause } => format!("Activate {} {cause:?}", number(kid)),
            Action::Extend { kid, longest } => format!("Extend {} {longest:?}", number(kid)),
            Action::Announce { max_age } => format!("Announce {max_age:?}"),
            Action::Answer(word) => format!("Answer {word}"),
            Action::Confirm(kid)
            | Action::Lose(kid)
            | Action::Settle(kid)
            | Action::Remove(kid)
            | Action::Compromise(kid)
            | Action::Discard(kid) => format!("{} {}", action.as_str(), number(kid)),
        }
    }

    /// Whatever a step does is a legal write, and leaves nothing to do.
    fn is_lawful(&self, steps: &Step, now: UnixTime) {
        if steps.actions.is_empty() {
            return;
        }
        let mut after = self.ring.clone();
        let mut halves = self.halves.clone();
        for action in &steps.actions {
            let made = if let Action::Create { algorithm, .. } = action { Some(half(*algorithm, 99)) } else { None };
            halves.extend(made.iter().map(|made| made.kid().into()));
            after = after.apply(action, now, made).unwrap();
        }
        assert_eq!(successor(Some(&self.ring), &after), Ok(()), "{:?}", steps.actions);
        let again = step(Some(&after), &schedule(self.algorithm), &self.wishes, &self.replicas, &halves, now);
        assert_eq!(again.actions, []);
    }
}

/// Rows of the table: what is given, at which second, what is done.
fn assert_does<const N: usize>(rows: [(&str, Given, i64, &str); N]) {
    assert_rows(rows.map(|(name, given, now, expected)| (name, given.does(now), expected.to_owned())));
}

#[test]
fn the_secret_and_the_jwks_have_what_the_table_says() {
    let states = [PENDING, pending(0), active(0), retiring(0, None), retiring(0, Some(0)), compromised(0)];
    let rows = states.map(|state| {
        let given = Given::new(&[state]);
        let ring = &given.ring;
        let found = (ring.with_private_half().count(), ring.published().count(), ring.active().is_some());
        let expected = match state {
            State::Pending { .. } => (1, 1, false),
            State::Active { .. } => (1, 1, true),
            State::Retiring { .. } => (0, 1, false),
            State::Compromised { .. } => (0, 0, false),
        };
        (format!("{state:?}"), found, expected)
    });
    assert_rows(rows);
}

#[test]
fn the_first_key_signs_at_once_with_a_pending_one_beside_it() {
    let create =
        |role| Action::Create { role, algorithm: Algorithm::ES256, longest: schedule(Algorithm::ES256).lifetime() };
    let keys = || vec![create(Role::First), create(Role::Next)];
    let ask = |wishes: &Wishes| {
        step(None, &schedule(Algorithm::ES256), wishes, &Replicas::default(), &BTreeSet::new(), at(0)).actions
    };
    let word = Wishes { rotate: Some("now".into()), ..Wishes::default() };
    assert_eq!(ask(&Wishes::default()), keys());
    assert_eq!(ask(&word), [keys(), vec![Action::Answer("now".into())]].concat());
}

#[test]
fn a_pending_key_is_confirmed_when_every_ready_replica_publishes_it() {
    let given = || Given::new(&[active(0), PENDING]);
    assert_does([
        ("nobody has said anything", given(), 5, " | 1000"),
        ("one has not", given().said("a", 1, 0), 5, " | 1000"),
        ("one publishes another", given().said("a", 1, 0).said("b", 0, 0), 5, " | 1000"),
        ("nobody is ready", given().nobody_ready(), 5, " | 1000"),
        ("nobody is ready but who is left out", given().both_said(1, 0).despite("a").despite("b"), 5, " | 1000"),
        ("all have, long after", given().both_said(1, 0), 5_000, "Confirm 1 | 5100"),
        ("all have", given().both_said(1, 0), 5, "Confirm 1 | 1000"),
        ("all have but who is left out", given().said("a", 1, 0).despite("b"), 5, "Confirm 1 | 1000"),
    ]);
}

#[test]
fn a_confirmed_key_signs_after_ahead_and_when_the_active_one_has_had_its_time() {
    let given = |since, confirmed| Given::new(&[active(since), pending(confirmed)]);
    let done = "Activate 1 Schedule, Create Next ES256 | -";
    assert_does([
        ("before both", given(0, 950), 999, " | 1050"),
        ("every over, ahead not", given(0, 950), 1_049, " | 1050"),
        ("ahead over, every not", given(0, 5), 999, " | 1000"),
        ("a clock that was ahead when it was confirmed", given(0, 9_000), 1_000, " | 9100"),
        ("a clock that was ahead when the other became active", given(9_000, 5), 1_000, " | 10000"),
        ("not confirmed", Given::new(&[active(0), PENDING]), 1_000, " | -"),
        ("every, to the second", given(0, 5), 1_000, done),
        ("ahead, to the second", given(0, 950), 1_050, done),
        ("a leader that comes late", given(0, 5), 77_777, done),
        ("a leader that comes late, and nobody is ready", given(0, 5).nobody_ready(), 77_777, done),
    ]);
}

#[test]
fn a_request_is_done_once_for_each_word_after_ahead() {
    let given = |confirmed| Given::new(&[active(0), pending(confirmed)]);
    let done = "Activate 1 Request, Answer w, Create Next ES256 | -";
    assert_does([
        ("before ahead", given(5).rotate("w"), 104, " | 105"),
        ("a word that is done", given(5).rotate("w").answered("w"), 105, " | 1000"),
        ("not confirmed", Given::new(&[active(0), PENDING]).rotate("w"), 105, " | -"),
        ("no word, and an answered one", given(5).answered("w"), 105, " | 1000"),
        ("after ahead", given(5).rotate("w"), 105, done),
        ("another word than the last", given(5).rotate("w").answered("v"), 105, done),
        (
            "on schedule, which answers it too",
            given(5).rotate("w"),
            1_000,
            "Activate 1 Schedule, Answer w, Create Next ES256 | -",
        ),
    ]);
    let long = |tail: &str| Given::new(&[active(0), pending(5)]).rotate(&format!("{}{tail}", "é".repeat(64)));
    let first = long("x").step(at(105)).actions;
    assert!(first.contains(&Action::Answer("é".repeat(64).into())));
    assert_eq!(long("y").answered(&"é".repeat(64)).step(at(105)).actions, []);
}

#[test]
fn another_algorithm_takes_a_new_pending_key_and_then_a_rotation() {
    use Algorithm::{ES384, Ed25519};
    let given = || Given::new(&[active(0), pending(5)]).wanted(ES384);
    let mut ready = given();
    let made = half(ES384, 0).into_parts();
    (ready.ring.keys[1].kid, ready.ring.keys[1].public) = made;
    ready.ring.keys[1].algorithm = ES384;
    ready.halves.insert(ready.ring.keys[1].kid.clone());
    assert_does([
        ("the pending one is replaced", given(), 10, "Discard 1, Create Next ES384 | -"),
        ("even when its time has come", given(), 1_000, "Discard 1, Create Next ES384 | -"),
        ("while no key signs, one of any algorithm will do", given().compromised(0), 10, {
            "Compromise 0, Activate 1 Compromise, Create Next ES384 | 690"
        }),
    ]);
    assert_eq!(ready.does(104), " | 105");
    assert_eq!(ready.does(105), "Activate 1 Algorithm, Create Next ES384 | -");
    assert_eq!(ready.wanted(Ed25519).does(105), "Discard 1, Create Next Ed25519 | -");
}

#[test]
fn a_retiring_key_settles_when_every_ready_replica_signs_with_a_later_one() {
    let given = || Given::new(&[retiring(0, Some(0)), retiring(100, None), active(100), PENDING]);
    assert_does([
        ("nobody has said anything", given(), 105, " | 680"),
        ("one signs with it", given().said("a", 3, 2).said("b", 2, 1), 105, " | 680"),
        ("one signs with an earlier one, and may come past it", given().said("a", 3, 2).said("b", 2, 0), 105, " | 680"),
        ("nobody is ready", given().nobody_ready(), 105, " | 680"),
        ("all sign with the next", given().both_said(2, 2), 105, "Settle 1 | 680"),
        ("all but who is left out", given().said("a", 2, 2).despite("b"), 105, "Settle 1 | 680"),
    ]);
}

#[test]
fn a_settled_key_goes_after_overlap_and_a_compromised_one_too() {
    let rest = [active(100), PENDING];
    let given = |state| Given::new(&[&[state][..], &rest].concat());
    let mut short = given(retiring(100, Some(200)));
    short.ring.keys[0].longest = secs(10);
    assert_does([
        ("before it", given(retiring(100, Some(200))), 879, " | 880"),
        ("not settled", given(retiring(100, None)), 99_999, " | -"),
        ("settled by a clock that was ahead", given(retiring(100, Some(5_000))), 880, " | 1100"),
        ("a compromised one, before it", given(compromised(200)), 879, " | 880"),
        ("to the second", given(retiring(100, Some(200))), 880, "Remove 0 | 1100"),
        ("a compromised one, to the second", given(compromised(200)), 880, "Remove 0 | 1100"),
        ("one that never signed for long goes by its own time", short, 290, "Remove 0 | 1100"),
    ]);
}

#[test]
fn a_compromised_key_leaves_at_once_whatever_it_was() {
    let given = || Given::new(&[retiring(0, None), active(0), pending(5)]);
    let unconfirmed = || Given::new(&[active(0), PENDING]);
    assert_does([
        (
            "one that is compromised already",
            Given::new(&[compromised(0), active(0), PENDING]).compromised(0),
            10,
            " | 680",
        ),
        (
            "the active one, and the pending one is confirmed",
            given().compromised(1),
            10,
            "Compromise 1, Activate 2 Compromise, Create Next ES256 | 690",
        ),
        (
            "the active one, and the pending one is not confirmed",
            unconfirmed().compromised(0),
            10,
            "Compromise 0 | 690",
        ),
        (
            "the active one, and the pending one is confirmed now",
            unconfirmed().compromised(0).both_said(1, 0),
            10,
            "Compromise 0, Confirm 1, Activate 1 Compromise, Create Next ES256 | 690",
        ),
        ("the pending one", given().compromised(2), 10, "Compromise 2, Create Next ES256 | 690"),
        ("a retiring one", given().compromised(0), 10, "Compromise 0 | 690"),
        (
            "both that could sign",
            given().compromised(1).compromised(2),
            10,
            "Compromise 1, Compromise 2, Create Next ES256 | 690",
        ),
        (
            "with a request, which is answered by it",
            given().compromised(1).rotate("w"),
            10,
            "Compromise 1, Activate 2 Compromise, Answer w, Create Next ES256 | 690",
        ),
    ]);
}

#[test]
fn without_an_active_key_a_confirmed_one_signs_at_once() {
    let given = |state| Given::new(&[compromised(0), state]);
    assert_does([
        ("not confirmed", given(PENDING), 10, " | 680"),
        ("confirmed by some", given(PENDING).said("a", 1, 0), 10, " | 680"),
        (
            "confirmed now",
            given(PENDING).both_said(1, 0),
            10,
            "Confirm 1, Activate 1 Compromise, Create Next ES256 | 680",
        ),
        ("confirmed before", given(pending(9)), 10, "Activate 1 Compromise, Create Next ES256 | 680"),
        ("after a loss", Given::new(&[retiring(0, None), pending(9)]), 10, "Activate 1 Lost, Create Next ES256 | -"),
    ]);
}

#[test]
fn a_key_without_its_private_half_does_not_sign() {
    let given = |state| Given::new(&[active(0), state]);
    assert_does([
        ("the pending one", given(pending(5)).lost(1), 10, "Discard 1, Create Next ES256 | -"),
        ("both", given(pending(5)).lost(0).lost(1), 10, "Lose 0, Discard 1, Create Next ES256 | -"),
        ("the active one, and the pending one is not confirmed", given(PENDING).lost(0), 10, "Lose 0 | -"),
        (
            "the active one, and the pending one is confirmed",
            given(pending(5)).lost(0),
            10,
            "Lose 0, Activate 1 Lost, Create Next ES256 | -",
        ),
        ("neither", given(pending(5)), 10, " | 1000"),
    ]);
}

#[test]
fn tokens_live_longer_only_after_the_ring_says_so_and_the_cache_time_likewise() {
    let mut given = Given::new(&[retiring(0, None), active(0), pending(5)]);
    for key in &mut given.ring.keys {
        key.longest = secs(300);
    }
    given.ring.max_age = secs(20);
    assert_eq!(given.does(10), "Announce 50s, Extend 1 600s, Extend 2 600s | 1000");
    for key in &mut given.ring.keys {
        key.longest = secs(700);
    }
    given.ring.max_age = secs(500);
    assert_eq!(given.does(10), "Announce 50s | 1000");
}

#[test]
fn a_cache_time_that_was_longer_counts_until_no_cache_can_have_it() {
    let mut ring = Given::new(&[active(0), pending(5)]).ring;
    ring.max_age = secs(500);
    let apply = |ring: &Ring, action: Action, second: i64| ring.apply(&action, at(second), None).unwrap();
    let schedule = schedule(Algorithm::ES256);
    let lowered = apply(&ring, Action::Announce { max_age: secs(50) }, 10);
    assert_eq!(schedule.ahead(&lowered, at(1_000_000)), secs(503), "replicas may not have heard of it");
    assert_eq!(lowered.overlap(&lowered.keys[0], at(1_000_000)), secs(600 + 30 + 500));

    // The key that was there when it was lowered says nothing of it; one that was made later does.
    let mut waiting = lowered.clone();
    waiting.keys[1].state = PENDING;
    let confirmed = apply(&waiting, Action::Confirm(waiting.keys[1].kid.clone()), 20);
    assert_eq!(schedule.ahead(&confirmed, at(1_000_000)), secs(503));
    let mut later = waiting.clone();
    later.keys[1] = key(2, PENDING);
    let confirmed = apply(&later, Action::Confirm(later.keys[1].kid.clone()), 20);
    assert_eq!(schedule.ahead(&confirmed, at(20 + 502)), secs(503));
    assert_eq!(schedule.ahead(&confirmed, at(20 + 503)), secs(100));

    // So whoever waits for `ahead` or `overlap` wakes when the shorter time begins to count, and not before.
    let mut given = Given::new(&[retiring(0, Some(0)), active(0), pending(100)]);
    given.ring.former_max_age = confirmed.former_max_age.clone();
    assert_eq!(given.does(100), " | 680");
    given.ring.former_max_age.as_mut().unwrap().over = Some(at(400));
    assert_eq!(given.does(679), " | 903");
    assert_eq!(given.does(903), "Remove 0 | 1000");

    let twice =
        apply(&apply(&lowered, Action::Announce { max_age: secs(40) }, 11), Action::Announce { max_age: secs(30) }, 12);
    assert_eq!(twice.max_age_at(at(13)), secs(500), "the longest of those that count");
    let raised = apply(&lowered, Action::Announce { max_age: secs(900) }, 11);
    assert_eq!(raised.max_age_at(at(11)), secs(900));
}

#[test]
fn a_rotation_that_can_wait_leaves_room_and_one_that_cannot_takes_it() {
    let with =
        |retired: usize, last: [State; 2]| Given::new(&[vec![retiring(0, Some(900)); retired], last.to_vec()].concat());
    let room = [active(0), pending(5)];
    let held = |given: Given, second| {
        let held = given.step(at(second)).held;
        held.into_iter().map(|held| (held.what, held.waiting, held.since)).collect::<Vec<_>>()
    };
    let done = "Activate 10 Schedule, Create Next ES256 | 1580";
    assert_does([
        ("on schedule, without room", with(10, room), 1_000, " | 1580"),
        ("by request, without room", with(10, room).rotate("w"), 500, " | 1580"),
        ("on schedule, with room", with(9, room), 1_000, done),
        (
            "on schedule, when there is room again",
            with(10, room),
            1_580,
            "Remove 0, Remove 1, Remove 2, Remove 3, Remove 4, Remove 5, Remove 6, Remove 7, Remove 8, Remove 9, \
             Activate 11 Schedule, Create Next ES256 | -",
        ),
        (
            "compromised, without that room",
            with(13, room).compromised(13),
            1_000,
            "Compromise 13, Activate 14 Compromise, Create Next ES256 | 1580",
        ),
        (
            "compromised, without any room",
            with(14, room).compromised(14),
            1_000,
            "Compromise 14, Activate 15 Compromise | 1580",
        ),
        (
            "room for the next, at last",
            with(14, [compromised(0), active(900)]),
            1_000,
            "Remove 14, Create Next ES256 | 1580",
        ),
    ]);
    let due = [(What::Activate, Waiting::Room, at(1_000))];
    assert_eq!(held(with(10, room), 1_003), due);
    assert_eq!(held(with(9, room), 999), []);
    let full = with(14, [active(900), active(900)]);
    assert_eq!(held(full, 1_003).len(), 1);
}

#[test]
fn who_is_waited_for_is_named_from_when_it_is_due() {
    let held = |given: &Given, second: i64| given.step(at(second)).held;
    let given = Given::new(&[active(0), PENDING]).said("a", 1, 0);
    let waits = |kid: usize, what, names: &[&str], since: i64| Held {
        kid: given.kid(kid),
        what,
        waiting: Waiting::Replicas(names.iter().map(|name| Arc::from(*name)).collect()),
        since: at(since),
    };
    assert_eq!(held(&given, 999), []);
    assert_eq!(held(&given, 1_003), [waits(1, What::Activate, &["b"], 1_000)]);
    let asked = Given::new(&[active(0), PENDING]).rotate("w");
    assert_eq!(held(&asked, 7), [waits(1, What::Activate, &["a", "b"], 7)]);
    let gone = Given::new(&[compromised(0), PENDING]).nobody_ready();
    let nobody = Held { waiting: Waiting::NobodyReady, ..waits(1, What::Activate, &[], 0) };
    assert_eq!(held(&gone, 7), [nobody]);
    let retired = Given::new(&[retiring(3, None), active(3), PENDING]).said("a", 2, 1);
    assert_eq!(held(&retired, 7), [waits(0, What::Settle, &["b"], 3)]);
}

#[test]
fn status_says_what_comes_next_for_each_key_and_when() {
    let next = |given: &Given, second: i64| {
        let next = given.step(at(second)).next;
        next.into_iter()
            .map(|Next { what, when, .. }| (what, when.map(|when| when.secs() - at(0).secs())))
            .collect::<Vec<_>>()
    };
    let states = [compromised(0), retiring(0, Some(10)), retiring(20, None), active(20), pending(50)];
    let expected = [
        (What::Remove, Some(680)),
        (What::Remove, Some(690)),
        (What::Settle, None),
        (What::Retire, Some(1_020)),
        (What::Activate, Some(1_020)),
    ];
    assert_eq!(next(&Given::new(&states), 60), expected);
    let asked = [(What::Retire, Some(150)), (What::Activate, Some(150))];
    assert_eq!(next(&Given::new(&[active(20), pending(50)]).rotate("w"), 60), asked);
    let waiting = [(What::Retire, Some(1_020)), (What::Confirm, None)];
    assert_eq!(next(&Given::new(&[active(20), PENDING]), 60), waiting);
    assert_eq!(next(&Given::new(&[active(20), PENDING]), 2_000), [(What::Retire, None), (What::Confirm, None)]);
}
