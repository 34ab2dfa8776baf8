//! Each object once, no faster than allowed, and only where versions compare.

use std::time::Duration;

use super::route;
use crate::clock::Tick;
use crate::operate::agenda::{Agenda, Allowance};
use crate::operate::term::compare;

fn at(millis: u64) -> Tick {
    Tick::from_start(Duration::from_millis(millis))
}

#[test]
fn an_object_is_on_the_agenda_once_and_at_its_earliest_time() {
    let mut agenda = Agenda::default();
    assert_eq!(agenda.next(), None);
    agenda.add(route("a"), at(500));
    agenda.add(route("a"), at(900));
    agenda.add(route("b"), at(700));
    agenda.add(route("b"), at(100));
    assert_eq!(agenda.next(), Some(at(100)));
    assert_eq!(agenda.take(at(99)), None);
    assert_eq!(agenda.take(at(600)), Some(route("b")));
    assert_eq!(agenda.take(at(600)), Some(route("a")));
    assert_eq!(agenda.take(at(10_000)), None);
}

#[test]
fn fifty_a_second_are_allowed_and_not_one_more() {
    let mut allowance = Allowance::per_second(50);
    let mut written = Vec::new();
    let mut now = at(1_000);
    while now < at(11_000) {
        match allowance.take(now) {
            Ok(()) => written.push(now),
            Err(later) => {
                assert!(later > now);
                now = later;
            }
        }
    }
    assert_eq!(written.len(), 500);
    for window in written.windows(51) {
        assert!(window[50].since(window[0]) >= Duration::from_secs(1), "never 51 within a second");
    }
    assert_eq!(allowance.take(at(60_000)), Ok(()), "rest is not saved up, but costs nothing");
    assert_eq!(allowance.take(at(60_000)), Err(at(60_020)));
}

#[test]
fn versions_compare_since_1_35() {
    for (major, minor, expected) in [
        ("1", "34", false),
        ("0", "99", false),
        ("1", "", false),
        ("1", "35", true),
        ("1", "36+", true),
        ("2", "0", true),
    ] {
        assert_eq!(compare(major, minor), expected, "{major}.{minor}");
    }
}
