//! What is first, and what is remembered.

use std::sync::Barrier;
use std::time::Duration;

use super::{PER_SHARD, ReplayError, Replays, SHARDS};
use crate::clock::UnixTime;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(1_800_000_000 + seconds)
}

fn key(number: u64) -> [u8; 32] {
    let mut key = [0; 32];
    key[24..].copy_from_slice(&number.to_be_bytes());
    key
}

fn replays() -> Replays {
    Replays::new(at(0))
}

/// Of what was issued just now and ends in a minute.
fn first(replays: &Replays, number: u64, now: UnixTime) -> Result<bool, ReplayError> {
    replays.first("shop/issuer", &key(number), now, now.plus(Duration::from_mins(1)), now)
}

#[test]
fn an_identifier_is_first_once_until_it_ends() {
    let replays = replays();
    let end = at(60);
    let ask = |number: u64, now: UnixTime| replays.first("shop/issuer", &key(number), at(0), end, now);
    assert_eq!(ask(1, at(0)), Ok(true));
    assert_eq!(ask(1, at(0)), Ok(false));
    assert_eq!(ask(1, at(59)), Ok(false));
    assert_eq!(ask(1, end.minus(Duration::from_millis(1))), Ok(false));
    assert_eq!(ask(2, at(59)), Ok(true), "another");
    assert_eq!(ask(1, end), Ok(true), "whoever asks at its end has refused it for its age");
}

#[test]
fn what_was_used_again_is_remembered_for_as_long_as_the_first_time() {
    let replays = replays();
    assert_eq!(replays.first("shop/issuer", &key(1), at(0), at(60), at(0)), Ok(true));
    // Another proof under the same name, which ends later or earlier, moves nothing.
    assert_eq!(replays.first("shop/issuer", &key(1), at(0), at(600), at(1)), Ok(false));
    assert_eq!(replays.first("shop/issuer", &key(1), at(0), at(2), at(1)), Ok(false));
    assert_eq!(replays.first("shop/issuer", &key(1), at(0), at(60), at(59)), Ok(false));
    assert_eq!(replays.first("shop/issuer", &key(1), at(60), at(120), at(60)), Ok(true));
    assert_eq!(replays.first("shop/issuer", &key(1), at(60), at(120), at(61)), Ok(false));
}

#[test]
fn what_was_issued_before_the_process_started_is_not_taken() {
    let replays = replays();
    let issued = |issued: UnixTime, number: u64| replays.first("shop/issuer", &key(number), issued, at(60), at(1));
    assert_eq!(issued(at(-1), 1), Err(ReplayError::BeforeStart));
    assert_eq!(issued(at(0).minus(Duration::from_millis(1)), 1), Err(ReplayError::BeforeStart));
    assert!(replays.is_empty(), "it takes no room");
    assert_eq!(issued(at(0), 1), Ok(true));
    assert_eq!(issued(at(5), 2), Ok(true), "by a clock that is fast");
}

#[test]
fn of_two_threads_that_ask_at_once_one_is_told_that_it_is_first() {
    let replays = replays();
    let threads = 2;
    for number in 0..500 {
        let together = Barrier::new(threads);
        let ask = || {
            together.wait();
            first(&replays, number, at(0)).unwrap()
        };
        let told: Vec<bool> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(told.iter().filter(|first| **first).count(), 1, "{number}");
    }
}

#[test]
fn a_full_memory_takes_nothing_new_and_forgets_nothing() {
    let replays = replays();
    let most = u64::try_from(SHARDS * PER_SHARD).unwrap();
    // Twice as many, so that every shard is full.
    let taken: Vec<u64> = (0..2 * most).filter(|number| first(&replays, *number, at(0)) == Ok(true)).collect();
    assert_eq!(replays.len(), SHARDS * PER_SHARD / 2, "half of it is for others");
    assert_eq!(taken.len(), SHARDS * PER_SHARD / 2);
    assert_eq!(first(&replays, 3 * most, at(59)), Err(ReplayError::Full));
    for number in taken.iter().step_by(97) {
        assert_eq!(first(&replays, *number, at(59)), Ok(false), "{number}");
    }
    // All have ended: there is room for as many again.
    assert_eq!(first(&replays, 3 * most, at(60)), Ok(true));
    assert!(replays.len() < SHARDS * PER_SHARD / 2);
}

#[test]
fn those_that_ended_make_room_and_the_others_stay() {
    let replays = replays();
    let most = u64::try_from(2 * SHARDS * PER_SHARD).unwrap();
    // Every other one ends in a second.
    for number in 0..most {
        let end = if number % 2 == 0 { at(1) } else { at(60) };
        let _ = replays.first("shop/issuer", &key(number), at(0), end, at(0));
    }
    let lasting: Vec<u64> = (1..most)
        .step_by(2)
        .filter(|number| replays.first("shop/issuer", &key(*number), at(0), at(60), at(0)) == Ok(false))
        .collect();
    assert!(lasting.len() > PER_SHARD / 2);
    assert_eq!(first(&replays, most, at(0)), Err(ReplayError::Full));
    assert_eq!(first(&replays, most, at(1)), Ok(true));
    for number in lasting.iter().step_by(97) {
        assert_eq!(replays.first("shop/issuer", &key(*number), at(0), at(60), at(2)), Ok(false), "{number}");
    }
}

#[test]
fn whoever_uses_up_all_that_he_may_leaves_room_for_others() {
    let replays = replays();
    let most = u64::try_from(2 * SHARDS * PER_SHARD).unwrap();
    // What never ends is never forgotten.
    let never = UnixTime::from_millis(i64::MAX);
    for (place, owner) in ["bank/a", "bank/b", "bank/c"].into_iter().enumerate() {
        let numbers = (0..most).map(|number| number + u64::try_from(place).unwrap() * most);
        let taken = numbers.filter(|number| replays.first(owner, &key(*number), at(0), never, at(0)) == Ok(true));
        assert_eq!(taken.count(), SHARDS * (PER_SHARD >> (place + 1)), "{owner}");
    }
    let numbers = 3 * most..3 * most + 1_000;
    assert!(numbers.into_iter().all(|number| first(&replays, number, at(0)) == Ok(true)));
    assert_eq!(first(&replays, 3 * most, at(0)), Ok(false));
    assert!(replays.len() <= SHARDS * PER_SHARD);
}

#[test]
fn to_look_uses_nothing_up() {
    let replays = replays();
    let is_new = |now| replays.is_new(&key(1), at(0), now);
    assert_eq!((is_new(at(0)), is_new(at(0))), (Ok(true), Ok(true)));
    assert_eq!(replays.is_new(&key(1), at(-1), at(0)), Err(ReplayError::BeforeStart));
    assert_eq!(first(&replays, 1, at(0)), Ok(true));
    assert_eq!((is_new(at(59)), is_new(at(60))), (Ok(false), Ok(true)));
}
