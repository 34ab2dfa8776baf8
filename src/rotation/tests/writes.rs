//! Which ring may be written over which: one row for each rule, beside the write that keeps it.

use proptest::prelude::*;

use super::documents::any_ring;
use super::pool::{half, key};
use super::{assert_rows, at, secs};
use crate::jose::Algorithm;
use crate::rotation::{
    Action, Cause, FormerMaxAge, NotApplicable, Ring, RingKey, Role, State, Unlawful, reconcile, successor,
};

const PENDING: State = State::Pending { confirmed: None };

/// When the write is made that is judged.
const NOW: i64 = 1_000;

fn active(since: i64, cause: Cause) -> State {
    State::Active { since: at(since), cause }
}

fn pending(confirmed: i64) -> State {
    State::Pending { confirmed: Some(at(confirmed)) }
}

fn retiring(since: i64, settled: Option<i64>) -> State {
    State::Retiring { since: at(since), settled: settled.map(at) }
}

fn compromised(since: i64) -> State {
    State::Compromised { since: at(since) }
}

/// A ring of keys 0, 1, … in these states; `overlap` is 700 s, the least `ahead` 73 s.
fn ring(states: &[State]) -> Ring {
    let mut ring = Ring::new("https://gw.example.com", secs(70), at(0));
    ring.changes = 1;
    ring.keys = states.iter().enumerate().map(|(number, state)| key(number, *state)).collect();
    ring
}

/// What is written over `before`: these keys, by their numbers, in these states. Those that are new are made now.
fn next(before: &Ring, keys: &[(usize, State)]) -> Ring {
    let created = |key: RingKey| {
        let created = before.key(&key.kid).map_or(at(NOW), |key| key.created);
        RingKey { created, ..key }
    };
    let keys = keys.iter().map(|(number, state)| created(key(*number, *state))).collect();
    Ring { changes: before.changes + 1, written: at(NOW), keys, ..before.clone() }
}

fn kid(number: usize) -> Box<str> {
    key(number, PENDING).kid
}

/// A write over a ring of three keys: one that retires, one that signs, one that is to come.
fn write(states: [State; 3], keys: &[(usize, State)]) -> Result<(), Unlawful> {
    let before = ring(&states);
    successor(Some(&before), &next(&before, keys))
}

const SIGNS: State = State::Active { since: crate::clock::UnixTime::from_secs(1_800_000_000), cause: Cause::First };

#[test]
fn states_move_along_the_table_only() {
    let no_way = |number, from, to| Err(Unlawful::NoWay { kid: kid(number), from, to });
    let three = [retiring(0, Some(100)), SIGNS, pending(100)];
    let now = |cause| active(NOW, cause);
    let still = [(0, three[0]), (1, three[1]), (2, three[2])];
    let put = |place: usize, state| {
        let mut keys = still;
        keys[place].1 = state;
        keys.to_vec()
    };
    let rotated = |cause| vec![(0, three[0]), (1, retiring(NOW, None)), (2, now(cause)), (3, PENDING)];
    assert_rows([
        ("one that signed signs again", write(three, &put(0, now(Cause::Request))), Err(Unlawful::NotOneActive(2))),
        (
            "one that retired signs again, alone",
            write(three, &[(0, now(Cause::Request)), (1, retiring(NOW, None)), (2, three[2])]),
            no_way(0, "Retiring", "Active"),
        ),
        ("one that signs is to come", write(three, &[(0, three[0]), (1, PENDING)]), no_way(1, "Active", "Pending")),
        (
            "one that is to come retires",
            write(three, &[still[0], still[1], (2, retiring(NOW, None)), (3, PENDING)]),
            no_way(2, "Pending", "Retiring"),
        ),
        ("one that signs goes", write(three, &[still[0], still[2]]), no_way(1, "Active", "gone")),
        (
            "one goes that has not settled",
            write([retiring(0, None), SIGNS, PENDING], &[(1, SIGNS), (2, PENDING)]),
            no_way(0, "Retiring", "gone"),
        ),
        (
            "a compromised one comes back",
            write([compromised(0), SIGNS, PENDING], &[(0, retiring(0, None)), (1, SIGNS), (2, PENDING)]),
            no_way(0, "Compromised", "Retiring"),
        ),
        ("a settled one does not settle", write(three, &put(0, retiring(0, None))), Err(Unlawful::OtherTime(kid(0)))),
        ("a confirmed one is not confirmed", write(three, &put(2, PENDING)), Err(Unlawful::OtherTime(kid(2)))),
        ("another time of confirmation", write(three, &put(2, pending(101))), Err(Unlawful::OtherTime(kid(2)))),
        (
            "another time of activation",
            write(three, &put(1, active(1, Cause::First))),
            Err(Unlawful::OtherTime(kid(1))),
        ),
        ("another cause", write(three, &put(1, active(0, Cause::Lost))), Err(Unlawful::OtherTime(kid(1)))),
        (
            "confirmed at another time than now",
            write([three[0], SIGNS, PENDING], &put(2, pending(NOW - 1))),
            Err(Unlawful::OtherTime(kid(2))),
        ),
        (
            "compromised at another time than now",
            write(three, &put(0, compromised(0))),
            Err(Unlawful::OtherTime(kid(0))),
        ),
        ("confirmed now", write([three[0], SIGNS, PENDING], &put(2, pending(NOW))), Ok(())),
        (
            "settled now",
            write([retiring(0, None), SIGNS, PENDING], &[(0, retiring(0, Some(NOW))), (1, SIGNS), (2, PENDING)]),
            Ok(()),
        ),
        ("compromised now", write(three, &put(0, compromised(NOW))), Ok(())),
        ("lost", write(three, &put(1, retiring(NOW, None))), Ok(())),
        ("the one to come is another", write(three, &[still[0], still[1], (3, PENDING)]), Ok(())),
        ("a rotation on schedule", write(three, &rotated(Cause::Schedule)), Ok(())),
        ("a rotation as if it were the first", write(three, &rotated(Cause::First)), Err(Unlawful::WrongCause(kid(2)))),
        (
            "on schedule, with no key to follow",
            write(
                [three[0], compromised(0), three[2]],
                &[(0, three[0]), (1, compromised(0)), (2, now(Cause::Schedule)), (3, PENDING)],
            ),
            Err(Unlawful::WrongCause(kid(2))),
        ),
        ("without one to come", write(three, &rotated(Cause::Schedule)[..3]), Err(Unlawful::NotOnePending(0))),
        (
            "with two to come",
            write(three, &[still[0], still[1], still[2], (3, PENDING)]),
            Err(Unlawful::NotOnePending(2)),
        ),
    ]);
}

#[test]
fn a_key_signs_at_once_only_after_one_that_cannot() {
    let three = [retiring(0, Some(100)), SIGNS, PENDING];
    let now = |cause| active(NOW, cause);
    let rotated = |cause| vec![(0, three[0]), (1, retiring(NOW, None)), (2, now(cause)), (3, PENDING)];
    assert_rows([
        (
            "after a compromise, with no key to follow",
            write(
                [three[0], compromised(0), PENDING],
                &[(0, three[0]), (1, compromised(0)), (2, now(Cause::Compromise)), (3, PENDING)],
            ),
            Ok(()),
        ),
        (
            "after a compromise, and nothing is compromised",
            write(three, &rotated(Cause::Compromise)),
            Err(Unlawful::WrongCause(kid(2))),
        ),
        (
            "after a compromise that was before the last rotation",
            write(
                [compromised(0), SIGNS, PENDING],
                &[(0, compromised(0)), (1, retiring(NOW, None)), (2, now(Cause::Compromise)), (3, PENDING)],
            ),
            Err(Unlawful::WrongCause(kid(2))),
        ),
        (
            "after a compromise in this write",
            write(
                [three[0], SIGNS, PENDING],
                &[(0, three[0]), (1, compromised(NOW)), (2, now(Cause::Compromise)), (3, PENDING)],
            ),
            Ok(()),
        ),
        (
            "after a loss, and the last one is compromised",
            write(
                [three[0], compromised(1), PENDING],
                &[(0, three[0]), (1, compromised(1)), (2, now(Cause::Lost)), (3, PENDING)],
            ),
            Err(Unlawful::WrongCause(kid(2))),
        ),
        (
            "after a loss, and the last one is compromised in this write",
            write(
                [three[0], SIGNS, PENDING],
                &[(0, three[0]), (1, compromised(NOW)), (2, now(Cause::Lost)), (3, PENDING)],
            ),
            Err(Unlawful::WrongCause(kid(2))),
        ),
        (
            "after a loss that was before",
            write(
                [three[0], retiring(500, None), PENDING],
                &[(0, three[0]), (1, retiring(500, None)), (2, now(Cause::Lost)), (3, PENDING)],
            ),
            Ok(()),
        ),
        ("after a loss in this write, as far as two rings say", write(three, &rotated(Cause::Lost)), Ok(())),
    ]);
}

#[test]
fn nothing_comes_before_its_time() {
    let rotate = |confirmed: State, cause| {
        let before = [retiring(0, Some(301)), SIGNS, confirmed];
        write(before, &[(0, before[0]), (1, retiring(NOW, None)), (2, active(NOW, cause)), (3, PENDING)])
    };
    let remove = |state| write([state, SIGNS, PENDING], &[(1, SIGNS), (2, PENDING)]);
    assert_rows([
        ("confirmed too late", rotate(pending(NOW - 72), Cause::Schedule), Err(Unlawful::TooEarly(kid(2)))),
        ("not confirmed", rotate(PENDING, Cause::Request), Err(Unlawful::TooEarly(kid(2)))),
        (
            "confirmed by a clock that was ahead",
            rotate(pending(9_000), Cause::Algorithm),
            Err(Unlawful::TooEarly(kid(2))),
        ),
        ("confirmed in time", rotate(pending(NOW - 73), Cause::Schedule), Ok(())),
        ("after a loss", rotate(PENDING, Cause::Lost), Ok(())),
        ("settled too late", remove(retiring(0, Some(NOW - 699))), Err(Unlawful::RemovedTooEarly(kid(0)))),
        ("compromised too late", remove(compromised(NOW - 699)), Err(Unlawful::RemovedTooEarly(kid(0)))),
        ("settled in time", remove(retiring(0, Some(NOW - 700))), Ok(())),
        ("compromised in time", remove(compromised(NOW - 700)), Ok(())),
    ]);
}

#[test]
fn a_key_stays_what_it_is_and_where_it_is() {
    let before = ring(&[retiring(0, Some(900)), SIGNS, PENDING]);
    let states = [(0, retiring(0, Some(900))), (1, SIGNS), (2, PENDING)];
    let with = |change: fn(&mut Ring)| {
        let mut after = next(&before, &states);
        change(&mut after);
        successor(Some(&before), &after)
    };
    let full: Vec<(usize, State)> = (0..16).map(|number| (number, retiring(0, None))).collect();
    let full_before = ring(&full.iter().map(|(_, state)| *state).collect::<Vec<_>>());
    assert_rows([
        ("another issuer", with(|ring| ring.issuer = "https://other".into()), Err(Unlawful::OtherIssuer)),
        ("no later", with(|ring| ring.changes = 1), Err(Unlawful::NotLater { before: 1, after: 1 })),
        (
            "another public half",
            with(|ring| ring.keys[1].public = half(Algorithm::ES256, 9).into_parts().1),
            Err(Unlawful::OtherKey(kid(1))),
        ),
        ("another algorithm", with(|ring| ring.keys[1].algorithm = Algorithm::ES384), Err(Unlawful::OtherKey(kid(1)))),
        ("another birthday", with(|ring| ring.keys[1].created = at(1)), Err(Unlawful::OtherKey(kid(1)))),
        ("shorter tokens", with(|ring| ring.keys[1].longest = secs(599)), Err(Unlawful::OtherLongest(kid(1)))),
        (
            "longer tokens of one that retires",
            with(|ring| ring.keys[0].longest = secs(601)),
            Err(Unlawful::OtherLongest(kid(0))),
        ),
        ("longer tokens", with(|ring| ring.keys[1].longest = secs(601)), Ok(())),
        ("keys that change places", with(|ring| ring.keys.swap(0, 1)), Err(Unlawful::OutOfOrder(kid(0)))),
        (
            "a new key before the others",
            with(|ring| {
                ring.keys[2] = key(3, PENDING);
                ring.keys.swap(1, 2);
            }),
            Err(Unlawful::OutOfOrder(kid(1))),
        ),
        (
            "a key twice",
            with(|ring| {
                let first = ring.keys[0].clone();
                ring.keys.push(first);
            }),
            Err(Unlawful::OutOfOrder(kid(0))),
        ),
        ("a new key made before", with(|ring| ring.keys[2] = key(3, PENDING)), Err(Unlawful::NotNew(kid(3)))),
        (
            "a new key that retires",
            with(|ring| ring.keys.push(RingKey { created: at(NOW), ..key(3, retiring(NOW, None)) })),
            Err(Unlawful::NotNew(kid(3))),
        ),
        ("an answer for nothing", with(|ring| ring.answered = Some("w".into())), Err(Unlawful::AnsweredForNothing)),
        ("a later one that is the same", with(|_| ()), Ok(())),
        ("a full ring without one to come", successor(Some(&full_before), &next(&full_before, &full)), Ok(())),
        (
            "one more than that",
            successor(Some(&full_before), &next(&full_before, &[&full[..], &[(16, PENDING)]].concat())),
            Err(Unlawful::TooManyKeys(17)),
        ),
    ]);
}

#[test]
fn the_first_ring_is_two_keys_made_now() {
    let empty = Ring::new("https://gw.example.com", secs(70), at(0));
    let first = |keys: &[(usize, State)]| successor(None, &next(&empty, keys));
    let signs = active(NOW, Cause::First);
    assert_rows([
        ("nothing", first(&[]), Err(Unlawful::NotOnePending(0))),
        ("one to come alone", first(&[(0, PENDING)]), Err(Unlawful::NotFirst)),
        ("for another cause", first(&[(0, active(NOW, Cause::Lost)), (1, PENDING)]), Err(Unlawful::NotFirst)),
        ("one that is confirmed", first(&[(0, signs), (1, pending(NOW))]), Err(Unlawful::NotFirst)),
        ("made before", first(&[(0, active(0, Cause::First)), (1, PENDING)]), Err(Unlawful::NotFirst)),
        ("two keys", first(&[(0, signs), (1, PENDING)]), Ok(())),
    ]);
}

#[test]
fn a_longer_cache_time_is_not_forgotten() {
    let mut before = ring(&[SIGNS, PENDING]);
    let states = [(0, SIGNS), (1, PENDING)];
    let former = |max_age, newest, over: Option<i64>| {
        Some(FormerMaxAge { max_age: secs(max_age), newest: kid(newest), over: over.map(at) })
    };
    let judge = |before: &Ring, max_age: u64, after: Option<FormerMaxAge>, states: &[(usize, State)]| {
        let after = Ring { max_age: secs(max_age), former_max_age: after, ..next(before, states) };
        successor(Some(before), &after)
    };
    let forgotten = || Err(Unlawful::MaxAgeForgotten);
    assert_rows([
        ("lowered, and nothing kept", judge(&before, 60, None, &states), forgotten()),
        ("lowered, and too little kept", judge(&before, 60, former(65, 1, None), &states), forgotten()),
        ("lowered, and heard of at once", judge(&before, 60, former(70, 1, Some(NOW)), &states), forgotten()),
        ("lowered, and kept", judge(&before, 60, former(70, 1, None), &states), Ok(())),
        ("raised", judge(&before, 80, None, &states), Ok(())),
    ]);
    before.former_max_age = former(500, 1, None);
    let confirmed = [(0, SIGNS), (1, pending(NOW))];
    assert_rows([
        ("dropped", judge(&before, 70, None, &states), forgotten()),
        ("over for no reason", judge(&before, 70, former(500, 1, Some(NOW)), &states), forgotten()),
        ("over by the key that was there", judge(&before, 70, former(500, 1, Some(NOW)), &confirmed), forgotten()),
    ]);
    before.former_max_age = former(500, 0, None);
    assert_rows([
        ("over at another time", judge(&before, 70, former(500, 0, Some(NOW - 1)), &confirmed), forgotten()),
        ("over by a later key", judge(&before, 70, former(500, 0, Some(NOW)), &confirmed), Ok(())),
    ]);
    before.former_max_age = former(500, 0, Some(NOW - 502));
    assert_rows([
        ("dropped a second early", judge(&before, 70, None, &states), forgotten()),
        ("kept", judge(&before, 70, former(500, 0, Some(NOW - 502)), &states), Ok(())),
    ]);
    before.former_max_age = former(500, 0, Some(NOW - 503));
    assert_eq!(judge(&before, 70, None, &states), Ok(()));
}

#[test]
fn an_action_that_does_not_fit_the_ring_is_refused() {
    let three = ring(&[retiring(0, None), SIGNS, PENDING]);
    let apply = |action: Action, made| three.apply(&action, at(NOW), made).map(drop);
    let create = |role| Action::Create { role, algorithm: Algorithm::ES256, longest: secs(600) };
    let made = |number| Some(half(Algorithm::ES256, number));
    let wrong = |number, state, action| Err(NotApplicable::WrongState { kid: kid(number), state, action });
    let full = ring(&[SIGNS; 16]);
    assert_rows([
        ("no such key", apply(Action::Settle(kid(9)), None), Err(NotApplicable::UnknownKey(kid(9)))),
        ("nothing was made", apply(create(Role::Next), None), Err(NotApplicable::NoPublicHalf)),
        (
            "something else was made",
            apply(create(Role::Next), Some(half(Algorithm::ES384, 0))),
            Err(NotApplicable::OtherAlgorithm { found: Algorithm::ES384, expected: Algorithm::ES256 }),
        ),
        ("made twice", apply(create(Role::Next), made(0)), Err(NotApplicable::KnownKey(kid(0)))),
        ("a second to come", apply(create(Role::Next), made(9)), Err(NotApplicable::Occupied(kid(2)))),
        ("a second first", apply(create(Role::First), made(9)), Err(NotApplicable::Occupied(kid(0)))),
        ("no room", full.apply(&create(Role::Next), at(NOW), made(99)).map(drop), Err(NotApplicable::Full)),
        ("confirm what signs", apply(Action::Confirm(kid(1)), None), wrong(1, "Active", "Confirm")),
        (
            "activate what is not confirmed",
            apply(Action::Activate { kid: kid(2), cause: Cause::Lost }, None),
            wrong(2, "Pending", "Activate"),
        ),
        ("lose what does not sign", apply(Action::Lose(kid(2)), None), wrong(2, "Pending", "Lose")),
        ("settle what signs", apply(Action::Settle(kid(1)), None), wrong(1, "Active", "Settle")),
        ("remove what has not settled", apply(Action::Remove(kid(0)), None), wrong(0, "Retiring", "Remove")),
        ("discard what signs", apply(Action::Discard(kid(1)), None), wrong(1, "Active", "Discard")),
        (
            "extend what retires",
            apply(Action::Extend { kid: kid(0), longest: secs(900) }, None),
            wrong(0, "Retiring", "Extend"),
        ),
        ("settle what retires", apply(Action::Settle(kid(0)), None), Ok(())),
    ]);
    let compromised = three.apply(&Action::Compromise(kid(0)), at(NOW), None).unwrap();
    assert!(compromised.apply(&Action::Compromise(kid(0)), at(NOW), None).is_err());
}

#[test]
fn of_an_old_ring_and_the_last_one_known_each_key_is_as_far_along_as_it_was() {
    let old = ring(&[retiring(0, Some(5)), SIGNS, pending(10), PENDING]);
    let mut last =
        next(&old, &[(1, retiring(20, None)), (2, compromised(30)), (3, active(30, Cause::Compromise)), (4, PENDING)]);
    last.answered = Some("w".into());
    last.written = at(30);
    let repaired = Ring { changes: last.changes + 1, written: at(NOW), ..last.clone() };
    assert_eq!(reconcile(&last, Some(&old), at(NOW)), repaired, "an old one was put back");
    assert_eq!(reconcile(&last, None, at(NOW)), repaired, "it was deleted");
    assert_eq!(successor(Some(&last), &repaired), Ok(()));
    assert_eq!(reconcile(&last, Some(&last), at(NOW)), last, "it is the last one known");
    assert_eq!(reconcile(&old, Some(&last), at(NOW)), last, "a write that is not kept in mind yet");
    // A later one that has forgotten what is known is no way back.
    let forged = Ring { changes: 99, ..old.clone() };
    let repaired = reconcile(&last, Some(&forged), at(NOW));
    let states: Vec<State> = repaired.keys.iter().map(|key| key.state).collect();
    assert_eq!(states, [retiring(0, Some(5)), retiring(20, None), compromised(30), active(30, Cause::Compromise)]);
    assert_eq!(repaired.changes, 100);
    // Replicas have announced the time of the old one.
    let long = Ring { max_age: secs(7_000), ..old.clone() };
    assert_eq!(reconcile(&last, Some(&long), at(NOW)).max_age_at(at(1_000_000)), secs(7_000));
}

proptest! {
    #[test]
    fn any_two_rings_make_one_that_can_be_read(last in any_ring(), found in prop::option::of(any_ring())) {
        let mended = reconcile(&last, found.as_ref(), at(NOW));
        prop_assert_eq!(Ring::parse(mended.to_json().as_bytes()), Ok(mended.clone()));
        prop_assert_eq!(reconcile(&mended, Some(&mended), at(NOW)), mended.clone());
        let is_compromised = |ring: &Ring, kid: &str| ring.key(kid).is_some_and(|key| !key.is_published());
        for key in mended.published() {
            prop_assert!(!is_compromised(&last, &key.kid), "a compromised key came back");
        }
    }

    #[test]
    fn nothing_that_can_be_read_makes_a_step_panic(ring in any_ring(), now in any::<i64>()) {
        use crate::rotation::{Replicas, Schedule, Times, Wishes, step};
        let times = Times { every: secs(1_000), publish_ahead: secs(100), lifetime: secs(600), jwks_max_age: secs(50) };
        let schedule = Schedule::new(Algorithm::ES256, times).unwrap();
        let halves = ring.with_private_half().map(|key| key.kid.clone()).collect();
        let now = crate::clock::UnixTime::from_millis(now);
        let step = step(Some(&ring), &schedule, &Wishes::default(), &Replicas::default(), &halves, now);
        prop_assert!(step.wake.is_none_or(|wake| wake > now));
    }
}
