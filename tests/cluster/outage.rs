//! The API server goes away and comes back, and definitions that are newer than this binary. These have a control plane
//! of their own.

use std::time::Duration;

use bearward::clock::{Clock, Tick};
use bearward::name::Kind;
use bearward::resources::Body;
use bearward::sources::kube::Pace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use crate::harness::{ControlPlane, Namespace, Observer, User, eventually, route};

#[tokio::test]
async fn after_an_outage_a_change_arrives_within_three_seconds_and_nothing_was_lost_meanwhile() {
    let plane = ControlPlane::start().await;
    let space = Namespace::new(&plane, "outage").await;
    let name = space.name.as_str();
    space.bind("bearward-secrets", User::GATEWAY).await;
    space.apply("ApiRoute", "a", route("a.example")).await;
    let offered = json!({"metadata": {"labels": {"bearward.dev/use": "api-key"}}, "stringData": {"key": "v"}});
    space.apply("Secret", "s", offered).await;
    let mut observer = Observer::start(&plane, User::GATEWAY, &[], Pace::default()).await;
    observer.until_complete().await;
    assert!(observer.seen.has(Kind::Secret, name, "s"));

    for round in 0..2 {
        plane.kill_api_server();
        // Long enough for every watch to have come to its longest pause.
        observer
            .stays("nothing is taken away while it is gone", Duration::from_secs(5), |seen| {
                seen.has(Kind::ApiRoute, name, "a") && seen.has(Kind::Secret, name, "s") && seen.forbidden.is_empty()
            })
            .await;
        plane.start_api_server().await;
        let host = format!("round-{round}.example");
        eventually("the change is taken", Duration::from_secs(10), async || {
            space.try_apply("ApiRoute", &format!("r{round}"), route(&host)).await
        })
        .await;
        let clock = Clock::system();
        observer.until("the change arrives", |seen| seen.has(Kind::ApiRoute, name, &format!("r{round}"))).await;
        let took = clock.tick().since(Tick::default());
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert!(observer.seen.has(Kind::ApiRoute, name, "a") && observer.seen.has(Kind::Secret, name, "s"));
        assert_eq!(observer.seen.forbidden.len(), 0, "an API server that starts refuses for a moment");
    }
}

#[tokio::test]
async fn an_object_with_a_field_that_this_binary_does_not_know_stops_no_list() {
    let plane = ControlPlane::start().await;
    let space = Namespace::new(&plane, "newer").await;
    let definitions: Api<CustomResourceDefinition> = Api::all(space.admin.clone());
    let open = json!({"spec": {"versions": [{
        "name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
    }]}});
    definitions.patch("apiroutes.bearward.dev", &PatchParams::default(), &Patch::Merge(&open)).await.unwrap();
    let mut newer = route("newer.example");
    newer["spec"]["fromTheFuture"] = json!({"a": [1, null]});
    newer["spec"]["hosts"] = json!(17);
    eventually("the newer definition is served", Duration::from_secs(10), async || {
        space.try_apply("ApiRoute", "newer", newer.clone()).await
    })
    .await;
    space.apply("ApiRoute", "older", route("older.example")).await;
    let mut observer = Observer::start(&plane, User::GATEWAY, &[], Pace::default()).await;
    observer.until_complete().await;
    assert!(observer.seen.has(Kind::ApiRoute, &space.name, "older"));
    let Body::Ours(body) = &observer.seen.object(Kind::ApiRoute, &space.name, "newer").body else { panic!("not ours") };
    assert_eq!(body["spec"]["fromTheFuture"], json!({"a": [1, null]}));
    // And none of the events after it.
    newer["spec"]["fromTheFuture"] = json!(2);
    space.apply("ApiRoute", "newer", newer).await;
    space.apply("ApiRoute", "latest", route("latest.example")).await;
    observer.until("the next event arrives", |seen| seen.has(Kind::ApiRoute, &space.name, "latest")).await;
}

#[tokio::test]
async fn a_kind_that_is_not_installed_is_on_record_and_is_listed_once_it_is() {
    let plane = ControlPlane::start().await;
    let removed = plane.kubectl(User::ADMIN, &["delete", "crd", "modelbackends.bearward.dev"]);
    assert!(removed.status.success());
    let mut observer = Observer::start(&plane, User::GATEWAY, &[], Pace::default()).await;
    observer.until_complete().await;
    let scope = bearward::resources::Scope::Watch { kind: Kind::ModelBackend, namespace: None };
    assert!(!observer.seen.versions.contains_key(&scope));
    plane.apply_definitions();
    observer.until("the kind is listed", |seen| seen.versions.contains_key(&scope)).await;
}
