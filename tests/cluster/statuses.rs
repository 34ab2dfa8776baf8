//! Status, as it is written to a real API server.

use std::sync::Arc;
use std::time::Duration;

use bearward::clock::{Clock, ManualClock, UnixTime};
use bearward::finding::{Code, FieldPath, Finding};
use bearward::name::{Kind, ObjectKey};
use bearward::operate::Timing;
use bearward::resources::{SigningKeyState, Version};
use serde_json::json;

use crate::harness::{ControlPlane, Namespace, Replica, User, condition, eventually, judged, route, short};

const LIMIT: Duration = Duration::from_secs(20);

async fn space(plane: &ControlPlane, stem: &str) -> Namespace {
    let space = Namespace::new(plane, stem).await;
    space.bind("bearward-leases", User::GATEWAY).await;
    space
}

/// A replica that leads and has reported.
async fn leader(plane: &ControlPlane, space: &Namespace, service: Option<&str>) -> Replica {
    let leader = Replica::start(plane, space, "leader", service, short(), Clock::system()).await;
    eventually("it leads", LIMIT, async || leader.operator.leads().then_some(())).await;
    leader
}

fn status_writes(plane: &ControlPlane, space: &Namespace) -> usize {
    plane.writes(&space.name).iter().filter(|write| write.resource.ends_with("/status")).count()
}

fn broken(space: &Namespace, name: &str) -> Vec<Finding> {
    let key = ObjectKey::new(Kind::ApiRoute, space.name.as_str(), name);
    vec![Finding::error(&key, FieldPath::spec().field("rules"), Code::NoAuth, "no auth", "say who may")]
}

#[tokio::test]
async fn programmed_waits_for_every_ready_replica_and_names_those_that_are_behind() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "programmed").await;
    space.pods("bearward", &[("leader", true), ("other", true), ("starting", false)]).await;
    let leader = leader(plane, &space, Some("bearward")).await;
    let object = space.apply("ApiRoute", "r", route("programmed.example")).await;
    leader.publish(Kind::ApiRoute, &object, Vec::new());
    let waiting = space.until("r", "Programmed", "ReplicaBehind").await;
    assert_eq!(waiting["status"], "False");
    assert_eq!(waiting["message"], "waiting for other: other has not reported yet");
    assert_eq!(space.until("r", "Accepted", "Accepted").await["status"], "True");

    let other = Replica::start(plane, &space, "other", Some("bearward"), short(), Clock::system()).await;
    other.publish(Kind::ApiRoute, &object, Vec::new());
    let enforced = space.until("r", "Programmed", "Enforced").await;
    assert_eq!(enforced["message"], "enforced by every ready replica");
    assert_eq!(enforced["observedGeneration"], 1);

    // The leader sees an edit that the other one does not see.
    let edited = space.apply("ApiRoute", "r", route("edited.example")).await;
    leader.publish(Kind::ApiRoute, &edited, Vec::new());
    let waiting = space.until("r", "Programmed", "ReplicaBehind").await;
    assert_eq!(waiting["observedGeneration"], 2);
    let name = &space.name;
    assert_eq!(waiting["message"], format!("waiting for other: other has not seen ApiRoute {name}/r as it is now"));
    // It is not ready any more, so nobody waits for it.
    space.pods("bearward", &[("leader", true), ("other", false)]).await;
    space.until("r", "Programmed", "Enforced").await;
    // It comes back, still without the edit.
    space.pods("bearward", &[("leader", true), ("other", true)]).await;
    space.until("r", "Programmed", "ReplicaBehind").await;
    other.publish(Kind::ApiRoute, &edited, Vec::new());
    space.until("r", "Programmed", "Enforced").await;
}

#[tokio::test]
async fn a_replica_that_rejects_the_generation_is_not_counted_as_one_that_enforces_it() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "rejects").await;
    let leader = leader(plane, &space, None).await;
    let other = Replica::start(plane, &space, "other", None, short(), Clock::system()).await;
    let object = space.apply("ApiRoute", "r", route("rejects.example")).await;
    leader.publish(Kind::ApiRoute, &object, Vec::new());
    other.publish(Kind::ApiRoute, &object, broken(&space, "r"));
    let rejected = space.until("r", "Programmed", "ReplicaRejects").await;
    assert_eq!(rejected["message"], "other found an error in it");
    other.publish(Kind::ApiRoute, &object, Vec::new());
    space.until("r", "Programmed", "Enforced").await;
}

#[tokio::test]
async fn findings_are_written_and_go_when_they_are_mended() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "findings").await;
    let leader = leader(plane, &space, None).await;
    let object = space.apply("ApiRoute", "r", route("findings.example")).await;
    leader.publish(Kind::ApiRoute, &object, broken(&space, "r"));
    let accepted = space.until("r", "Accepted", "NoAuth").await;
    assert_eq!(accepted["message"], "spec.rules: no auth");
    space.until("r", "Programmed", "NoAuth").await;
    let status = &space.read("ApiRoute", "r").await.data["status"];
    let expected = json!([{"code": "NoAuth", "field": "spec.rules", "message": "no auth", "cure": "say who may"}]);
    assert_eq!(status["findings"], expected);

    leader.publish(Kind::ApiRoute, &object, Vec::new());
    space.until("r", "Programmed", "Enforced").await;
    assert_eq!(space.read("ApiRoute", "r").await.data["status"].get("findings"), None);
}

#[tokio::test]
async fn a_quiet_minute_has_no_status_write() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "minute").await;
    let time = Arc::new(ManualClock::new(UnixTime::from_secs(1_795_507_200)));
    let clock = Clock::manual(Arc::clone(&time));
    let replica = Replica::start(plane, &space, "a", None, Timing::default(), clock).await;
    let object = space.apply("ApiRoute", "r", route("minute.example")).await;
    replica.publish(Kind::ApiRoute, &object, Vec::new());
    eventually("it leads", LIMIT, async || replica.operator.leads().then_some(())).await;
    space.until("r", "Programmed", "Enforced").await;
    let written = status_writes(plane, &space);
    assert_eq!(written, 1);

    let renewals = || plane.writes(&space.name).iter().filter(|write| write.resource == "leases").count();
    for round in 0..12 {
        let before = renewals();
        time.advance(Timing::default().renew);
        // Watches go on and are compiled in: the version moves, and the same comes out.
        replica.publish(Kind::ApiRoute, &object, Vec::new());
        eventually("both Leases are renewed", LIMIT, async || (renewals() >= before + 2).then_some(())).await;
        assert!(replica.operator.leads(), "round {round}");
    }
    // The log is in order: when this write is in it, every earlier one is.
    space.apply("ApiRoute", "last", route("last.example")).await;
    assert!(plane.writes(&space.name).iter().any(|write| write.name == "last"));
    assert_eq!(status_writes(plane, &space), written);
}

#[tokio::test]
async fn a_new_leader_rewrites_nothing() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "succession").await;
    let first = leader(plane, &space, None).await;
    let second = Replica::start(plane, &space, "second", None, short(), Clock::system()).await;
    let object = space.apply("ApiRoute", "r", route("succession.example")).await;
    for replica in [&first, &second] {
        replica.publish(Kind::ApiRoute, &object, Vec::new());
    }
    space.until("r", "Programmed", "Enforced").await;
    let written = status_writes(plane, &space);
    let before = space.read("ApiRoute", "r").await;
    first.operator.stop().await;
    eventually("the second leads", LIMIT, async || second.operator.leads().then_some(())).await;
    // It has looked at all objects when it has written the status of a new one.
    let other = space.apply("ApiRoute", "other", route("other.example")).await;
    second.publish(Kind::ApiRoute, &other, Vec::new());
    space.until("other", "Programmed", "Enforced").await;
    assert_eq!(status_writes(plane, &space), written + 1);
    assert_eq!(space.read("ApiRoute", "r").await, before);
}

#[tokio::test]
async fn a_verdict_about_an_object_that_was_replaced_is_not_written_to_its_successor() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "replaced").await;
    let leader = leader(plane, &space, None).await;
    let old = space.apply("ApiRoute", "r", route("old.example")).await;
    space.delete("ApiRoute", "r").await;
    let new = space.apply("ApiRoute", "r", route("new.example")).await;
    leader.publish(Kind::ApiRoute, &old, broken(&space, "r"));
    eventually("the write was tried", LIMIT, async || (status_writes(plane, &space) > 0).then_some(())).await;
    assert_eq!(space.read("ApiRoute", "r").await.data.get("status"), None);
    leader.publish(Kind::ApiRoute, &new, Vec::new());
    space.until("r", "Programmed", "Enforced").await;
}

#[tokio::test]
async fn a_status_is_written_also_to_an_object_that_somebody_else_has_touched_meanwhile() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "touched").await;
    let leader = leader(plane, &space, None).await;
    let object = space.apply("ApiRoute", "r", route("touched.example")).await;
    let mut touched = route("touched.example");
    touched["metadata"] = json!({"annotations": {"note": "the version moves, the content does not"}});
    space.apply("ApiRoute", "r", touched).await;
    leader.publish(Kind::ApiRoute, &object, Vec::new());
    space.until("r", "Programmed", "Enforced").await;
}

#[tokio::test]
async fn a_storm_of_edits_is_written_once_a_second_and_the_newest_wins() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "storm").await;
    let leader = leader(plane, &space, None).await;
    let clock = Clock::system();
    let start = clock.tick();
    for edit in 0..20 {
        let object = space.apply("ApiRoute", "r", route(&format!("e{edit}.example"))).await;
        leader.publish(Kind::ApiRoute, &object, Vec::new());
    }
    eventually("the newest is written", LIMIT, async || {
        let object = space.read("ApiRoute", "r").await;
        condition(&object, "Programmed").filter(|condition| condition["observedGeneration"] == 20).map(drop)
    })
    .await;
    let allowed = clock.tick().since(start).as_secs() + 1;
    // Those that were refused, since another edit was faster, changed nothing.
    let writes = plane.writes(&space.name);
    let written = writes.iter().filter(|write| write.taken && write.resource == "apiroutes/status").count();
    assert!(u64::try_from(written).unwrap() <= allowed, "{written} writes in {allowed} s");
}

#[tokio::test]
async fn many_objects_are_written_at_fifty_a_second_at_most() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "many").await;
    let leader = leader(plane, &space, None).await;
    let mut verdicts = Vec::new();
    for index in 0..80 {
        let object = space.apply("ApiRoute", &format!("r{index}"), route(&format!("m{index}.example"))).await;
        verdicts.push(judged(Kind::ApiRoute, &object, Vec::new()));
    }
    let clock = Clock::system();
    let start = clock.tick();
    leader.publish_all(verdicts, Version(u64::MAX));
    eventually("all are written", LIMIT, async || (status_writes(plane, &space) == 80).then_some(())).await;
    let took = clock.tick().since(start);
    assert!(took >= Duration::from_millis(1_580), "80 writes in {took:?}");
}

#[tokio::test]
async fn kubectl_shows_which_key_signs_since_when_and_what_comes_next() {
    let plane = ControlPlane::shared().await;
    let space = space(plane, "columns").await;
    let leader = leader(plane, &space, None).await;
    let issue = json!({
        "issuer": "https://columns.example/shop", "audiences": ["orders"], "keysSecretRef": {"name": "ring"},
    });
    let spec = json!({"spec": {"accept": [{"name": "own", "issued": {}}], "issue": issue}});
    let object = space.apply("TokenPolicy", "p", spec).await;
    let (key, mut verdict) = judged(Kind::TokenPolicy, &object, Vec::new());
    let state = |kid: &str, state, signs, since| SigningKeyState {
        kid: kid.into(),
        algorithm: "ES256",
        state,
        signs,
        since,
        next: format!("signs until {kid}"),
    };
    // As old as a column can tell whenever this runs.
    let since = Some(UnixTime::from_secs(0));
    verdict.keys = vec![state("first", "Active", true, since), state("mine", "Published", false, None)];
    leader.publish_all(vec![(key.clone(), verdict.clone())], Version(u64::MAX));
    let keys = async || {
        let object = space.read("TokenPolicy", "p").await;
        object.data.get("status").filter(|status| status.get("keys").is_some()).cloned()
    };
    let status = eventually("the keys are written", LIMIT, keys).await;
    let signing = json!({
        "kid": "first", "algorithm": "ES256", "since": "1970-01-01T00:00:00Z", "next": "signs until first",
    });
    assert_eq!(status["signing"], signing);
    assert_eq!(
        status["keys"][1],
        json!({"kid": "mine", "algorithm": "ES256", "state": "Published", "next": "signs until mine"})
    );
    let shown = || {
        let listed = plane.kubectl(User::ADMIN, &["get", "tp", "p", "--namespace", &space.name]);
        let text = String::from_utf8(listed.stdout).unwrap();
        let lines: Vec<Vec<String>> = text
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect())
            .collect();
        lines
    };
    let [header, row] = <[Vec<String>; 2]>::try_from(shown()).unwrap();
    let column = |name: &str| row[header.iter().position(|cell| cell == name).unwrap()].clone();
    assert_eq!((column("SIGNS"), column("NEXT")), ("first".to_owned(), "signs until first".to_owned()));
    let age = column("SINCE");
    assert!(age.ends_with('y') && age.trim_end_matches('y').parse::<u32>().is_ok_and(|years| years > 50), "{age}");

    // No key signs any more: nothing of the one before is left.
    verdict.keys = Vec::new();
    leader.publish_all(vec![(key, verdict)], Version(u64::MAX));
    let gone = async || {
        let status = space.read("TokenPolicy", "p").await.data["status"].clone();
        (status.get("keys").is_none() && status.get("signing").is_none()).then_some(())
    };
    eventually("they are gone", LIMIT, gone).await;
}
