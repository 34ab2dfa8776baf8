//! What is told as events, in a real API server.

use std::time::Duration;

use kube::api::ListParams;

use super::{LOOPBACK, open, succeeded};
use crate::harness::{ControlPlane, Echo, Installation, Namespace, User, eventually};

const LIMIT: Duration = Duration::from_secs(20);

/// The events of a route, in order: type, reason, note.
async fn events(space: &Namespace, name: &str) -> Vec<(String, String, String)> {
    let all = space.api("Event").list(&ListParams::default()).await.unwrap();
    let mut of_route: Vec<_> = all.items.into_iter().filter(|event| event.data["regarding"]["name"] == name).collect();
    let text =
        |event: &kube::api::DynamicObject, field: &str| event.data[field].as_str().unwrap_or_default().to_owned();
    of_route.sort_by_key(|event| text(event, "eventTime"));
    of_route.iter().map(|event| (text(event, "type"), text(event, "reason"), text(event, "note"))).collect()
}

async fn until(space: &Namespace, name: &str, reason: &str, count: usize) {
    eventually(&format!("{count} events, the last {reason}"), LIMIT, async || {
        let events = events(space, name).await;
        (events.len() == count && events.last().is_some_and(|event| event.1 == reason)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_route_that_breaks_and_is_mended_says_so_in_events_once_whoever_leads() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "events").await;
    let installation = Installation::new(plane, &space).await;
    let first = installation.start("a", &["--service=bearward", LOOPBACK]).await;
    let second = installation.start("b", &["--service=bearward", LOOPBACK]).await;
    installation.ready(&["a", "b"]).await;
    let upstream = Echo::local("hello").await;
    space.apply("ApiRoute", "r", open("events.example", &upstream.url())).await;
    until(&space, "r", "Enforced", 1).await;
    space.apply("ApiRoute", "r", open("events.example", "http://10.0.0.1:1")).await;
    until(&space, "r", "EgressForbidden", 2).await;
    let told = events(&space, "r").await;
    assert_eq!(told[0], ("Normal".into(), "Enforced".into(), "enforced by every ready replica".into()));
    assert!(told[1].0 == "Warning" && told[1].2.starts_with("spec.rules[0].backends[0].url: "), "{told:?}");
    let shown = succeeded(plane.kubectl(User::ADMIN, &["events", "--for=apiroute/r", "--namespace", &space.name]));
    assert!(shown.contains("EgressForbidden"), "{shown}");
    space.apply("ApiRoute", "r", open("events.example", &upstream.url())).await;
    until(&space, "r", "Enforced", 3).await;
    let told = events(&space, "r").await;

    // A new leader tells nothing that was told.
    let leader = installation.leader().await.unwrap();
    let (leaving, _staying) = if leader == "a" { (first, second) } else { (second, first) };
    leaving.signal("TERM");
    eventually("another one leads", LIMIT, async || {
        installation.leader().await.filter(|now| !now.is_empty() && *now != leader)
    })
    .await;
    installation.ready(&[if leader == "a" { "b" } else { "a" }]).await;
    space.apply("ApiRoute", "other", open("other.example", "http://10.0.0.1:1")).await;
    until(&space, "other", "EgressForbidden", 1).await;
    assert_eq!(events(&space, "r").await, told);
}
