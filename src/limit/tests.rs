//! GCRA, step by step.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Cell, Rate};
use crate::clock::Tick;

const fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn at(millis: u64) -> Tick {
    Tick::from_start(Duration::from_millis(millis))
}

#[test]
fn a_rate_lets_its_burst_pass_and_then_its_interval() {
    let rate = Rate::new(count(10), Duration::from_secs(1), count(3));
    let mut cell = Cell::default();
    for (when, expected) in [
        (0, Ok(())),
        (0, Ok(())),
        (0, Ok(())),
        (0, Err(100)),
        (40, Err(60)),
        (99, Err(1)),
        (100, Ok(())),
        (100, Err(100)),
        (10_000, Ok(())),
        (10_000, Ok(())),
        (10_000, Ok(())),
        (10_000, Err(100)),
    ] {
        let taken = rate.take(&mut cell, at(when));
        assert_eq!(taken, expected.map_err(Duration::from_millis), "at {when} ms");
    }
}

#[test]
fn an_event_that_must_wait_is_not_counted() {
    let rate = Rate::new(count(1), Duration::from_secs(1), count(1));
    let mut cell = Cell::default();
    assert_eq!(rate.take(&mut cell, at(0)), Ok(()));
    for _ in 0..100 {
        assert_eq!(rate.take(&mut cell, at(500)), Err(Duration::from_millis(500)));
    }
    assert_eq!(rate.wait(cell, at(500)), Duration::from_millis(500));
    assert_eq!(rate.take(&mut cell, at(1_000)), Ok(()));
}

#[test]
fn the_longest_spans_saturate() {
    let rate = Rate::new(count(1), Duration::MAX, count(u32::MAX));
    let mut cell = Cell::default();
    assert_eq!(rate.take(&mut cell, at(0)), Ok(()));
    assert_eq!(rate.take(&mut cell, at(0)), Ok(()));
    assert!(rate.wait(cell, at(0)) < Duration::MAX);
}
