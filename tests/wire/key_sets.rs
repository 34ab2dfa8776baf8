//! Key sets that are fetched: what a token gets while they are missing, old, broken or new.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bearward::clock::{Clock, UnixTime};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use crate::client::{Client, get, within};
use crate::gateway::Rig;
use crate::issuer::{ISSUER, bearer};
use crate::kit::{
    ES256, Json, NOW, STRANGER, STRICT, Signer, claims, claims_at, jwt_of, key_set, policy, route, tokens,
};
use crate::scripted::{Reply, Scripted};
use crate::table::Expected::{Forwarded, Invalid, Unavailable};
use crate::table::Table;

/// By then keys are fetched again whose issuer does not say how long they are good, and after any failure.
const REFRESH: Duration = Duration::from_mins(5);

/// Two policies whose keys are at `/keys` of this issuer and of another.
fn yaml(upstream: &str, issuer: &Scripted, other: &Scripted) -> String {
    let of = |issuer: &Scripted| [jwt_of(ISSUER, &format!("{{url: \"{}\"}}", issuer.url("/keys")), STRICT)];
    route(upstream, &["fetched", "other"].map(|name| (name, tokens(&[name]))))
        + &policy("fetched", &of(issuer))
        + &policy("other", &of(other))
}

async fn table(issuer: &Scripted, other: &Scripted) -> Table {
    Table::serve(|upstream| yaml(upstream, issuer, other)).await
}

fn now(rig: &Rig) -> i64 {
    Clock::manual(Arc::clone(&rig.clock)).now().secs()
}

/// A token that was issued this second.
fn fresh(signer: &Signer, rig: &Rig) -> String {
    signer.token_of(&claims_at(now(rig)).with("iat", now(rig)))
}

/// A good token of this time.
fn good(signer: &Signer, rig: &Rig) -> String {
    signer.token_of(&claims_at(now(rig)))
}

/// Waits until a token gets this status.
async fn until(rig: &Rig, token: &str, status: u16) {
    within(async { while rig.get("/fetched/until", &bearer(token)).await.status != status {} }).await;
}

/// Waits until the findings contain these words.
async fn told(rig: &Rig, words: &str) {
    let mut findings = String::new();
    let told = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let shown = get(rig.gateway.admin(), "localhost", "/snapshot", "").await;
            let shown: serde_json::Value = serde_json::from_slice(&shown.body).unwrap();
            findings = shown["findings"].to_string();
            if findings.contains(words) {
                return;
            }
            // What is quiet is told by the clock.
            rig.clock.advance(Duration::from_millis(10));
        }
    })
    .await;
    assert!(told.is_ok(), "waited in vain for {words}: {findings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_refused_for_want_of_keys() {
    let (issuer, other) = (Scripted::start().await, Scripted::with_keys(&key_set([ES256.jwk()])).await);
    let mut table = table(&issuer, &other).await;
    let token = ES256.token_of(&claims());
    table.token("fetched", "no keys were ever had", &token, Unavailable("keys_unavailable")).await;
    let stranger = STRANGER.token_of(&claims());
    table.token("fetched", "nor a stranger's", &stranger, Unavailable("keys_unavailable")).await;
    let expired = ES256.token_of(&claims().with("exp", NOW));
    table.token("fetched", "what is wrong without any key", &expired, Invalid("expired")).await;
    table.token("other", "another issuer, meanwhile", &token, Forwarded).await;
    let ready = get(table.rig.gateway.probes(), "localhost", "/readyz", "").await;
    assert_eq!(ready.status, 200, "ready once the failure is on record: {ready:?}");
    told(&table.rig, "KeysUnavailable").await;
    issuer.reply("/keys", Reply::ok(key_set([ES256.jwk()])));
    table.rig.clock.advance(Duration::from_secs(10));
    until(&table.rig, &token, 200).await;
    table.token("fetched", "once they are there", &token, Forwarded).await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_good_keys_outlive_whatever_the_issuer_serves_instead() {
    let keys = key_set([ES256.jwk()]);
    let (issuer, other) = (Scripted::with_keys(&keys).await, Scripted::with_keys(&keys).await);
    let mut table = table(&issuer, &other).await;
    let elsewhere = Scripted::with_keys(&key_set([STRANGER.jwk()])).await;
    let redirect = |location: &str| Reply::with("302 Found", &format!("location: {location}\r\n"), "");
    let asked_other = other.total();
    let large = format!("{{\"keys\":[{}],\"x\":\"{}\"}}", STRANGER.jwk().text(), "x".repeat(10 << 20));
    let unfit = key_set([STRANGER.jwk().with_text("use", "enc")]);
    for (name, reply, words) in [
        // What is told differs from one to the next.
        ("an error page", Reply::ok("<!doctype html><title>Maintenance</title>"), "is not a JSON object"),
        ("a server error", Reply::with("500 Internal Server Error", "", ""), "answered 500"),
        ("nothing", Reply::ok(""), "is not a JSON object"),
        ("an empty set", Reply::ok("{\"keys\":[]}"), "none of the 0 keys"),
        ("a set without a usable key", Reply::ok(unfit), "none of the 1 keys"),
        ("10 MB", Reply::ok(large), "is larger than"),
        ("a redirect elsewhere", redirect(&elsewhere.url("/keys")), "another scheme, host or port"),
        ("nothing there", Reply::with("404 Not Found", "", ""), "answered 404"),
        ("a redirect to a private address", redirect("http://10.0.0.1/keys"), "another scheme, host or port"),
        ("a redirect for ever", redirect("/keys"), "more than 3 times"),
        ("a redirect to metadata", redirect("http://169.254.169.254/keys"), "another scheme, host or port"),
    ] {
        issuer.reply("/keys", reply);
        let asked = issuer.total();
        table.rig.clock.advance(REFRESH);
        issuer.asked(asked + 1).await;
        told(&table.rig, words).await;
        table.token("fetched", name, &good(&ES256, &table.rig), Forwarded).await;
        // None of that is believed.
        let token = STRANGER.token_of(&claims_at(now(&table.rig)).with("iat", NOW - 10));
        table.token("fetched", &format!("{name}, a stranger"), &token, Invalid("unknown_kid")).await;
    }
    assert_eq!(elsewhere.total(), 0, "a redirect was followed");
    assert!(other.total() > asked_other);
    // For a day, but no longer.
    table.rig.clock.advance(Duration::from_hours(24));
    until(&table.rig, &good(&ES256, &table.rig), 503).await;
    table.token("fetched", "older than a day", &good(&ES256, &table.rig), Unavailable("keys_unavailable")).await;
    until_other(&table.rig, &good(&ES256, &table.rig)).await;
    table.token("other", "another issuer, meanwhile", &good(&ES256, &table.rig), Forwarded).await;
    issuer.reply("/keys", Reply::ok(key_set([ES256.jwk()])));
    table.rig.clock.advance(Duration::from_secs(30));
    until(&table.rig, &good(&ES256, &table.rig), 200).await;
    table.token("fetched", "the issuer is back", &good(&ES256, &table.rig), Forwarded).await;
    table.end().await;
}

async fn until_other(rig: &Rig, token: &str) {
    within(async { while rig.get("/other/until", &bearer(token)).await.status != 200 {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_key_costs_no_other() {
    let bad = Signer::new(bearward::jose::Algorithm::ES384);
    let (mistyped, encrypting) = (bad.jwk().with_text("x", "AA"), STRANGER.jwk().with_text("use", "enc"));
    let set = format!("{{\"keys\":[{},7,{{}},{},{}]}}", mistyped.text(), encrypting.text(), ES256.jwk().text());
    let issuer = Scripted::with_keys(&set).await;
    let mut table = table(&issuer, &issuer).await;
    table.token("fetched", "a key for encryption", &STRANGER.token_of(&claims()), Invalid("unknown_kid")).await;
    table.token("fetched", "a key that cannot be read", &bad.token_of(&claims()), Invalid("alg_not_allowed")).await;
    table.token("fetched", "the good one", &ES256.token_of(&claims()), Forwarded).await;
    told(&table.rig, "KeySkipped").await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_another_issuer_gives_no_keys() {
    let (right, wrong) = (Scripted::with_keys(&key_set([ES256.jwk()])).await, Scripted::start().await);
    wrong.reply("/keys", Reply::ok(key_set([ES256.jwk()])));
    let metadata = |issuer: &str, scripted: &Scripted| {
        Reply::ok(serde_json::json!({"issuer": issuer, "jwks_uri": scripted.url("/keys")}).to_string())
    };
    right.reply("/.well-known/openid-configuration", metadata(&right.url(""), &right));
    wrong.reply("/.well-known/openid-configuration", metadata(&wrong.url("/"), &wrong));
    let mut table = Table::serve(|upstream| {
        let of = |issuer: &Scripted| [jwt_of(&issuer.url(""), "{discovery: {}}", STRICT)];
        route(upstream, &["right", "wrong"].map(|name| (name, tokens(&[name]))))
            + &policy("right", &of(&right))
            + &policy("wrong", &of(&wrong))
    })
    .await;
    let of = |issuer: &Scripted| ES256.token_of(&claims().with_text("iss", &issuer.url("")));
    table.token("wrong", "metadata with one slash more", &of(&wrong), Unavailable("IssuerMismatch")).await;
    table.token("wrong", "a token with one slash more", &of_slash(&wrong), Invalid("iss_unknown")).await;
    table.token("right", "metadata of the issuer", &of(&right), Forwarded).await;
    assert_eq!(wrong.count("/keys"), 0, "the keys were fetched all the same");
    told(&table.rig, "IssuerMismatch").await;
    table.end().await;
}

fn of_slash(issuer: &Scripted) -> String {
    ES256.token_of(&claims().with_text("iss", &issuer.url("/")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_unknown_only_by_a_fetch_that_began_after_the_token_was_issued() {
    let issuer = Scripted::with_keys(&key_set([ES256.jwk()])).await;
    let other = Scripted::with_keys(&key_set([ES256.jwk()])).await;
    let mut table = table(&issuer, &other).await;
    let (unknown, not_yet) = (Invalid("unknown_kid"), Unavailable("key_not_fetched_yet"));
    table.token("fetched", "issued before the fetch", &STRANGER.token_of(&claims()), unknown).await;
    assert_eq!(issuer.total(), 1, "nothing was to be learnt");
    let during = fresh(&STRANGER, &table.rig);
    table.token("fetched", "issued in its second", &during, not_yet).await;
    let reply = table.rig.get("/fetched", &bearer(&during)).await;
    assert_eq!(reply.header("retry-after"), Some("10"), "when the next fetch may begin");
    assert_eq!(issuer.total(), 1, "no sooner than ten seconds after the last");
    // What was asked for is fetched when it may be.
    table.rig.clock.advance(Duration::from_secs(10));
    issuer.asked(2).await;
    until(&table.rig, &during, 401).await;
    table.token("fetched", "issued before the next fetch", &during, unknown).await;
    // One that is there after all.
    // Published first: whoever waited above may have asked for the fetch that begins as soon as it may.
    issuer.reply("/keys", Reply::ok(key_set([ES256.jwk(), STRANGER.jwk()])));
    table.rig.clock.advance(Duration::from_secs(10));
    table.token("fetched", "published and used at once", &fresh(&STRANGER, &table.rig), Forwarded).await;
    assert_eq!(issuer.total(), 3, "one fetch");
    table.token("fetched", "the old key, still", &good(&ES256, &table.rig), Forwarded).await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_silent_issuer_is_answered_after_two_seconds() {
    let issuer = Scripted::with_keys(&key_set([ES256.jwk()])).await;
    let mut table = table(&issuer, &issuer).await;
    table.rig.clock.advance(Duration::from_secs(20));
    issuer.reply("/keys", Reply::Silence);
    let mut client = Client::connect(table.rig.http()).await;
    let token = bearer(&fresh(&STRANGER, &table.rig));
    client.send(format!("GET /fetched HTTP/1.1\r\nhost: api.example.com\r\n{token}\r\n")).await;
    issuer.asked(2).await;
    table.token("fetched", "a known key, meanwhile", &good(&ES256, &table.rig), Forwarded).await;
    // The patience is counted from when the request came, which was before the fetch.
    table.rig.clock.advance(Duration::from_secs(2));
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "keys_unavailable"));
    assert!(reply.header("retry-after").is_some() && reply.header("www-authenticate").is_none(), "{reply:?}");
    drop(client);
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_keys_costs_one_fetch_and_hides_no_rotation() {
    let issuer = Scripted::with_keys(&key_set([ES256.jwk()])).await;
    let other = Scripted::with_keys(&key_set([ES256.jwk()])).await;
    let mut table = table(&issuer, &other).await;
    let not_yet = Unavailable("key_not_fetched_yet");
    let flood = |name: usize, rig: &Rig| {
        let header = ES256.header().with_text("kid", &format!("made-up-{name}"));
        ES256.token(&header, &claims_at(now(rig)).with("iat", now(rig)))
    };
    for number in 0..100 {
        let token = flood(number, &table.rig);
        table.token("fetched", &format!("a name made up, {number}"), &token, not_yet).await;
    }
    assert_eq!(issuer.total(), 1);
    // Rotated in the middle of it: the new key is not called unknown.
    issuer.reply("/keys", Reply::ok(key_set([ES256.jwk(), STRANGER.jwk()])));
    let rotated = fresh(&STRANGER, &table.rig);
    table.token("fetched", "a rotation in the middle of it", &rotated, not_yet).await;
    table.rig.clock.advance(Duration::from_secs(10));
    issuer.asked(2).await;
    until(&table.rig, &rotated, 200).await;
    table.token("fetched", "the rotation, ten seconds later", &rotated, Forwarded).await;
    for number in 100..150 {
        let token = flood(number, &table.rig);
        table.token("fetched", &format!("a name made up, {number}"), &token, not_yet).await;
    }
    assert_eq!(issuer.total(), 2, "one fetch in ten seconds");
    table.token("other", "another issuer, meanwhile", &good(&ES256, &table.rig), Forwarded).await;
    assert_eq!(other.total(), 1, "it was not asked for any of that");
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_seen_before_ends_with_its_key() {
    let issuer = Scripted::with_keys(&key_set([ES256.jwk(), STRANGER.jwk()])).await;
    let mut table = table(&issuer, &issuer).await;
    let long = |signer: &Signer| signer.token_of(&claims().with("exp", NOW + 3600));
    let (kept, removed) = (long(&ES256), long(&STRANGER));
    for (name, token) in [("the one key", &kept), ("the other", &removed), ("the other, from memory", &removed)] {
        table.token("fetched", name, token, Forwarded).await;
    }
    issuer.reply("/keys", Reply::ok(key_set([ES256.jwk()])));
    table.rig.clock.advance(REFRESH);
    until(&table.rig, &removed, 401).await;
    for (name, token, expected) in [
        ("the key that is gone", &removed, Invalid("unknown_kid")),
        ("the key that is gone, another token", &long(&STRANGER), Invalid("unknown_kid")),
        ("the key that stayed", &kept, Forwarded),
    ] {
        table.token("fetched", name, token, expected).await;
    }
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_refuses_nobody() {
    let (first, second) = (Signer::new(ES256_ALGORITHM), Signer::new(ES256_ALGORITHM));
    let (first_jwk, second_jwk) = (first.jwk(), second.jwk());
    let issuer = Scripted::with_keys(&key_set([first_jwk.clone()])).await;
    let table = table(&issuer, &issuer).await;
    let rig = &table.rig;
    // Whoever mints and uses a token holds this, so that the key does not change in between.
    let signer = Arc::new(RwLock::new(first));
    let served = Arc::new(AtomicU64::new(0));
    let mut load = JoinSet::new();
    for worker in 0..3 {
        let (signer, served) = (Arc::clone(&signer), Arc::clone(&served));
        let (clock, http) = (Clock::manual(Arc::clone(&rig.clock)), rig.http());
        load.spawn(async move {
            for number in 0_u64.. {
                let signer = signer.read().await;
                let token = bearer(&signer.token_of(&long_lived(clock.now(), &format!("{worker}-{number}"))));
                let reply = get(http, "api.example.com", "/fetched", &token).await;
                assert_eq!(reply.status, 200, "{reply:?}");
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let some = async || {
        let before = served.load(Ordering::Relaxed);
        within(async {
            while served.load(Ordering::Relaxed) < before + 30 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    // A request that is under way would not survive that it takes minutes.
    let advance = async |time: Duration| {
        let _nobody = signer.write().await;
        rig.clock.advance(time);
    };
    let refetched = async |keys: String| {
        issuer.reply("/keys", Reply::ok(keys));
        let asked = issuer.total();
        advance(REFRESH).await;
        issuer.asked(asked + 1).await;
        some().await;
    };
    some().await;
    // Published, activated, retired, removed; then the next at once, without having been published ahead.
    refetched(key_set([first_jwk.clone(), second_jwk.clone()])).await;
    *signer.write().await = second;
    some().await;
    refetched(key_set([second_jwk.clone()])).await;
    let third = Signer::new(ES256_ALGORITHM);
    advance(Duration::from_secs(20)).await;
    issuer.reply("/keys", Reply::ok(key_set([second_jwk, third.jwk()])));
    *signer.write().await = third;
    some().await;
    load.abort_all();
    while let Some(ended) = load.join_next().await {
        assert!(ended.is_err_and(|error| error.is_cancelled()), "a request failed");
    }
    table.rig.drain().await;
}

const ES256_ALGORITHM: bearward::jose::Algorithm = bearward::jose::Algorithm::ES256;

fn long_lived(now: UnixTime, id: &str) -> Json {
    claims_at(now.secs()).with("exp", now.secs() + 3600).with_text("jti", id)
}
