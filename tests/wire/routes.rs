//! Where requests go.

use crate::client::get;
use crate::gateway::Rig;
use crate::upstream::{OK, Upstream};

fn config(upstream: &Upstream) -> String {
    format!(
        r#"apiVersion: bearward.dev/v1alpha1
kind: ApiRoute
metadata: {{name: shop, namespace: shop}}
spec:
  hosts: [api.example.com]
  rules:
  - name: open
    matches: [{{path: {{value: /open}}}}]
    auth: {{anonymous: true}}
    backends: [{{url: "{url}"}}]
  - name: forgotten
    matches: [{{path: {{value: /forgotten}}}}]
    backends: [{{url: "{url}"}}]
  - name: misspelt
    matches: [{{path: {{value: /misspelt}}}}]
    auth: {{tokens: [{{policyRef: {{name: patners}}}}]}}
    backends: [{{url: "{url}"}}]
  - name: lost
    matches: [{{path: {{value: /lost}}}}]
    auth: {{anonymous: true}}
    backends: [{{service: {{name: lost, port: 80}}}}]
"#,
        url = upstream.url()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_served_only_by_a_rule_that_takes_it_and_is_whole() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&config(&upstream)).await;
    for (row, host, path, status, code) in [
        ("an open rule", "api.example.com", "/open", 200, None),
        ("below its prefix", "api.example.com", "/open/door", 200, None),
        ("not by whole segments", "api.example.com", "/opened", 404, Some("no_route")),
        ("another path", "api.example.com", "/", 404, Some("no_route")),
        ("another host", "www.example.com", "/open", 404, Some("no_route")),
        ("a host below", "a.api.example.com", "/open", 404, Some("no_route")),
        ("a rule without auth", "api.example.com", "/forgotten", 503, Some("NoAuth")),
        ("a rule whose policy does not exist", "api.example.com", "/misspelt", 503, Some("PolicyNotFound")),
        ("a rule whose Service does not exist", "api.example.com", "/lost", 503, Some("BackendNotFound")),
    ] {
        let reply = get(rig.http(), host, path, "").await;
        assert_eq!(reply.status, status, "{row}: {reply:?}");
        assert_eq!(upstream.take().len(), usize::from(status == 200), "{row}");
        if let Some(code) = code {
            assert_eq!(reply.code(), code, "{row}");
            assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{row}");
            assert_eq!(reply.header("retry-after").is_some(), status == 503, "{row}");
        }
    }
    rig.drain().await;
}
