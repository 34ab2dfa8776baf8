//! Who is let in.

use std::time::Duration;

use serde_json::json;

use crate::gateway::{Rig, START};
use crate::issuer::{ISSUER, Issuer, api_key, bearer};
use crate::upstream::{OK, Upstream};

/// A rule for `/orders` that asks for `orders:read`, and more documents.
fn config(upstream: &Upstream, issuer: &Issuer, more: &str) -> String {
    format!(
        r#"apiVersion: bearward.dev/v1alpha1
kind: ApiRoute
metadata: {{name: orders, namespace: shop}}
spec:
  hosts: [api.example.com]
  rules:
  - name: read
    matches: [{{path: {{value: /orders}}}}]
    auth: {{tokens: [{{policyRef: {{name: partners}}, scopes: ["orders:read"]}}]}}
    backends: [{{url: "{}"}}]
---
apiVersion: bearward.dev/v1alpha1
kind: TokenPolicy
metadata: {{name: partners, namespace: shop}}
spec:
  accept:
  - name: corp
    jwt:
      issuer: {ISSUER}
      audiences: [orders]
      keys: {{inline: '{}'}}
      leeway: 0s
  - name: keys
    apiKeys: {{selector: {{matchLabels: {{team: shop}}}}}}
  forward:
    claims: [{{claim: sub, header: x-subject}}]
---
{more}"#,
        upstream.url(),
        issuer.key_set(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_accepted_or_refused_by_what_it_says() {
    let (upstream, issuer) = (Upstream::replying(OK).await, Issuer::new());
    let rig = Rig::serve(&config(&upstream, &issuer, "")).await;
    let with = |name, value| bearer(&issuer.token_with(START, name, value));
    let invalid = r#"Bearer realm="shop/partners", error="invalid_token""#;
    let rows = [
        ("a good token", bearer(&issuer.token(START)), 200, None),
        ("one audience of several", with("aud", json!(["invoices", "orders"])), 200, None),
        ("no token", String::new(), 401, Some(r#"Bearer realm="shop/partners""#)),
        ("another scheme", "authorization: Basic YTpi\r\n".to_owned(), 401, Some(r#"Bearer realm="shop/partners""#)),
        ("no token after the scheme", "authorization: Bearer\r\n".to_owned(), 400, Some("invalid_request")),
        (
            "two tokens",
            [bearer(&issuer.token(START)), bearer(&issuer.token(START))].concat(),
            400,
            Some("invalid_request"),
        ),
        ("another audience", with("aud", json!("invoices")), 401, Some(invalid)),
        ("no audience", with("aud", json!([])), 401, Some(invalid)),
        ("another issuer", with("iss", json!("https://other.example.com/")), 401, Some(invalid)),
        ("another issuer's key", bearer(&Issuer::new().token(START)), 401, Some(invalid)),
        ("not yet valid", with("nbf", json!(START.secs() + 1)), 401, Some(invalid)),
        ("no scope", with("scope", json!("profile")), 403, Some(r#"scope="orders:read""#)),
        ("a longer scope", with("scope", json!("orders:readonly")), 403, Some("insufficient_scope")),
    ];
    for (row, fields, status, challenge) in rows {
        let reply = rig.get("/orders/7", &fields).await;
        assert_eq!(reply.status, status, "{row}: {reply:?}");
        let challenged = reply.header("www-authenticate");
        assert_eq!(challenged.is_some(), challenge.is_some(), "{row}: {reply:?}");
        assert!(challenged.unwrap_or_default().contains(challenge.unwrap_or_default()), "{row}: {challenged:?}");
        assert_eq!(upstream.take().len(), usize::from(status == 200), "{row}");
    }
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_to_no_token_names_no_error() {
    let (upstream, issuer) = (Upstream::replying(OK).await, Issuer::new());
    let rig = Rig::serve(&config(&upstream, &issuer, "")).await;
    let reply = rig.get("/orders", "").await;
    assert_eq!(reply.header("www-authenticate"), Some(r#"Bearer realm="shop/partners""#));
    assert_eq!(reply.code(), "no_credentials");
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_is_told_who_asks_and_not_by_which_token() {
    let (upstream, issuer) = (Upstream::replying(OK).await, Issuer::new());
    let rig = Rig::serve(&config(&upstream, &issuer, "")).await;
    let fields = format!("{}x-subject: mallory\r\nx_subject: mallory\r\n", bearer(&issuer.token(START)));
    assert_eq!(rig.get("/orders/7?page=2", &fields).await.text(), "hello");
    let requests = upstream.take();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert!(request.starts_with("GET /orders/7?page=2 HTTP/1.1\r\n"), "{request}");
    let lower = request.to_ascii_lowercase();
    assert!(lower.contains("\r\nx-subject: alice\r\n"), "{request}");
    assert!(!lower.contains("authorization") && !lower.contains("mallory"), "{request}");
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_at_the_very_second_that_it_says_also_when_it_was_seen_before() {
    let (upstream, issuer) = (Upstream::replying(OK).await, Issuer::new());
    let rig = Rig::serve(&config(&upstream, &issuer, "")).await;
    let token = bearer(&issuer.token(START));
    let end = START.plus(Duration::from_mins(1));
    for (now, status) in
        [(START, 200), (end.minus(Duration::from_millis(1)), 200), (end, 401), (end.plus(Duration::from_secs(1)), 401)]
    {
        rig.clock.set_wall(now);
        assert_eq!(rig.get("/orders", &token).await.status, status, "{now:?}");
    }
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_taken_where_sdks_send_it_until_it_ends() {
    let (upstream, issuer) = (Upstream::replying(OK).await, Issuer::new());
    let (secret, key) = api_key("batch", "\"2027-01-15T09:00:00Z\"");
    let rig = Rig::serve(&config(&upstream, &issuer, &secret)).await;
    let last = key.chars().last().unwrap();
    let mistyped = format!("{}{}", key.strip_suffix(last).unwrap(), if last == 'a' { 'b' } else { 'a' });
    let (_, unknown) = api_key("unknown", "\"2027-01-15T09:00:00Z\"");
    for (row, fields, status) in [
        ("in Authorization", bearer(&key), 200),
        ("in x-api-key", format!("x-api-key: {key}\r\n"), 200),
        ("in another header", format!("x-key: {key}\r\n"), 401),
        ("in two headers", format!("x-api-key: {key}\r\napi-key: {key}\r\n"), 400),
        ("mistyped", format!("x-api-key: {mistyped}\r\n"), 401),
        ("unknown", format!("x-api-key: {unknown}\r\n"), 401),
    ] {
        assert_eq!(rig.get("/orders", &fields).await.status, status, "{row}");
    }
    rig.clock.set_wall(START.plus(Duration::from_hours(1)));
    assert_eq!(rig.get("/orders", &bearer(&key)).await.status, 401, "at its end");
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_is_written_to_the_log() {
    let (upstream, issuer) = (Upstream::replying(OK).await, Issuer::new());
    let (secret, key) = api_key("batch", "\"2027-01-15T09:00:00Z\"");
    let rig = Rig::serve(&config(&upstream, &issuer, &secret)).await;
    let (good, bad) = (issuer.token(START), issuer.token_with(START, "aud", "invoices"));
    for fields in [bearer(&good), bearer(&bad), format!("x-api-key: {key}\r\n")] {
        rig.get("/orders?secret=planted", &fields).await;
    }
    let log = rig.drain_and_read_log().await;
    assert_eq!(log.lines().count(), 3, "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["path"], &line["rule"]), (&json!("/orders"), &json!("shop/orders/read")));
    }
    for secret in [&good, &bad, &key, "planted"] {
        assert!(!log.contains(secret), "{log}");
    }
}
