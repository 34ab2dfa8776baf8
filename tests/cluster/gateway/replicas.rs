//! Several replicas: what status says is what all of them enforce, whoever writes it.

use std::collections::BTreeMap;
use std::time::Duration;

use bearward::clock::Clock;
use kube::ResourceExt as _;
use kube::api::ListParams;

use super::{LOOPBACK, open};
use crate::harness::{Ask, ControlPlane, Echo, Gateway, Installation, Issuer, Namespace, condition, eventually};

const LIMIT: Duration = Duration::from_secs(20);

/// How long a Lease holds after its leader has died, how seldom the others look, and what their own work takes.
const TAKEOVER: Duration = Duration::from_secs(15 + 2 + 3);

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Replicas by their name.
type Replicas = BTreeMap<&'static str, Gateway>;

/// Resource versions by kind and name.
type Versions = BTreeMap<String, String>;

/// Three replicas that are ready, of which one leads.
async fn three(installation: &Installation<'_>) -> Replicas {
    let mut replicas = Replicas::new();
    for name in NAMES {
        replicas.insert(name, installation.start(name, &["--service=bearward", LOOPBACK]).await);
    }
    installation.ready(&NAMES).await;
    replicas
}

/// The leader and the others.
async fn roles(installation: &Installation<'_>) -> (&'static str, Vec<&'static str>) {
    let leader =
        eventually("one leads", LIMIT, async || installation.leader().await.filter(|name| !name.is_empty())).await;
    let (leader, others): (Vec<_>, Vec<_>) = NAMES.into_iter().partition(|name| *name == leader);
    (leader[0], others)
}

/// The resource version of every object of ours in the namespace.
pub(super) async fn versions(space: &Namespace) -> Versions {
    let mut versions = Versions::new();
    for kind in ["ApiRoute", "TokenPolicy", "ModelBackend"] {
        for object in space.api(kind).list(&ListParams::default()).await.unwrap() {
            versions.insert(format!("{kind} {}", object.name_any()), object.resource_version().unwrap());
        }
    }
    versions
}

/// The same, once all has been said of what was applied: nothing is written any more for longer than a leader waits with
/// anything.
pub(super) async fn settled(space: &Namespace) -> Versions {
    const LONGEST: Duration = Duration::from_secs(4);
    let clock = Clock::system();
    let mut last = (Versions::new(), clock.tick());
    eventually("nothing is written any more", LIMIT, async || {
        let now = versions(space).await;
        if now != last.0 {
            last = (now, clock.tick());
        }
        (clock.tick().since(last.1) > LONGEST).then(|| last.0.clone())
    })
    .await
}

#[tokio::test]
async fn programmed_is_false_and_names_a_replica_that_is_stopped_until_it_goes_on() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "stopped").await;
    let installation = Installation::new(plane, &space).await;
    let replicas = three(&installation).await;
    let (old, new) = (Echo::local("old").await, Echo::local("new").await);
    space.apply("ApiRoute", "r", open("stopped.example", &old.url())).await;
    assert_eq!(space.until_enforced("r").await["message"], "enforced by every ready replica");
    let ask = Ask::of("stopped.example");
    for replica in replicas.values() {
        assert_eq!(ask.send(replica.http).await.body, "old", "enforced means served by each");
    }

    let (leader, others) = roles(&installation).await;
    let (stopped, goes_on) = (others[0], others[1]);
    replicas[stopped].signal("STOP");
    space.apply("ApiRoute", "r", open("stopped.example", &new.url())).await;
    let seen = format!("{stopped} has not seen ApiRoute {}/r as it is now", space.name);
    let expected = format!("waiting for {stopped}: {seen}");
    // On a busy machine the one that goes on may be named for a moment too.
    eventually("the stopped replica alone is named", LIMIT, async || {
        let object = space.read("ApiRoute", "r").await;
        let programmed = condition(&object, "Programmed")?;
        let about = (&programmed["status"], &programmed["observedGeneration"], &programmed["message"]);
        (about == (&"False".into(), &2.into(), &expected.as_str().into())).then_some(())
    })
    .await;
    for name in [leader, goes_on] {
        assert_eq!(ask.send(replicas[name].http).await.body, "new");
    }
    replicas[stopped].signal("CONT");
    space.until_enforced("r").await;
    assert_eq!(ask.send(replicas[stopped].http).await.body, "new");
}

#[tokio::test]
async fn a_replica_that_rejects_what_the_leader_accepts_is_not_counted() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "narrow").await;
    let installation = Installation::new(plane, &space).await;
    let wide = installation.start("wide", &["--service=bearward", LOOPBACK]).await;
    eventually("it leads", LIMIT, async || installation.leader().await.filter(|name| name == "wide")).await;
    // As an installation is while its flags are rolled out.
    let narrow = installation.start("narrow", &["--service=bearward"]).await;
    installation.ready(&["wide", "narrow"]).await;
    let upstream = Echo::local("hello").await;
    space.apply("ApiRoute", "r", open("narrow.example", &upstream.url())).await;
    let rejected = space.until("r", "Programmed", "ReplicaRejects").await;
    assert_eq!((&rejected["status"], &rejected["message"]), (&"False".into(), &"narrow found an error in it".into()));
    let ask = Ask::of("narrow.example");
    assert_eq!(ask.send(wide.http).await.status, 200);
    assert_eq!(ask.send(narrow.http).await.status, 503);

    drop(narrow);
    let _widened = installation.start("narrow", &["--service=bearward", LOOPBACK]).await;
    space.until_enforced("r").await;
}

#[tokio::test]
async fn another_leads_and_writes_status_when_the_leader_is_killed() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "killed").await;
    let installation = Installation::new(plane, &space).await;
    let mut replicas = three(&installation).await;
    let upstream = Echo::local("hello").await;
    space.apply("ApiRoute", "before", open("before.example", &upstream.url())).await;
    space.until_enforced("before").await;
    let before = settled(&space).await;

    let (leader, others) = roles(&installation).await;
    let killed = replicas.remove(leader).unwrap();
    killed.signal("KILL");
    drop(killed);
    installation.ready(&others).await;
    space.apply("ApiRoute", "after", open("after.example", &upstream.url())).await;
    for name in &others {
        eventually("traffic needs no leader", LIMIT, async || {
            (Ask::of("after.example").send(replicas[name].http).await.status == 200).then_some(())
        })
        .await;
    }
    eventually("another one leads and writes", TAKEOVER, async || {
        let object = space.read("ApiRoute", "after").await;
        condition(&object, "Programmed").filter(|condition| condition["reason"] == "Enforced").map(drop)
    })
    .await;
    assert!(others.contains(&roles(&installation).await.0));
    let mut now = versions(&space).await;
    now.remove("ApiRoute after");
    assert_eq!(now, before, "a new leader rewrites nothing");
}

#[tokio::test]
async fn a_quiet_minute_has_no_write_but_renewals() {
    /// Twelve renewals of every Lease, and a look of the leader each second.
    const QUIET: Duration = Duration::from_mins(1);
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "quiet").await;
    let installation = Installation::new(plane, &space).await;
    let _replicas = three(&installation).await;
    let upstream = Echo::local("hello").await;
    space.apply("ApiRoute", "good", open("good.example", &upstream.url())).await;
    // Objects with findings are as quiet.
    space.apply("ApiRoute", "bad", open("bad.example", "http://10.0.0.1:1")).await;
    space.apply("TokenPolicy", "keys", super::keys()).await;
    // One whose keys are in the archive, and refreshed meanwhile or not.
    let issuer = Issuer::start().await;
    space.apply("TokenPolicy", "corp", issuer.policy()).await;
    space.apply("ApiRoute", "corp", super::for_tokens("corp.example", &upstream.url())).await;
    eventually("its keys are archived", LIMIT, async || super::key_sets::archive(&space).await).await;
    space.until_enforced("good").await;
    space.until("bad", "Programmed", "EgressForbidden").await;
    let before = settled(&space).await;
    let written = plane.writes(&space.name).len();
    tokio::time::sleep(QUIET).await;
    assert_eq!(versions(&space).await, before);
    let since: Vec<_> = plane.writes(&space.name).split_off(written);
    let others: Vec<_> = since.iter().filter(|write| write.resource != "leases").collect();
    assert!(others.is_empty(), "{others:?}");
    // Three replicas and one leader have renewed, so somebody was there to write.
    assert!(since.len() >= 40, "{since:?}");
}
