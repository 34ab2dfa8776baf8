//! Opaque tokens end to end: sealed outside, signed towards the upstream, over rotations and restarts.

use std::time::Duration;

use bearward::jose::KeySet;
use serde_json::Value;

use super::{HOST, POLICY, Shop, Token};
use crate::client::get;

fn opaque() -> String {
    POLICY
        .replace("    lifetime: 2m\n", "    lifetime: 30m\n    format: Opaque\n")
        .replace("spec:\n", "spec:\n  forward: {credential: Sign}\n")
}

/// A token as its client has it.
async fn sealed(shop: &Shop) -> String {
    let reply = shop.ask().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let given: Value = serde_json::from_slice(&reply.body).unwrap();
    given["access_token"].as_str().unwrap().to_owned()
}

/// What the upstream is sent with it.
async fn inside(shop: &Shop, sealed: &str) -> String {
    shop.upstream.take();
    assert_eq!(shop.status_of(sealed).await, 200);
    let requests = shop.upstream.take();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert!(!request.contains(sealed), "{request}");
    let fields: Vec<&str> =
        request.lines().filter(|line| line.to_ascii_lowercase().starts_with("authorization:")).collect();
    let [field] = fields.as_slice() else { panic!("{request}") };
    field.split_once("Bearer ").unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_gets_a_token_that_the_key_set_verifies_and_a_client_none() {
    let shop = Shop::serve(&opaque()).await;
    let sealed = sealed(&shop).await;
    assert!(sealed.starts_with("bwt_") && !sealed.contains('.'), "{sealed}");
    let inside = inside(&shop, &sealed).await;
    let jwks = get(shop.rig.http(), HOST, "/shop/jwks", "").await;
    let (set, skipped) = KeySet::parse(&jwks.body).unwrap();
    assert!(skipped.is_empty());
    let [header, claims, signature] = crate::kit::segments(&inside);
    let token = Token::of(&inside);
    assert!(set.iter().any(|key| key.kid() == Some(&token.kid)));
    // Verified by another implementation's rules: the public half alone, over the bytes as they came.
    let jwk: Value = serde_json::from_slice::<Value>(&jwks.body).unwrap()["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == token.kid.as_str())
        .unwrap()
        .clone();
    let point =
        [&[4][..], &crate::kit::decode(jwk["x"].as_str().unwrap()), &crate::kit::decode(jwk["y"].as_str().unwrap())];
    let public =
        aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, point.concat());
    public.verify(format!("{header}.{claims}").as_bytes(), &crate::kit::decode(signature)).unwrap();
    // What an upstream was passed is no credential outside, nor is a sealed token that was changed.
    let (rest, last) = sealed.split_at(sealed.len() - 3);
    let changed = format!("{rest}{}", last.chars().rev().collect::<String>());
    for refused in [inside.as_str(), &changed, &sealed[..sealed.len() - 4], "bwt_", "bwt_AAAA"] {
        assert_eq!(shop.status_of(refused).await, 401, "{refused}");
    }
    let seen = shop.post("/shop/introspect", &format!("token={sealed}")).await;
    assert!(seen.text().contains("\"active\":true"), "{}", seen.text());
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_token_is_opened_until_its_end_over_rotations_and_restarts() {
    let shop = Shop::serve(&opaque()).await;
    let first = sealed(&shop).await;
    let began = shop.now();
    let mut signs = Token::of(&inside(&shop, &first).await);
    let kid = signs.kid.clone();
    let mut shop = shop;
    for _ in 0..2 {
        shop.pass(Duration::from_secs(595));
        shop.until(async |shop| {
            let sealed = sealed(shop).await;
            Token::of(&inside(shop, &sealed).await).kid != signs.kid
        })
        .await;
        let next = sealed(&shop).await;
        signs = Token::of(&inside(&shop, &next).await);
        shop.settled().await;
        shop = shop.restart(|_| {}).await;
        assert_eq!(Token::of(&inside(&shop, &first).await).kid, kid);
    }
    shop.pass(Duration::from_secs(1_800 + 29).saturating_sub(shop.now().since(began)));
    assert_eq!(shop.status_of(&first).await, 200, "within the leeway");
    shop.pass(Duration::from_secs(2));
    assert_eq!(shop.status_of(&first).await, 401);
    shop.quiet().await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_tokens_of_a_compromised_key_are_refused_and_those_of_the_next_are_not() {
    let shop = Shop::serve(&opaque()).await;
    let first = sealed(&shop).await;
    let kid = Token::of(&inside(&shop, &first).await).kid;
    let asker = bearward::operate::signing::Asker::Folder { folder: shop.rig.state(), namespace: Some("shop".into()) };
    asker.compromise("tokens", &kid).await.unwrap();
    shop.until(async |shop| shop.status_of(&first).await == 401).await;
    shop.until(async |shop| shop.ask().await.status == 200).await;
    let second = sealed(&shop).await;
    assert_ne!(Token::of(&inside(&shop, &second).await).kid, kid);
    let seen = shop.post("/shop/introspect", &format!("token={first}")).await;
    assert_eq!(seen.text(), "{\"active\":false}");
    let log = shop.rig.drain_and_read_log().await;
    let refused: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["status"] == 401)
        .collect();
    // The seal went with the key: what it sealed is not looked into any more.
    assert!(!refused.is_empty() && refused.iter().all(|line| line["reason"] == "seal_unknown"), "{refused:?}");
}
