//! Files that change while they are served.

use crate::gateway::Rig;
use crate::upstream::{OK, Upstream};

fn config(upstream: &Upstream, path: &str) -> String {
    format!(
        r#"apiVersion: bearward.dev/v1alpha1
kind: ApiRoute
metadata: {{name: shop, namespace: shop}}
spec:
  hosts: [api.example.com]
  rules:
  - name: open
    matches: [{{path: {{value: {path}}}}}]
    auth: {{anonymous: true}}
    backends: [{{url: "{}"}}]
"#,
        upstream.url()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_file_is_in_force_without_a_restart() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&config(&upstream, "/old")).await;
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (200, 404));
    rig.reload(&config(&upstream, "/new")).await;
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (404, 200));
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_broken_changes_nothing_and_is_told_of() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&config(&upstream, "/old")).await;
    let half = config(&upstream, "/new");
    let broken = half.replace("hosts: [api.example.com]", "hosts: [api.example.com");
    rig.replace(&broken);
    let findings = rig.findings().await;
    assert!(findings.contains("InvalidYaml"), "{findings}");
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (200, 404));
    rig.reload(&config(&upstream, "/new")).await;
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (404, 200));
    rig.drain().await;
}
