//! Who leads, by the Lease in a real API server.

use std::time::Duration;

use bearward::clock::Clock;
use bearward::name::Kind;

use crate::harness::{ControlPlane, Namespace, Replica, User, eventually, route, short};

const LIMIT: Duration = Duration::from_secs(20);

/// Three replicas in a namespace of their own, one of which leads.
async fn three(plane: &ControlPlane, space: &Namespace) -> Vec<Replica> {
    space.bind("bearward-leases", User::GATEWAY).await;
    let mut replicas = Vec::new();
    for name in ["a", "b", "c"] {
        replicas.push(Replica::start(plane, space, name, None, short(), Clock::system()).await);
    }
    one_leads(&replicas).await;
    replicas
}

async fn one_leads(replicas: &[Replica]) -> usize {
    eventually("one leads", LIMIT, async || {
        let leading: Vec<usize> = (0..replicas.len()).filter(|index| replicas[*index].operator.leads()).collect();
        assert!(leading.len() <= 1, "{leading:?} lead at the same time");
        leading.first().copied()
    })
    .await
}

#[tokio::test]
async fn a_leader_that_stops_gives_its_lease_up_and_another_leads_at_once() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "stops").await;
    let mut replicas = three(plane, &space).await;
    for left in [2, 1] {
        let leader = one_leads(&replicas).await;
        let clock = Clock::system();
        let start = clock.tick();
        replicas.remove(leader).operator.stop().await;
        one_leads(&replicas).await;
        assert!(clock.tick().since(start) < short().lease, "the Lease was not waited for");
        assert_eq!(replicas.len(), left);
    }
    let lease = space.read("Lease", "bearward-bearward").await;
    assert_eq!(lease.data["spec"]["leaseTransitions"], 2);
}

#[tokio::test]
async fn the_lease_of_a_leader_that_died_is_waited_for_and_taken_over() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "dies").await;
    let mut replicas = three(plane, &space).await;
    let leader = one_leads(&replicas).await;
    let clock = Clock::system();
    let died = clock.tick();
    drop(replicas.remove(leader));
    one_leads(&replicas).await;
    let took = clock.tick().since(died);
    assert!(took + short().renew >= short().lease, "{took:?}: nobody may lead before the Lease has expired");
}

#[tokio::test]
async fn a_replica_reports_once_it_has_published_and_takes_its_report_back_when_it_stops() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "reports").await;
    space.bind("bearward-leases", User::GATEWAY).await;
    let replica = Replica::start(plane, &space, "a", None, short(), Clock::system()).await;
    eventually("it leads", LIMIT, async || replica.operator.leads().then_some(())).await;
    assert!(!replica.operator.has_reported());
    assert!(space.api("Lease").get_opt("bearward-bearward.a").await.unwrap().is_none());

    let object = space.apply("ApiRoute", "r", route("reports.example")).await;
    replica.publish(Kind::ApiRoute, &object, Vec::new());
    replica.operator.reported().await;
    let lease = space.read("Lease", "bearward-bearward.a").await;
    let versions = &lease.metadata.annotations.unwrap()["bearward.dev/versions"];
    let version = object.metadata.resource_version.unwrap();
    assert!(versions.contains(&format!("\"ApiRoute\":{{\"\":{version}}}")), "{versions}");

    replica.operator.stop().await;
    assert!(space.api("Lease").get_opt("bearward-bearward.a").await.unwrap().is_none());
}
