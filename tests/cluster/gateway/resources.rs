//! Resources are applied, traffic follows, and status says so.

use std::time::Duration;

use serde_json::json;

use super::{LOOPBACK, api_key, guarded, keys, open, succeeded};
use crate::harness::{Ask, ControlPlane, Echo, Installation, Namespace, User, condition, eventually};

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn traffic_follows_what_is_applied_and_status_says_so() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "applied").await;
    let installation = Installation::new(plane, &space).await;
    installation.consent().await;
    let gateway = installation.start("a", &[]).await;
    let ask = Ask::of("shop.example");
    assert_eq!(ask.send(gateway.http).await.status, 404);

    let upstream = Echo::endpoint("orders").await;
    let key = api_key(plane, &space, "batch");
    apply(plane, &space, &upstream);
    eventually("a request with the key is served", LIMIT, async || {
        (ask.with(&key).send(gateway.http).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(ask.with(&key).send(gateway.http).await.body, "orders");
    assert_eq!(ask.send(gateway.http).await.status, 401, "without a key");
    let other = key.replacen("bw_", "bw_0", 1);
    assert_eq!(ask.with(&other).send(gateway.http).await.status, 401, "with another key");
    assert_eq!(Ask::of("other.example").with(&key).send(gateway.http).await.status, 404, "for another host");

    space.until_enforced("shop").await;
    for (kind, name) in [("ApiRoute", "shop"), ("TokenPolicy", "keys")] {
        // Until its Secrets are watched a policy has none that it selects, and says so.
        let object = eventually(&format!("{kind} has nothing to find fault with"), LIMIT, async || {
            let object = space.read(kind, name).await;
            object.data.get("status")?.get("findings").is_none().then_some(object)
        })
        .await;
        for aspect in ["Accepted", "ResolvedRefs", "Programmed"] {
            let found = condition(&object, aspect).unwrap();
            assert_eq!((&found["status"], &found["observedGeneration"]), (&json!("True"), &json!(1)), "{kind} {found}");
        }
    }
    let listed = succeeded(plane.kubectl(User::ADMIN, &["get", "ar", "--namespace", &space.name]));
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "HOSTS", "ACCEPTED", "PROGRAMMED", "REASON", "AGE"]);
    assert_eq!(lines[1][..5], ["shop", r#"["shop.example"]"#, "True", "True", "Enforced"]);

    succeeded(plane.kubectl(User::ADMIN, &["delete", "ar", "shop", "--namespace", &space.name]));
    eventually("the host is gone", LIMIT, async || {
        (ask.with(&key).send(gateway.http).await.status == 404).then_some(())
    })
    .await;
}

/// Applies everything that the route needs with kubectl, as a user does.
fn apply(plane: &ControlPlane, space: &Namespace, upstream: &Echo) {
    let (ip, port) = (upstream.address.ip(), upstream.address.port());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.yaml");
    let yaml = format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: orders}}
spec: {{selector: {{app: orders}}, ports: [{{name: web, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: orders-1, labels: {{kubernetes.io/service-name: orders}}}}
addressType: IPv4
ports: [{{name: web, port: {port}}}]
endpoints: [{{addresses: ['{ip}']}}]
---
apiVersion: bearward.dev/v1alpha1
kind: TokenPolicy
metadata: {{name: keys}}
spec:
  accept:
  - {{name: keys, apiKeys: {{selector: {{matchLabels: {{team: shop}}}}}}}}
---
apiVersion: bearward.dev/v1alpha1
kind: ApiRoute
metadata: {{name: shop}}
spec:
  hosts: [shop.example]
  rules:
  - name: all
    auth: {{tokens: [{{policyRef: {{name: keys}}}}]}}
    backends: [{{service: {{name: orders, port: 80}}}}]
"
    );
    std::fs::write(&file, yaml).unwrap();
    let file = file.to_str().unwrap();
    succeeded(plane.kubectl(User::ADMIN, &["apply", "--namespace", &space.name, "-f", file]));
}

#[tokio::test]
async fn a_policy_that_is_not_there_refuses_is_named_in_status_and_comes_into_force_when_it_is() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "dangling").await;
    let installation = Installation::new(plane, &space).await;
    installation.consent().await;
    let gateway = installation.start("a", &[LOOPBACK]).await;
    let upstream = Echo::local("hello").await;
    let key = api_key(plane, &space, "batch");
    space.apply("ApiRoute", "open", open("open.example", &upstream.url())).await;
    space.apply("ApiRoute", "dangling", guarded("dangling.example", &json!({"url": upstream.url()}))).await;

    let resolved = space.until("dangling", "ResolvedRefs", "PolicyNotFound").await;
    assert_eq!((&resolved["status"], &resolved["observedGeneration"]), (&json!("False"), &json!(1)));
    let object = space.read("ApiRoute", "dangling").await;
    assert_eq!(condition(&object, "Programmed").unwrap()["status"], "False");
    let findings = object.data["status"]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["code"], "PolicyNotFound");
    assert_eq!(findings[0]["field"], "spec.rules[0].auth.tokens[0].policyRef");
    for text in ["message", "cure"] {
        assert!(findings[0][text].as_str().is_some_and(|text| !text.is_empty()), "{findings:?}");
    }
    let ask = Ask::of("dangling.example");
    for ask in [ask.clone(), ask.with(&key)] {
        let reply = ask.send(gateway.http).await;
        assert_eq!((reply.status, reply.code().as_str()), (503, "PolicyNotFound"));
    }
    assert_eq!(Ask::of("open.example").send(gateway.http).await.status, 200, "others serve");

    space.apply("TokenPolicy", "keys", keys()).await;
    eventually("the mended route serves", LIMIT, async || {
        (ask.with(&key).send(gateway.http).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(ask.send(gateway.http).await.status, 401, "and nobody else");
    space.until_enforced("dangling").await;
    assert_eq!(space.read("ApiRoute", "dangling").await.data["status"].get("findings"), None);
}
