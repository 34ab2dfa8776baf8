//! What operators see of issuers: metrics of their keys, and the snapshot.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::{POLICY, Shop};
use crate::client::get;

impl Shop {
    /// The value of a series.
    async fn metric(&self, series: &str) -> Option<i64> {
        let page = get(self.rig.gateway.probes(), "localhost", "/metrics", "").await;
        let line = page.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned));
        line.map(|value| value.parse().unwrap())
    }

    async fn next_step(&self) -> Option<i64> {
        self.metric("bearward_signing_next_step_seconds{policy=\"shop/tokens\"}").await
    }

    async fn overdue(&self) -> Option<i64> {
        self.metric("bearward_signing_step_overdue{policy=\"shop/tokens\"}").await
    }

    async fn count(&self, state: &str) -> Option<i64> {
        self.metric(&format!("bearward_signing_keys{{policy=\"shop/tokens\",state=\"{state}\"}}")).await
    }

    async fn age(&self, kid: &str) -> Option<i64> {
        self.metric(&format!("bearward_signing_key_age_seconds{{policy=\"shop/tokens\",kid=\"{kid}\"}}")).await
    }

    async fn counts(&self) -> [Option<i64>; 4] {
        [
            self.count("Pending").await,
            self.count("Active").await,
            self.count("Retiring").await,
            self.count("Compromised").await,
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_how_old_the_key_is_and_when_the_next_step_comes() {
    let shop = Shop::serve(POLICY).await;
    let first = shop.token().await;
    let since = shop.since(&first.kid);
    for seconds in [0, 100, 300] {
        shop.pass(Duration::from_secs(seconds));
        let age = i64::try_from(shop.now().since(since).as_secs()).unwrap();
        assert_eq!(shop.age(&first.kid).await, Some(age));
        let next = shop.next_step().await.unwrap();
        assert!((600 - age - 1..=600 - age).contains(&next), "{next} at {age}");
        assert_eq!(shop.counts().await, [Some(1), Some(1), Some(0), Some(0)]);
        assert_eq!(shop.overdue().await, Some(0));
    }
    let left = u64::try_from(shop.next_step().await.unwrap()).unwrap();
    shop.pass(Duration::from_secs(left - 2));
    let second = shop.until_another_signs(&first.kid, &mut vec![]).await;
    assert_eq!((shop.age(&first.kid).await, shop.age(&second.kid).await.is_some()), (None, true));
    assert_eq!(shop.counts().await, [Some(1), Some(1), Some(1), Some(0)]);
    // The retired key goes first: lifetime + leeway + jwksMaxAge.
    let next = shop.next_step().await.unwrap();
    assert!((100..=180).contains(&next), "{next}");
    shop.pass(Duration::from_mins(3));
    shop.until(async |shop| shop.counts().await == [Some(1), Some(1), Some(0), Some(0)]).await;
    assert_eq!(shop.overdue().await, Some(0));
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_does_not_come_is_overdue_until_it_does() {
    let shop = Shop::serve(POLICY).await;
    let first = shop.token().await;
    let blocked = shop.rig.state().join(".shop.shop-keys.json.new");
    fs::create_dir(&blocked).unwrap();
    shop.pass(Duration::from_secs(590));
    assert_eq!(shop.overdue().await, Some(0));
    shop.pass(Duration::from_secs(16));
    assert_eq!((shop.overdue().await, shop.next_step().await), (Some(1), Some(0)));
    shop.pass(Duration::from_hours(1));
    assert_eq!((shop.overdue().await, shop.next_step().await), (Some(1), Some(0)));
    assert!(shop.age(&first.kid).await.unwrap() > 3_600);
    fs::remove_dir(&blocked).unwrap();
    shop.until_another_signs(&first.kid, &mut vec![]).await;
    shop.until(async |shop| shop.overdue().await == Some(0)).await;
    assert!(shop.next_step().await.unwrap() > 0);
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_without_a_key_that_signs_is_overdue_and_one_that_is_gone_has_no_series() {
    let shop = Shop::serve(POLICY).await;
    let own = POLICY
        .replace("    rotation: {every: 10m, publishAhead: 1m}\n", "")
        .replace("keysSecretRef: {name: shop-keys}", "ownKeys: [{name: missing, key: key}]");
    shop.write(&own).await;
    assert_eq!((shop.overdue().await, shop.next_step().await), (Some(1), None));
    assert_eq!(shop.counts().await, [Some(0); 4]);
    shop.write("").await;
    assert_eq!((shop.overdue().await, shop.counts().await), (None, [None; 4]));
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snapshot_shows_issuers_and_no_secret_of_them() {
    let shop = Shop::serve(POLICY).await;
    let token = shop.token().await;
    let shown = shop.rig.shown().await;
    let issuer = &shown["issuers"][0];
    assert_eq!((&issuer["policy"], &issuer["issuer"]), (&json!("shop/tokens"), &json!("https://gw.example.com/shop")));
    assert_eq!((&issuer["signs"], &issuer["unavailable"]), (&json!(token.kid), &Value::Null));
    let kids: Vec<_> = issuer["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids[0], token.kid);
    let mut sorted: Vec<_> = kids.iter().map(|kid| (*kid).to_owned()).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, shop.kids().await);
    assert_eq!((&issuer["keys"][0]["state"], &issuer["keys"][1]["state"]), (&json!("Active"), &json!("Pending")));
    let client = json!({
        "id": "batch", "known_by": "secret", "grants": ["client_credentials"], "scopes": ["orders:read"],
        "audiences": ["orders"],
    });
    assert_eq!(issuer["clients"], json!([client]));
    let text = shown.to_string();
    let hash = crate::kit::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, shop.secret.as_bytes()));
    for planted in [shop.secret.as_str(), "sha256:", &hash, "private", "\"d\""] {
        assert!(!text.contains(planted), "{planted} is in {text}");
    }
    shop.end().await;
}
