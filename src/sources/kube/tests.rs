//! Documents become objects, and progress says what each watch has come to.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::decode;
use super::progress::{Progress, Standing};
use crate::clock::UnixTime;
use crate::name::{Generation, Kind, ObjectKey};
use crate::resources::{Body, Scope, Version};

fn document(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn scope(kind: Kind, namespace: Option<&str>) -> Scope {
    Scope::Watch { kind, namespace: namespace.map(Arc::from) }
}

#[test]
fn an_object_of_ours_arrives_as_it_was_written_and_without_what_others_wrote_on_it() {
    let object = decode::object(
        Kind::ApiRoute,
        document(&json!({
            "metadata": {
                "name": "orders", "namespace": "shop", "uid": "u-1", "resourceVersion": "42", "generation": 3,
                "creationTimestamp": "2026-11-24T08:00:00Z",
                "labels": {"team": "shop"},
                "annotations": {"note": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"hosts": ["a.example"], "fromTheFuture": 1},
            "status": {"observedGeneration": 2},
        })),
    )
    .unwrap();
    assert_eq!(*object.key(), ObjectKey::new(Kind::ApiRoute, "shop", "orders"));
    assert_eq!(object.meta.uid.as_ref(), "u-1");
    assert_eq!(object.meta.version, Version(42));
    assert_eq!(object.meta.generation, Generation(3));
    assert_eq!(object.meta.created, UnixTime::from_secs(1_795_507_200));
    assert_eq!(object.meta.labels.len(), 1);
    assert_eq!(object.meta.annotations.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["note"]);
    let Body::Ours(body) = object.body else { panic!("not ours") };
    assert_eq!(
        Value::Object(body),
        json!({
            "apiVersion": "bearward.dev/v1alpha1",
            "kind": "ApiRoute",
            "spec": {"hosts": ["a.example"], "fromTheFuture": 1},
        })
    );
}

#[test]
fn an_object_that_cannot_be_decoded_is_there_and_says_where_but_never_what() {
    for (kind, spec, expected) in [
        (Kind::Service, json!({"spec": {"ports": [{"port": "hunter2"}]}}), "spec.ports[0].port is not what"),
        (Kind::Service, json!({"spec": {"ports": [{"port": 70_000}]}}), "spec.ports[0].port is not what"),
        (Kind::EndpointSlice, json!({"endpoints": []}), "this version knows of a EndpointSlice"),
        (Kind::Secret, json!({"data": {"key": "hunter2"}}), "this version knows of a Secret"),
    ] {
        let mut value = spec;
        value["metadata"] = json!({"name": "a", "namespace": "shop", "resourceVersion": "1"});
        let object = decode::object(kind, document(&value)).unwrap();
        let Body::Undecodable(why) = &object.body else { panic!("{kind} was decoded") };
        assert!(why.contains(expected), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
    }
    for (kind, spec) in [
        (Kind::Service, json!({"spec": {"ports": [{"port": 80}]}})),
        (Kind::EndpointSlice, json!({"addressType": "IPv4", "endpoints": null})),
        (Kind::Secret, json!({"data": {"key": "aHVudGVyMg=="}})),
    ] {
        let mut value = spec;
        value["metadata"] = json!({"name": "a", "namespace": "shop"});
        let object = decode::object(kind, document(&value)).unwrap();
        assert!(!matches!(object.body, Body::Undecodable(_)), "{kind}");
    }
}

#[test]
fn an_object_without_a_name_is_none() {
    for metadata in [json!({"namespace": "shop"}), json!({"name": "a"}), json!({"name": "", "namespace": "shop"})] {
        assert!(decode::object(Kind::Service, document(&json!({"metadata": metadata}))).is_none());
    }
    assert!(decode::object(Kind::Service, Map::new()).is_none());
}

#[test]
fn progress_is_complete_only_when_the_secrets_of_every_namespace_of_ours_are_known_too() {
    let routes = scope(Kind::ApiRoute, None);
    let services = scope(Kind::Service, None);
    let mut progress = Progress::expecting([routes.clone(), services.clone()]);
    assert!(!progress.is_complete());
    progress.record(&services, Standing::Listed);
    assert!(!progress.is_complete());
    progress.inhabit(&routes, BTreeSet::from([Arc::from("shop"), Arc::from("bank")]));
    progress.record(&routes, Standing::Listed);
    assert!(!progress.is_complete(), "two namespaces' Secrets are not known yet");
    progress.record(&scope(Kind::Secret, Some("bank")), Standing::Forbidden);
    assert!(!progress.is_complete());
    progress.record(&scope(Kind::Secret, Some("shop")), Standing::Listed);
    assert!(progress.is_complete());
}

#[test]
fn a_namespace_that_lost_our_objects_is_not_waited_for() {
    let routes = scope(Kind::ApiRoute, None);
    let secrets = scope(Kind::Secret, Some("shop"));
    let mut progress = Progress::expecting([routes.clone()]);
    progress.inhabit(&routes, BTreeSet::from([Arc::from("shop")]));
    progress.record(&routes, Standing::Listed);
    assert_eq!(progress.secret_scopes().collect::<Vec<_>>(), std::slice::from_ref(&secrets));
    progress.inhabit(&routes, BTreeSet::new());
    assert_eq!(progress.secret_scopes().count(), 0);
    progress.forget(&secrets);
    assert!(progress.is_complete());
    progress.record(&secrets, Standing::Listed);
    assert_eq!(progress.scopes().count(), 1, "what a watch says that is over is of no interest");
}

#[test]
fn a_namespace_that_was_inhabited_again_in_the_meantime_is_waited_for_anew() {
    let routes = scope(Kind::ApiRoute, None);
    let secrets = scope(Kind::Secret, Some("shop"));
    let mut progress = Progress::expecting([routes.clone()]);
    progress.record(&routes, Standing::Listed);
    progress.inhabit(&routes, BTreeSet::from([Arc::from("shop")]));
    progress.record(&secrets, Standing::Listed);
    progress.forget(&secrets);
    assert!(!progress.is_complete());
}
