//! One leads at a time: when a Lease is taken, renewed and lost.

use std::time::Duration;

use crate::clock::Tick;
use crate::operate::Timing;
use crate::operate::election::{Election, Record, Step};

fn at(seconds: u64) -> Tick {
    Tick::from_start(Duration::from_secs(seconds))
}

fn record(holder: &str, version: &str) -> Record {
    Record { holder: holder.to_owned(), lasts: Duration::from_secs(15), transitions: 0, version: version.to_owned() }
}

fn candidate() -> Election {
    Election::new("me", Timing::default())
}

#[test]
fn a_lease_that_is_not_there_is_created_and_one_that_nobody_holds_is_taken() {
    let mut me = candidate();
    assert_eq!(me.step(at(0)), Step::Look);
    me.saw(None, at(0));
    assert_eq!(me.step(at(0)), Step::Create);
    me.saw(Some(record("", "1")), at(1));
    assert_eq!(me.step(at(1)), Step::Take(record("", "1")));
    assert_eq!(me.leads_until(at(1)), None, "not before the write was accepted");
}

#[test]
fn a_lease_of_another_is_taken_only_when_nothing_changed_in_it_for_as_long_as_it_lasts() {
    let mut me = candidate();
    me.saw(Some(record("other", "1")), at(100));
    assert_eq!(me.step(at(100)), Step::Wait(Duration::from_secs(2)));
    assert_eq!(me.step(at(102)), Step::Look);
    // It renews every five seconds: each renewal is another version.
    for (index, second) in (105..200).step_by(5).enumerate() {
        me.saw(Some(record("other", &format!("r{index}"))), at(second));
        assert_ne!(me.step(at(second + 4)), Step::Take(record("other", &format!("r{index}"))));
    }
    // It falls silent.
    for second in 195..210 {
        me.saw(Some(record("other", "r18")), at(second));
        assert!(!matches!(me.step(at(second)), Step::Take(_)), "at {second}");
    }
    me.saw(Some(record("other", "r18")), at(210));
    assert_eq!(me.step(at(210)), Step::Take(record("other", "r18")));
}

#[test]
fn a_leader_renews_in_time_and_stops_before_another_may_start() {
    let mut me = candidate();
    me.saw(None, at(0));
    me.won(record("me", "1"), at(0));
    assert_eq!(me.step(at(1)), Step::Wait(Duration::from_secs(4)));
    assert_eq!(me.step(at(5)), Step::Take(record("me", "1")));
    me.won(record("me", "2"), at(5));
    // The API server does not answer any more.
    assert_eq!(me.step(at(10)), Step::Take(record("me", "2")));
    assert!(me.leads_until(at(14)).is_some());
    assert_eq!(me.leads_until(at(15)), None);
    // Another one saw the renewal when it arrived, at the earliest when it was sent.
    let mut other = Election::new("other", Timing::default());
    other.saw(Some(record("me", "2")), at(5));
    assert!(!matches!(other.step(at(19)), Step::Take(_)));
    assert!(matches!(other.step(at(20)), Step::Take(_)));
}

#[test]
fn of_two_who_take_it_the_refused_one_looks_again() {
    let mut me = candidate();
    me.saw(Some(record("", "1")), at(0));
    me.missed();
    assert_eq!(me.step(at(0)), Step::Look);
    me.saw(Some(record("other", "2")), at(0));
    assert_eq!(me.leads_until(at(0)), None);
    assert!(matches!(me.step(at(0)), Step::Wait(_)));
}

#[test]
fn a_leader_that_sees_another_in_its_place_stops_at_once() {
    let mut me = candidate();
    me.won(record("me", "1"), at(0));
    assert!(me.leads_until(at(1)).is_some());
    me.saw(Some(record("other", "2")), at(1));
    assert_eq!(me.leads_until(at(1)), None);
    me.won(record("me", "3"), at(2));
    me.saw(None, at(3));
    assert_eq!(me.leads_until(at(3)), None, "nor does it lead without a Lease");
}

#[test]
fn a_write_whose_answer_was_lost_is_found_again_and_renewed_at_once() {
    let mut me = candidate();
    me.saw(None, at(0));
    me.missed();
    me.saw(Some(record("me", "1")), at(5));
    assert_eq!(me.step(at(5)), Step::Take(record("me", "1")));
    assert_eq!(me.leads_until(at(5)), None);
}
