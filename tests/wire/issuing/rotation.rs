//! Keys that replace each other on schedule, and by edits of the schedule.

use std::collections::BTreeSet;
use std::time::Duration;

use bearward::jose::Algorithm;
use bearward::rotation::State;
use serde_json::{Value, json};

use super::{HOST, POLICY, Shop};
use crate::client::get;

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_and_published_and_what_they_sign_is_taken() {
    let shop = Shop::serve(POLICY).await;
    let token = shop.token().await;
    assert_eq!((token.algorithm.as_str(), token.lives), ("ES256", 120));
    assert_eq!(shop.status_of(&token.text).await, 200);
    assert_eq!(shop.kids().await.len(), 2, "the one that signs, and the next");
    assert!(shop.kids().await.contains(&token.kid));
    let jwks = get(shop.rig.http(), HOST, "/shop/jwks", "").await;
    assert_eq!(jwks.header("content-type"), Some("application/json"));
    assert!(!jwks.text().contains("\"d\""), "{}", jwks.text());
    for path in ["/shop/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/shop"] {
        let metadata: Value = serde_json::from_slice(&get(shop.rig.http(), HOST, path, "").await.body).unwrap();
        assert_eq!(metadata["issuer"], "https://gw.example.com/shop");
        assert_eq!(metadata["jwks_uri"], "https://gw.example.com/shop/jwks");
        assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
    }
    shop.quiet().await;
    for wrong in ["grant_type=password", "", "grant_type=client_credentials&scope=orders:write"] {
        assert_eq!(shop.post("/shop/token", wrong).await.status, 400, "{wrong}");
    }
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_on_schedule_and_nothing_that_they_signed_is_refused_before_its_end() {
    let shop = Shop::serve(POLICY).await;
    let (mut tokens, mut signers) = (Vec::new(), BTreeSet::new());
    let mut signs = shop.token().await;
    tokens.push(signs.clone());
    for _ in 0..4 {
        assert!(signers.insert(signs.kid.clone()), "{} signs again", signs.kid);
        let since = shop.since(&signs.kid);
        shop.pass(Duration::from_secs(595).saturating_sub(shop.now().since(since)));
        tokens.push(shop.token().await);
        let next = shop.until_another_signs(&signs.kid, &mut tokens).await;
        let signed = shop.since(&next.kid).since(since);
        assert!(signed >= 10 * MINUTE && signed < 12 * MINUTE, "the key signed for {signed:?}");
        // Retired, and published for as long as it may be needed: lifetime + leeway + jwksMaxAge.
        let Some(State::Retiring { settled: Some(retired), .. }) =
            shop.ring().unwrap().key(&signs.kid).map(|key| key.state)
        else {
            panic!("the key is not retired")
        };
        shop.pass(2 * MINUTE);
        shop.hold(&tokens).await;
        shop.pass(Duration::from_secs(50));
        while shop.kids().await.contains(&signs.kid) {
            shop.hold(&tokens).await;
            shop.step().await;
        }
        let stayed = shop.now().since(retired);
        assert!(stayed >= 3 * MINUTE && stayed < 4 * MINUTE, "it stayed for {stayed:?}");
        tokens.retain(|token| token.kid == next.kid);
        signs = next;
    }
    shop.quiet().await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_algorithm_signs_once_its_key_was_published_for_long_enough() {
    let mut shop = Shop::serve(POLICY).await;
    let mut signs = shop.token().await;
    let mut tokens = vec![signs.clone()];
    for (from, to) in [("ES256", "RS256"), ("RS256", "EdDSA"), ("EdDSA", "PS256"), ("PS256", "ES384")] {
        shop.edit(&format!("algorithm: {from}"), &format!("algorithm: {to}")).await;
        let edited = shop.now();
        shop.pass(MINUTE / 2);
        signs = shop.until_another_signs(&signs.kid, &mut tokens).await;
        assert_eq!(signs.algorithm, to);
        let after = shop.now().since(edited);
        assert!(after > MINUTE / 2 && after < 5 * MINUTE, "{to} signed after {after:?}");
        tokens.retain(|token| token.expires > shop.now().secs());
    }
    shop.quiet().await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_takes_another_edit_back_changes_no_key_that_signs() {
    let mut shop = Shop::serve(POLICY).await;
    let before = shop.token().await;
    let kids: BTreeSet<String> = shop.kids().await.into_iter().collect();
    shop.edit("algorithm: ES256", "algorithm: EdDSA").await;
    shop.until(async |shop| shop.kids().await.into_iter().collect::<BTreeSet<_>>() != kids).await;
    shop.edit("algorithm: EdDSA", "algorithm: ES256").await;
    shop.until(async |shop| shop.kids().await.len() == 2).await;
    shop.pass(5 * MINUTE);
    assert_eq!(shop.token().await.kid, before.kid);
    shop.pass(4 * MINUTE);
    let next = shop.until_another_signs(&before.kid, &mut vec![]).await;
    assert_eq!(next.algorithm, "ES256");
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_ahead_counts_as_it_is_when_the_next_key_is_to_sign() {
    for (to, least, most) in [("publishAhead: 5m", 300, 420), ("publishAhead: 35s", 35, 58)] {
        let mut shop = Shop::serve(POLICY).await;
        let before = shop.token().await;
        shop.edit("algorithm: ES256", "algorithm: EdDSA").await;
        let confirmed = async |shop: &Shop| match shop.ring().unwrap().pending().map(|key| (key.algorithm, key.state)) {
            Some((Algorithm::EdDSA, State::Pending { confirmed })) => confirmed,
            _ => None,
        };
        shop.until(async |shop| confirmed(shop).await.is_some()).await;
        let confirmed = confirmed(&shop).await.unwrap();
        shop.edit("publishAhead: 1m", to).await;
        shop.pass(Duration::from_secs(least - 30));
        let after = shop.until_another_signs(&before.kid, &mut vec![]).await;
        let took = shop.since(&after.kid).since(confirmed);
        assert!(took >= Duration::from_secs(least) && took < Duration::from_secs(most), "{to}: {took:?}");
        shop.quiet().await;
        shop.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_lifetime_is_written_before_it_is_in_force_and_a_shorter_one_is_at_once() {
    let mut shop = Shop::serve(POLICY).await;
    shop.edit("lifetime: 2m", "lifetime: 5m").await;
    assert!([120, 300].contains(&shop.token().await.lives));
    shop.until(async |shop| shop.token().await.lives == 300).await;
    let long = shop.token().await;
    let ring = std::fs::read_to_string(shop.rig.state().join("shop.shop-keys.last")).unwrap();
    assert!(ring.contains("300"), "{ring}");
    shop.edit("lifetime: 5m", "lifetime: 1m").await;
    assert_eq!(shop.token().await.lives, 60);
    // The key stays for the longest that it ever signed under.
    let mut tokens = vec![long.clone()];
    shop.pass(9 * MINUTE + MINUTE / 2);
    shop.until_another_signs(&long.kid, &mut tokens).await;
    let retired = shop.since(&long.kid);
    shop.pass(Duration::from_secs(340));
    assert!(shop.kids().await.contains(&long.kid));
    while shop.kids().await.contains(&long.kid) {
        shop.step().await;
    }
    let stayed = shop.now().since(retired);
    assert!(stayed >= 6 * MINUTE && stayed < 9 * MINUTE, "{stayed:?}");
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_age_of_the_key_set_is_announced_at_once_and_a_longer_one_when_it_is_written() {
    let mut shop = Shop::serve(POLICY).await;
    let age = async |shop: &Shop| {
        let reply = get(shop.rig.http(), HOST, "/shop/jwks", "").await;
        reply.header("cache-control").unwrap().to_owned()
    };
    assert!(age(&shop).await.contains("max-age=30"), "{}", age(&shop).await);
    shop.edit("jwksMaxAge: 30s", "jwksMaxAge: 5s").await;
    assert!(age(&shop).await.contains("max-age=5"), "{}", age(&shop).await);
    shop.edit("jwksMaxAge: 5s", "jwksMaxAge: 50s").await;
    shop.until(async |shop| age(shop).await.contains("max-age=50")).await;
    // What breaks the arithmetic does not come into force: the last version of the file does.
    shop.rig.replace(&POLICY.replace("jwksMaxAge: 30s", "jwksMaxAge: 10m"));
    shop.until(async |shop| shop.codes().await.contains(&"InvalidValue".to_owned())).await;
    assert!(age(&shop).await.contains("max-age=50"), "{}", age(&shop).await);
    assert_eq!(shop.ask().await.status, 200);
    shop.end().await;
}
