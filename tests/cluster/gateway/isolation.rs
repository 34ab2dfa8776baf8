//! Definitions that are newer than this binary. This has a control plane of its own.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::{LOOPBACK, open};
use crate::harness::{Ask, ControlPlane, Echo, Installation, Namespace, eventually};

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_object_with_a_field_of_a_later_version_refuses_its_own_paths_and_no_other() {
    let plane = ControlPlane::start().await;
    let space = Namespace::new(&plane, "later").await;
    let definitions: Api<CustomResourceDefinition> = Api::all(space.admin.clone());
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let newer = json!({"spec": {"versions": [{
        "name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": anything},
    }]}});
    definitions.patch("apiroutes.bearward.dev", &PatchParams::default(), &Patch::Merge(&newer)).await.unwrap();
    let upstream = Echo::local("hello").await;
    let mut later = open("later.example", &upstream.url());
    later["spec"]["rules"][0]["auth"]["onlyFrom"] = json!(["192.0.2.0/24"]);
    eventually("the newer definition is served", LIMIT, async || {
        let object = space.try_apply("ApiRoute", "later", later.clone()).await?;
        object.data["spec"]["rules"][0]["auth"].get("onlyFrom").map(drop)
    })
    .await;
    space.apply("ApiRoute", "plain", open("plain.example", &upstream.url())).await;
    // In the list at first, and in a watch afterwards.
    let installation = Installation::new(&plane, &space).await;
    let gateway = installation.start("a", &[LOOPBACK]).await;
    later["spec"]["hosts"] = json!(["later.example", "even-later.example"]);
    space.apply("ApiRoute", "later", later).await;
    space.apply("ApiRoute", "last", open("last.example", &upstream.url())).await;
    for host in ["plain.example", "last.example"] {
        let ask = Ask::of(host);
        eventually(&format!("{host} serves"), LIMIT, async || {
            (ask.send(gateway.http).await.status == 200).then_some(())
        })
        .await;
    }
    for host in ["later.example", "even-later.example"] {
        let reply = Ask::of(host).send(gateway.http).await;
        assert_eq!((reply.status, reply.code().as_str()), (503, "UnknownField"), "{host}");
    }
    space.until("later", "Accepted", "UnknownField").await;
    let object = space.read("ApiRoute", "later").await;
    let findings = object.data["status"]["findings"].as_array().unwrap();
    assert_eq!(findings[0]["field"], "spec.rules[0].auth.onlyFrom", "{findings:?}");
    space.until_enforced("plain").await;
    space.until_enforced("last").await;
}
