//! Who is ready, and what has moved.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{read, route};
use crate::clock::{Tick, UnixTime};
use crate::operate::fleet::{Fleet, Moved};
use crate::resources::Version;
use crate::sources::kube::Event;

const NOW: UnixTime = UnixTime::from_secs(1_795_507_200);
const MINUTE: Duration = Duration::from_mins(1);

fn at(seconds: u64) -> Tick {
    Tick::from_start(Duration::from_secs(seconds))
}

fn document(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn lease(identity: &str, version: u64, renewed: &str) -> Map<String, Value> {
    document(&json!({
        "metadata": {
            "name": format!("bearward.{identity}"),
            "annotations": {"bearward.dev/versions": format!("{{\"ApiRoute\":{{\"\":{version}}}}}")},
        },
        "spec": {"holderIdentity": identity, "renewTime": renewed},
    }))
}

fn slice(name: &str, endpoints: &Value) -> Map<String, Value> {
    document(&json!({"metadata": {"name": name}, "endpoints": endpoints}))
}

fn listed(documents: Vec<Map<String, Value>>) -> Event {
    Event::Listed { documents, version: Version(1) }
}

fn names(fleet: &Fleet, now: Tick) -> Vec<String> {
    fleet.ready(now).keys().map(ToString::to_string).collect()
}

const FRESH: &str = "2026-11-24T07:59:58.000000Z";

#[test]
fn without_a_service_a_replica_counts_while_its_lease_moves() {
    let mut fleet = Fleet::new(false, MINUTE);
    assert!(!fleet.is_known());
    fleet.leases(listed(vec![lease("a", 1, FRESH), lease("b", 1, FRESH)]), at(100), NOW);
    assert!(fleet.is_known());
    assert_eq!(names(&fleet, at(100)), ["a", "b"]);
    fleet.leases(Event::Applied(lease("a", 1, FRESH)), at(150), NOW);
    assert_eq!(names(&fleet, at(159)), ["a", "b"]);
    assert_eq!(names(&fleet, at(160)), ["a"], "b was silent for a minute");
    fleet.leases(Event::Removed { document: lease("a", 1, FRESH), version: Version(2) }, at(161), NOW);
    assert!(names(&fleet, at(161)).is_empty());
}

#[test]
fn a_lease_that_is_old_when_it_is_first_seen_does_not_count_until_it_moves() {
    let mut fleet = Fleet::new(false, MINUTE);
    let old = "2026-11-24T07:58:00.000000Z";
    fleet.leases(listed(vec![lease("dead", 1, old), lease("b", 1, FRESH)]), at(100), NOW);
    assert_eq!(names(&fleet, at(100)), ["b"]);
    fleet.leases(Event::Applied(lease("dead", 1, old)), at(101), NOW);
    assert_eq!(names(&fleet, at(101)), ["b", "dead"], "it moved, whatever its clock says");
}

#[test]
fn with_a_service_its_slices_say_who_counts() {
    let mut fleet = Fleet::new(true, MINUTE);
    fleet.leases(listed(vec![lease("a", 1, FRESH), lease("b", 1, FRESH)]), at(100), NOW);
    assert!(!fleet.is_known(), "nobody has said who is ready");
    let endpoints = json!([
        {"targetRef": {"name": "a"}, "conditions": {"ready": true}},
        {"targetRef": {"name": "b"}, "conditions": {"ready": false}},
        {"targetRef": {"name": "c"}, "conditions": {}},
        {"addresses": ["10.0.0.1"]},
    ]);
    assert_eq!(fleet.slices(listed(vec![slice("s-1", &endpoints)])), Moved::Otherwise);
    assert!(fleet.is_known());
    assert_eq!(names(&fleet, at(100)), ["a", "c"]);
    assert_eq!(names(&fleet, at(1_000)), ["a", "c"], "a silent replica that is ready counts");
    let ready = fleet.ready(at(100));
    assert!(ready["c"].is_none(), "it has said nothing");
    assert!(ready["a"].unwrap().has_passed(&read(&route("x"), 1)));

    assert_eq!(fleet.slices(Event::Applied(slice("s-2", &json!([{"targetRef": {"name": "d"}}])))), Moved::Otherwise);
    assert_eq!(names(&fleet, at(100)), ["a", "c", "d"]);
    assert_eq!(fleet.slices(Event::Applied(slice("s-2", &json!([{"targetRef": {"name": "d"}}])))), Moved::Not);
    let gone = Event::Removed { document: slice("s-1", &json!([])), version: Version(3) };
    assert_eq!(fleet.slices(gone), Moved::Otherwise);
    assert_eq!(names(&fleet, at(100)), ["d"]);
}

#[test]
fn a_replica_that_goes_forward_takes_nothing_back() {
    let mut fleet = Fleet::new(false, MINUTE);
    fleet.leases(listed(vec![lease("a", 5, FRESH)]), at(1), NOW);
    for (event, expected) in [
        (Event::Applied(lease("a", 5, FRESH)), Moved::Not),
        (Event::Applied(lease("a", 6, FRESH)), Moved::Forward),
        (Event::Applied(lease("a", 4, FRESH)), Moved::Otherwise),
        (Event::Applied(lease("b", 1, FRESH)), Moved::Otherwise),
        (Event::Removed { document: lease("b", 1, FRESH), version: Version(9) }, Moved::Otherwise),
        (Event::Removed { document: lease("b", 1, FRESH), version: Version(9) }, Moved::Not),
        (Event::Passed(Version(10)), Moved::Not),
    ] {
        let what = format!("{event:?}");
        assert_eq!(fleet.leases(event, at(2), NOW), expected, "{what}");
    }
}

#[test]
fn only_the_lease_of_a_replica_that_is_gone_for_an_hour_is_rubbish() {
    let mut fleet = Fleet::new(true, MINUTE);
    fleet.leases(listed(vec![lease("ready", 1, FRESH), lease("gone", 1, FRESH)]), at(0), NOW);
    fleet.slices(listed(vec![slice("s", &json!([{"targetRef": {"name": "ready"}}]))]));
    assert!(fleet.rubbish(at(3_599)).is_empty());
    assert_eq!(fleet.rubbish(at(3_600)), ["bearward.gone"]);
}
