//! Each key has a rate of its own, and a flood of keys is bounded.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Rates;
use crate::clock::Tick;
use crate::limit::Rate;

fn rates() -> Rates<u64> {
    Rates::new(Rate::new(NonZeroU32::new(2).unwrap(), Duration::from_secs(1), NonZeroU32::new(3).unwrap()))
}

fn at(millis: u64) -> Tick {
    Tick::from_start(Duration::from_millis(millis))
}

#[test]
fn a_key_has_its_burst_then_its_rate_and_takes_nothing_from_another() {
    let rates = rates();
    for _ in 0..3 {
        assert_eq!(rates.take(&1, at(0)), Ok(()));
    }
    assert_eq!(rates.take(&1, at(0)), Err(Duration::from_millis(500)));
    assert_eq!(rates.wait(&1, at(0)), Duration::from_millis(500));
    assert_eq!(rates.wait(&2, at(0)), Duration::ZERO);
    assert_eq!(rates.take(&2, at(0)), Ok(()));
    // Having been told to wait made the wait no longer.
    assert_eq!(rates.take(&1, at(500)), Ok(()));
    assert_eq!(rates.take(&1, at(500)), Err(Duration::from_millis(500)));
}

#[test]
fn a_flood_of_keys_is_bounded_and_frees_nobody_who_must_wait() {
    let rates = rates();
    for _ in 0..3 {
        let _ = rates.take(&u64::MAX, at(0));
    }
    for key in 0..200_000 {
        let _ = rates.take(&key, at(0));
    }
    assert!(rates.len() <= 65_536, "{}", rates.len());
    assert!(rates.wait(&u64::MAX, at(0)) > Duration::ZERO);
}
