//! Objects as they arrive from a real API server.

use std::time::Duration;

use bearward::name::{Generation, Kind};
use bearward::resources::{Body, Scope};
use bearward::sources::kube::{Pace, Standing};
use serde_json::json;

use crate::harness::{ControlPlane, Namespace, Observer, User, route};

#[tokio::test]
async fn an_object_arrives_changes_and_goes() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "watches").await;
    let name = space.name.as_str();
    space.apply("ApiRoute", "before", route("before.example")).await;
    let mut observer = Observer::start(plane, User::GATEWAY, &[name], Pace::default()).await;
    observer.until_complete().await;
    assert!(observer.seen.has(Kind::ApiRoute, name, "before"), "a list holds what was there");

    space.apply("ApiRoute", "after", route("after.example")).await;
    observer.until("the new object arrives", |seen| seen.has(Kind::ApiRoute, name, "after")).await;
    let first = &observer.seen.object(Kind::ApiRoute, name, "after").meta;
    assert_eq!(first.generation, Generation(1));
    let version = first.version;

    space.apply("ApiRoute", "after", route("other.example")).await;
    observer
        .until("the change arrives", |seen| seen.object(Kind::ApiRoute, name, "after").meta.generation == Generation(2))
        .await;
    assert!(observer.seen.object(Kind::ApiRoute, name, "after").meta.version > version);

    space.delete("ApiRoute", "after").await;
    observer.until("the object goes", |seen| !seen.has(Kind::ApiRoute, name, "after")).await;
    assert!(observer.seen.has(Kind::ApiRoute, name, "before"));
    let scope = Scope::Watch { kind: Kind::ApiRoute, namespace: Some(name.into()) };
    assert!(observer.seen.versions[&scope] > version, "the removal has a version of its own");
}

#[tokio::test]
async fn the_kinds_of_kubernetes_arrive_decoded() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "decoded").await;
    let name = space.name.as_str();
    space
        .apply("Service", "echo", json!({"spec": {"ports": [{"name": "web", "port": 80}], "selector": {"a": "b"}}}))
        .await;
    let slice = json!({
        "metadata": {"labels": {"kubernetes.io/service-name": "echo"}},
        "addressType": "IPv4",
        "ports": [{"name": "web", "port": 8080}],
        "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": true}}],
    });
    space.apply("EndpointSlice", "echo-1", slice).await;
    let mut observer = Observer::start(plane, User::GATEWAY, &[name], Pace::default()).await;
    observer.until_complete().await;
    let Body::Service(service) = &observer.seen.object(Kind::Service, name, "echo").body else { panic!("no Service") };
    assert_eq!(service.spec.ports[0].port, 80);
    let Body::EndpointSlice(slice) = &observer.seen.object(Kind::EndpointSlice, name, "echo-1").body else {
        panic!("no EndpointSlice")
    };
    assert_eq!(slice.endpoints[0].addresses, ["10.1.2.3"]);
}

#[tokio::test]
async fn a_gateway_of_some_namespaces_sees_no_other() {
    let plane = ControlPlane::shared().await;
    let own = Namespace::new(plane, "own").await;
    let other = Namespace::new(plane, "other").await;
    other.apply("ApiRoute", "a", route("a.example")).await;
    own.apply("ApiRoute", "b", route("b.example")).await;
    let mut observer = Observer::start(plane, User::GATEWAY, &[&own.name], Pace::default()).await;
    observer.until_complete().await;
    assert!(observer.seen.has(Kind::ApiRoute, &own.name, "b"));
    assert!(!observer.seen.has(Kind::ApiRoute, &other.name, "a"));

    let mut everywhere = Observer::start(plane, User::GATEWAY, &[], Pace::default()).await;
    everywhere
        .until("both arrive", |seen| {
            seen.has(Kind::ApiRoute, &own.name, "b") && seen.has(Kind::ApiRoute, &other.name, "a")
        })
        .await;
}

#[tokio::test]
async fn a_list_of_many_pages_is_one_update() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "pages").await;
    // Two pages and a bit; services are the cheapest to make.
    for index in 0..1_050 {
        space
            .create("Service", &format!("s{index}"), json!({"spec": {"clusterIP": "None", "ports": [{"port": 80}]}}))
            .await;
    }
    let mut observer = Observer::start(plane, User::GATEWAY, &[&space.name], Pace::default()).await;
    observer.until_complete().await;
    let services = observer.seen.objects.keys().filter(|key| key.kind == Kind::Service).count();
    assert_eq!(services, 1_050);
    assert_eq!(observer.seen.lists, 5, "each of the five kinds was listed once");
}

#[tokio::test]
async fn who_may_read_nothing_is_told_so_for_each_watch() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "stranger").await;
    let pace = Pace { believe: Duration::from_millis(300), ..Pace::default() };
    let mut observer = Observer::start(plane, User::STRANGER, &[&space.name], pace).await;
    observer.until_complete().await;
    assert_eq!(observer.seen.forbidden.len(), 5);
    assert!(observer.progress().scopes().all(|(_, standing)| standing == Some(Standing::Forbidden)));
}

#[tokio::test]
async fn bookmarks_move_the_version_of_a_quiet_watch() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "quiet").await;
    let scope = Scope::Watch { kind: Kind::TokenPolicy, namespace: Some(space.name.as_str().into()) };
    // The API server sends a bookmark shortly before a watch ends.
    let pace = Pace { lasts: Duration::from_secs(3), ..Pace::default() };
    let mut observer = Observer::start(plane, User::GATEWAY, &[&space.name], pace).await;
    observer.until_complete().await;
    let listed = observer.seen.versions[&scope];
    let other = Namespace::new(plane, "busy").await;
    other
        .apply(
            "TokenPolicy",
            "p",
            json!({"spec": {"accept": [{"name": "k", "apiKeys": {"selector": {"matchLabels": {"a": "b"}}}}]}}),
        )
        .await;
    observer.until("the version moves", |seen| seen.versions[&scope] > listed).await;
    assert_eq!(observer.seen.lists, 5, "without another list");
}
