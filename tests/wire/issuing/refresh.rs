//! Refresh tokens over a restart and a crash, and what their reuse brings.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::{POLICY, Shop, Token, post};
use crate::client::{Reply, get};
use crate::issuer::{ISSUER, Issuer};

/// A policy with a client that exchanges tokens of this issuer, and gets refresh tokens.
pub(super) fn exchanging(issuer: &Issuer) -> String {
    let clients = "    - {id: terminal, public: true, grants: [token_exchange, refresh_token], scopes: [orders:read]}\n    \
                   rotation:";
    let subjects = format!(
        "    subjects:\n    - {{name: corp, jwt: {{issuer: \"{ISSUER}\", audiences: [orders], keys: {{inline: '{}'}}}}}}\n    \
         refresh: {{lifetime: 1h, grace: 10s}}\n    keysSecretRef:",
        issuer.key_set()
    );
    POLICY.replace("    rotation:", clients).replace("    keysSecretRef:", &subjects)
}

/// Exchanges an outside token.
pub(super) async fn exchange(shop: &Shop, subject: &str) -> Reply {
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&client_id=terminal&subject_token={subject}&\
         subject_token_type=urn:ietf:params:oauth:token-type:access_token"
    );
    post(shop.rig.http(), "/shop/token", None, &form).await
}

pub(super) async fn refresh(shop: &Shop, token: &str) -> Reply {
    let form = format!("grant_type=refresh_token&client_id=terminal&refresh_token={token}");
    post(shop.rig.http(), "/shop/token", None, &form).await
}

pub(super) fn refresh_token(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let given: Value = serde_json::from_slice(&reply.body).unwrap();
    given["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_outlive_a_restart_and_a_crash_in_the_middle_of_a_write() {
    let issuer = Issuer::new();
    let shop = Shop::serve(&exchanging(&issuer)).await;
    let first = exchange(&shop, &issuer.token(shop.now())).await;
    let one = refresh_token(&first);
    assert_eq!(shop.status_of(&Token::given(&first).text).await, 200);
    let two = refresh_token(&refresh(&shop, &one).await);
    let shop = shop.restart(|_| {}).await;
    // The answer was lost, and the gateway was started anew.
    assert_eq!(refresh_token(&refresh(&shop, &one).await), two, "within the grace it is the same");
    let three = refresh_token(&refresh(&shop, &two).await);
    // What a crash leaves of a line that was being written.
    let shop = shop
        .restart(|state| {
            let journal = state.join("records/records.journal");
            let bytes = fs::read(&journal).unwrap();
            let line = bytes.split_inclusive(|byte| *byte == b'\n').next_back().unwrap().to_vec();
            let mut file = fs::OpenOptions::new().append(true).open(&journal).unwrap();
            file.write_all(&line[..line.len() / 2]).unwrap();
            fs::write(state.join("records/records.journal.new"), &bytes[..bytes.len() / 2]).unwrap();
        })
        .await;
    let four = refresh(&shop, &three).await;
    assert_eq!(shop.status_of(&Token::given(&four).text).await, 200);
    for refused in ["", "bwr_x", &refresh_token(&four)[..40], &format!("{}x", refresh_token(&four))] {
        assert_eq!(refresh(&shop, refused).await.status, 400, "{refused}");
    }
    // All of a family ends together.
    shop.pass(Duration::from_mins(61));
    assert_eq!(refresh(&shop, &refresh_token(&four)).await.status, 400);
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reuse_revokes_the_family_for_good_and_is_logged_and_counted() {
    let issuer = Issuer::new();
    let shop = Shop::serve(&exchanging(&issuer)).await;
    let (one, other) =
        (exchange(&shop, &issuer.token(shop.now())).await, exchange(&shop, &issuer.token(shop.now())).await);
    let (one, other) = (refresh_token(&one), refresh_token(&other));
    let two = refresh(&shop, &one).await;
    shop.pass(Duration::from_secs(11));
    let reused = refresh(&shop, &one).await;
    assert_eq!(reused.status, 400);
    assert!(reused.text().contains("invalid_grant"), "{}", reused.text());
    assert_eq!(refresh(&shop, &refresh_token(&two)).await.status, 400, "the whole family is revoked");
    let seen = shop.post("/shop/introspect", &format!("token={}", Token::given(&two).text)).await;
    assert_eq!(seen.text(), "{\"active\":false}", "and so are the access tokens of it");
    let metrics = get(shop.rig.gateway.probes(), "localhost", "/metrics", "").await;
    assert!(metrics.text().contains("bearward_refusals_total{reason=\"refresh_reused\"} 1"), "{}", metrics.text());
    let shop = shop.restart(|_| {}).await;
    assert_eq!(refresh(&shop, &refresh_token(&two)).await.status, 400, "after a restart too");
    assert_eq!(refresh(&shop, &other).await.status, 200, "another family is untouched");
    let log = shop.rig.drain_and_read_log().await;
    let mut reasons: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["status"] == 400)
        .map(|line| line["reason"].as_str().unwrap().to_owned())
        .collect();
    // Each data thread writes its own lines.
    reasons.sort_unstable();
    assert_eq!(reasons, ["refresh_reused", "refresh_revoked", "refresh_revoked"], "{log}");
}
