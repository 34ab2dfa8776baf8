//! Edits of a policy that issues tokens: what stays good, what ends, and what is said of it.

use std::time::Duration;

use bearward::jose::Algorithm;

use super::{HOST, POLICY, Shop};
use crate::client::get;
use crate::kit::Signer;

#[tokio::test(flavor = "multi_thread")]
async fn another_name_of_the_issuer_takes_no_keys_of_the_old_one_and_loses_none() {
    let mut shop = Shop::serve(POLICY).await;
    let before = shop.token().await;
    shop.edit("issuer: https://gw.example.com/shop", "issuer: https://gw.example.com/other").await;
    shop.until(async |shop| !shop.codes().await.is_empty()).await;
    let said = shop.rig.findings_now().await;
    assert!(said.contains("another issuer, https://gw.example.com/shop"), "{said}");
    assert_eq!(shop.status_of(&before.text).await, 401, "it is not of this issuer");
    assert_eq!(shop.ask().await.status, 404);
    let refused = shop.post("/other/token", "grant_type=client_credentials").await;
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true), "{}", refused.text());
    shop.pass(Duration::from_mins(1));
    // After a restart it is the same, and said too.
    let mut shop = shop.restart(|_| {}).await;
    shop.until(async |shop| shop.rig.findings_now().await.contains("another issuer, https://gw.example.com/shop"))
        .await;
    assert_eq!(shop.post("/other/token", "grant_type=client_credentials").await.status, 503);
    shop.edit("issuer: https://gw.example.com/other", "issuer: https://gw.example.com/shop").await;
    shop.until(async |shop| shop.ask().await.status == 200).await;
    assert_eq!(shop.token().await.kid, before.kid);
    assert_eq!(shop.status_of(&before.text).await, 200);
    shop.until(async |shop| shop.codes().await.is_empty()).await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_removed_and_put_back_has_its_keys() {
    let shop = Shop::serve(POLICY).await;
    let before = shop.token().await;
    shop.write("").await;
    assert_eq!(shop.status_of(&before.text).await, 503);
    assert_eq!(shop.ask().await.status, 404);
    shop.pass(Duration::from_secs(5));
    shop.write(POLICY).await;
    shop.until(async |shop| shop.ask().await.status == 200).await;
    assert_eq!(shop.status_of(&before.text).await, 200);
    assert_eq!(shop.token().await.kid, before.kid);
    shop.quiet().await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_breaks_otherwise_refuses_and_loses_nothing() {
    let mut shop = Shop::serve(POLICY).await;
    let before = shop.token().await;
    let keys = "{name: own, issued: {}}\n";
    // What an API server takes, and is broken all the same.
    let broken = "{name: own, issued: {}}\n  - {name: b, jwt: {issuer: \"https://b\", audiences: [b], keys: {inline: \
                  '{}'}}}\n";
    shop.edit(keys, broken).await;
    assert!(!shop.codes().await.is_empty());
    shop.pass(Duration::from_secs(5));
    shop.edit(broken, keys).await;
    shop.until(async |shop| shop.ask().await.status == 200).await;
    assert_eq!(shop.token().await.kid, before.kid);
    assert_eq!(shop.status_of(&before.text).await, 200);
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_policies_are_two_issuers_and_one_does_not_take_what_the_other_signs() {
    let second = POLICY
        .replace("name: tokens", "name: second")
        .replace("gw.example.com/shop", "gw.example.com/second")
        .replace("shop-keys", "second-keys");
    let shop = Shop::serve(&[POLICY, &second].concat()).await;
    shop.until(async |shop| shop.post("/second/token", "grant_type=client_credentials").await.status == 200).await;
    let (one, other) = (shop.token().await, shop.post("/second/token", "grant_type=client_credentials").await);
    let other = super::Token::given(&other);
    assert_ne!(one.kid, other.kid);
    assert_eq!((shop.status_of(&one.text).await, shop.status_of(&other.text).await), (200, 401));
    // Of two that say they are one issuer, or keep their keys in one place, the older is in force.
    for (from, to) in [("gw.example.com/second", "gw.example.com/shop"), ("second-keys", "shop-keys")] {
        shop.write(&[POLICY, &second.replace(from, to)].concat()).await;
        shop.until(async |shop| shop.codes().await == ["DuplicateIssuer"]).await;
        assert_eq!(shop.token().await.kid, one.kid, "{to}");
        assert_eq!(shop.status_of(&one.text).await, 200, "{to}");
        shop.write(&[POLICY, &second].concat()).await;
        shop.until(async |shop| shop.post("/second/token", "grant_type=client_credentials").await.status == 200).await;
        let back = shop.post("/second/token", "grant_type=client_credentials").await;
        assert_eq!(super::Token::given(&back).kid, other.kid, "{to}");
    }
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_kept_elsewhere_are_other_keys_and_the_old_ones_wait_in_their_place() {
    let mut shop = Shop::serve(POLICY).await;
    let before = shop.token().await;
    let old = std::fs::read(shop.rig.state().join("shop.shop-keys.json")).unwrap();
    shop.edit("{name: shop-keys}", "{name: other-keys}").await;
    shop.until(async |shop| shop.ask().await.status == 200).await;
    let other = shop.token().await;
    assert_ne!(other.kid, before.kid);
    assert!(!shop.kids().await.contains(&before.kid));
    assert_eq!(shop.status_of(&before.text).await, 401);
    shop.quiet().await;
    assert_eq!(std::fs::read(shop.rig.state().join("shop.shop-keys.json")).unwrap(), old);
    let mut shop = shop.restart(|_| {}).await;
    assert_eq!(shop.token().await.kid, other.kid);
    shop.edit("{name: other-keys}", "{name: shop-keys}").await;
    shop.until(async |shop| shop.ask().await.status == 200).await;
    assert_eq!(shop.token().await.kid, before.kid);
    assert_eq!((shop.status_of(&before.text).await, shop.status_of(&other.text).await), (200, 401));
    shop.quiet().await;
    shop.end().await;
}

/// A Secret with a key of the user's own.
fn own_secret(name: &str, member: &str, text: &str) -> String {
    let text = text.replace('\n', "\n    ");
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: shop, labels: {{bearward.dev/use: \
         signing-key}}}}\nstringData:\n  {member}: |\n    {text}\n---\n"
    )
}

fn own(keys: &str) -> String {
    POLICY
        .replace("    rotation: {every: 10m, publishAhead: 1m}\n", "")
        .replace("keysSecretRef: {name: shop-keys}", &format!("ownKeys: [{keys}]"))
}

/// A private key in PEM, as `openssl` or `bearward keys generate signing` makes it, and its id.
fn pem(algorithm: Algorithm) -> (String, String) {
    let key = bearward::jose::SigningKey::generate(algorithm).unwrap();
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.to_pkcs8().unwrap().expose());
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", lines.join("\n"));
    (pem, key.thumbprint().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_users_own_sign_in_the_order_in_which_they_are_written() {
    let ((one, first), (two, second)) = (pem(Algorithm::ES256), pem(Algorithm::ES256));
    let secrets = own_secret("one", "key", &one) + &own_secret("two", "key", &two);
    let entry = |name: &str| format!("{{name: {name}, key: key}}");
    let (a, b) = (entry("one"), entry("two"));
    let shop = Shop::serve(&(own(&a) + &secrets)).await;
    let old = shop.token().await;
    assert_eq!((&old.kid, shop.kids().await), (&first, vec![first.clone()]));
    // The new one second, then first, then alone.
    shop.write(&(own(&[a.as_str(), &b].join(", ")) + &secrets)).await;
    assert_eq!((shop.token().await.kid, shop.kids().await.len()), (first.clone(), 2));
    assert_eq!(shop.status_of(&old.text).await, 200);
    shop.write(&(own(&[b.as_str(), &a].join(", ")) + &secrets)).await;
    assert_eq!((shop.token().await.kid, shop.kids().await.len()), (second.clone(), 2));
    assert_eq!(shop.status_of(&old.text).await, 200);
    shop.write(&(own(&b) + &secrets)).await;
    assert_eq!((shop.token().await.kid, shop.kids().await), (second.clone(), vec![second]));
    assert_eq!(shop.status_of(&old.text).await, 401);
    shop.quiet().await;
    assert!(!shop.rig.state().join("shop.one.json").exists(), "what is a user's own is not written");
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_users_own_that_cannot_be_used_refuses_and_says_why() {
    let (good, kid) = pem(Algorithm::ES256);
    let jwk = Signer::rsa(Algorithm::RS256);
    let policy = own("{name: one, key: key}");
    let rsa = policy.replace("algorithm: ES256", "algorithm: RS256");
    let shop = Shop::serve(&(policy.clone() + &own_secret("one", "key", &good))).await;
    let token = shop.token().await;
    assert_eq!(token.kid, kid);
    for (row, policy, secret, expected) in [
        ("no Secret", &policy, String::new(), "SecretNotFound"),
        ("another member", &policy, own_secret("one", "other", &good), "InvalidSecret"),
        ("another algorithm", &policy, own_secret("one", "key", &pem(Algorithm::EdDSA).0), "SigningKeyUnusable"),
        ("another curve", &policy, own_secret("one", "key", &pem(Algorithm::ES384).0), "SigningKeyUnusable"),
        ("no key", &policy, own_secret("one", "key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"), "SigningKeyUnusable"),
        ("offered for something else", &policy, own_secret("one", "key", &good).replace("signing-key", "tls"), ""),
        ("an algorithm of the policy's", &rsa, own_secret("one", "key", &good), "SigningKeyUnusable"),
    ] {
        shop.write(&(policy.clone() + &secret)).await;
        let codes = shop.codes().await;
        assert!(!codes.is_empty() && (expected.is_empty() || codes.contains(&expected.to_owned())), "{row}: {codes:?}");
        assert!(!shop.rig.findings_now().await.contains("AAAA"), "{row}");
        let refused = shop.ask().await;
        assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true), "{row}: {}", refused.text());
        shop.write(&(own("{name: one, key: key}") + &own_secret("one", "key", &good))).await;
        shop.quiet().await;
        assert_eq!(shop.token().await.kid, kid, "{row}");
        assert_eq!(shop.status_of(&token.text).await, 200, "{row}");
    }
    // As a JWK, of another algorithm.
    shop.write(&(rsa + &own_secret("one", "key", crate::kit::RSA_JWK))).await;
    let token = shop.token().await;
    assert_eq!((token.algorithm.as_str(), token.kid), ("RS256", jwk.kid()));
    assert_eq!(get(shop.rig.http(), HOST, "/shop/jwks", "").await.status, 200);
    shop.end().await;
}
