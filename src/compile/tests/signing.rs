//! What an issuer signs with and publishes, by its Secrets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::issuing::{AT, Keys, URL, findings, guarded, issuing, kids, own, signing_secret, signs, verifies};
use super::stage::{Stage, credential, secrets_of};
use crate::finding::Code;
use crate::jose::{Algorithm, SigningKey};
use crate::name::Kind;
use crate::resources::{Body, Update, Version};
use crate::rotation::{Action, Role};
use crate::snapshot::AcceptedKeys;

#[test]
fn the_ring_says_what_signs_and_what_is_published() {
    let mut keys = Keys::new(URL);
    let mut stage = Stage::of([issuing("shop/shop", &json!({"jwksMaxAge": "10m"})), guarded()]);
    let entry = own(&mut stage);
    assert_eq!((verifies(&entry), signs(&entry)), ("KeysPending".to_owned(), "KeysPending".to_owned()));
    assert_eq!(findings(&stage), [format!("KeysPending? {AT}.keysSecretRef")]);

    stage.put(keys.secret("shop/ring"));
    let compiled = stage.compile();
    assert_eq!((compiled.work.chains, compiled.work.policies), (0, 0));
    let (first, next) = (keys.active(), keys.pending());
    let mut both = vec![first.clone(), next.clone()];
    both.sort_unstable();
    assert_eq!((verifies(&entry), signs(&entry)), ("2 keys Always".to_owned(), first.clone()));
    assert_eq!(kids(&entry), both);
    assert_eq!(findings(&stage), [""; 0]);
    let cell = entry.issued.as_ref().unwrap();
    let before = Arc::clone(&cell.load());
    // The ring allows less than the policy.
    assert_eq!(before.max_age, Duration::from_mins(5));
    assert_eq!(before.signer.as_ref().unwrap().longest, Duration::from_mins(10));
    let jwks: Value = serde_json::from_slice(&before.jwks).unwrap();
    let published = jwks["keys"].as_array().unwrap();
    let listed: Vec<&str> = published.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(listed, both);
    assert!(published.iter().all(|key| key["use"] == "sig" && key["alg"] == "ES256" && key.get("d").is_none()));
    let openers: Vec<&str> = before.openers.iter().map(|(kid, _)| &**kid).collect();
    assert_eq!(openers, both);

    // The next one signs: what is published is the same, to the byte.
    keys.activate(86_400);
    stage.put(keys.secret("shop/ring"));
    stage.compile();
    assert_eq!(signs(&entry), next);
    assert_eq!((&cell.load().etag, &cell.load().jwks), (&before.etag, &before.jwks));

    // The first is compromised: it is published no more, and refused by name.
    keys.apply(&Action::Compromise(first.as_str().into()), 90_000);
    stage.put(keys.secret("shop/ring"));
    stage.compile();
    assert_eq!((kids(&entry), verifies(&entry)), (vec![next.clone()], "1 keys Always".to_owned()));
    assert_ne!(cell.load().etag, before.etag);
    let AcceptedKeys::Known { set, .. } = &**entry.keys.load() else { panic!("keys") };
    assert_ne!(set.content_hash(), crate::jose::KeySet::parse(&cell.load().jwks).unwrap().0.content_hash());

    // The other one too: nothing signs, and that is said.
    keys.apply(&Action::Compromise(next.as_str().into()), 90_000);
    stage.put(keys.secret("shop/ring"));
    stage.compile();
    assert_eq!((signs(&entry), kids(&entry).len()), ("KeysPending".to_owned(), 0));
    assert_eq!(stage.difference(), [""; 0]);
}

#[test]
fn a_secret_that_is_broken_stops_what_signs_and_not_what_verifies() {
    let keys = Keys::new(URL);
    let good = || keys.data();
    let kind = "bearward.dev/signing-keys";
    let with = |edit: &dyn Fn(&mut BTreeMap<String, String>)| {
        let mut data = good();
        edit(&mut data);
        signing_secret("shop/ring", kind, &json!(data))
    };
    let (active, base64) = (keys.active(), |text: &str| BASE64_STANDARD.encode(text));
    let other = SigningKey::generate(Algorithm::ES256).unwrap().to_pkcs8().unwrap();
    let withheld = {
        let mut object = keys.secret("shop/ring");
        object.body = Body::Withheld(Code::SecretFileReadable, "others can read its file".to_owned());
        object
    };
    let offered = |used: &str| {
        let mut object = keys.secret("shop/ring");
        object.meta.labels.insert("bearward.dev/use".into(), used.into());
        object
    };
    let rows = [
        ("another type", signing_secret("shop/ring", "Opaque", &json!(good())), "InvalidSecret"),
        ("no ring", with(&|data| drop(data.remove("ring.json"))), "InvalidSecret"),
        ("a ring that is none", with(&|data| drop(data.insert("ring.json".into(), base64("{}")))), "InvalidSecret"),
        ("another issuer's", Keys::new("https://gw.example.com/bank").secret("shop/ring"), "InvalidSecret"),
        ("no private half", with(&|data| drop(data.remove(&format!("{active}.key")))), "SigningKeyUnusable"),
        (
            "a private half that is none",
            with(&|data| drop(data.insert(format!("{active}.key"), base64("x")))),
            "SigningKeyUnusable",
        ),
        (
            "another's private half",
            with(&|data| drop(data.insert(format!("{active}.key"), BASE64_STANDARD.encode(other.expose())))),
            "SigningKeyUnusable",
        ),
        ("in a file that others can read", withheld, "SecretFileReadable"),
        ("offered for credentials", offered("credentials"), "SecretNotFound"),
    ];
    for (name, broken, code) in rows {
        let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded(), keys.secret("shop/ring")]);
        let entry = own(&mut stage);
        let published = entry.issued.as_ref().unwrap().load().jwks.clone();
        assert_eq!(signs(&entry), active, "{name}");
        stage.put(broken);
        stage.compile();
        assert_eq!(signs(&entry), code, "{name}");
        assert_eq!(verifies(&entry), "2 keys Always", "{name}");
        assert_eq!(entry.issued.as_ref().unwrap().load().jwks, published, "{name}");
        assert_eq!(findings(&stage), [format!("{code} {AT}.keysSecretRef")], "{name}");
        assert_eq!(stage.outcome("GET a.example.com/"), "shop/orders/r serves", "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
        stage.put(keys.secret("shop/ring"));
        stage.compile();
        assert_eq!((signs(&entry), findings(&stage)), (active.clone(), vec![]), "{name}");
    }
    // A seal that is missing costs the opaque tokens of its key, where there are such, and the signer only where it is the
    // signer's.
    let warning = format!("InvalidSecret? {AT}.keysSecretRef");
    for (kid, code) in [(keys.pending(), None), (active.clone(), Some("SigningKeyUnusable"))] {
        for (format, is_warned) in [("Jwt", false), ("Opaque", true)] {
            let mut stage = Stage::of([
                issuing("shop/shop", &json!({ "format": format })),
                guarded(),
                with(&|data| drop(data.remove(&format!("{kid}.seal")))),
            ]);
            assert_eq!(signs(&own(&mut stage)), code.map_or(active.clone(), str::to_owned), "{format}");
            assert_eq!(findings(&stage).contains(&warning), is_warned, "{format}: {:?}", findings(&stage));
        }
    }
}

#[test]
fn keys_that_are_gone_or_closed_stay_published_where_they_were_known() {
    let keys = Keys::new(URL);
    let scope = || secrets_of("shop");
    let list = |objects| Update::Replace { scope: scope(), objects, findings: vec![], version: Version(1) };
    for (name, update, code, mark) in [
        ("deleted", list(vec![]), "KeysPending", "?"),
        ("closed", Update::Forbid { scope: scope() }, "SecretsNotGranted", ""),
    ] {
        let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded()]);
        stage.compiler.apply(list(vec![keys.secret("shop/ring")]));
        let entry = own(&mut stage);
        assert_eq!(signs(&entry), keys.active(), "{name}");
        stage.compiler.apply(update);
        stage.compile();
        assert_eq!((signs(&entry), verifies(&entry)), (code.to_owned(), "2 keys Always".to_owned()), "{name}");
        assert_eq!(findings(&stage), [format!("{code}{mark} {AT}.keysSecretRef")], "{name}");
        // Nobody who starts now knows them.
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
}

#[test]
fn keys_of_a_user_sign_in_their_order() {
    let pem = |key: &SigningKey| {
        let der = BASE64_STANDARD.encode(key.to_pkcs8().unwrap().expose());
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
    };
    let made = |algorithm| SigningKey::generate(algorithm).unwrap();
    let (one, two, other) = (made(Algorithm::ES256), made(Algorithm::ES256), made(Algorithm::EdDSA));
    let kid = |key: &SigningKey| key.thumbprint().to_string();
    let own_keys = |refs: &Value| issuing("shop/shop", &json!({"keysSecretRef": null, "ownKeys": refs}));
    let refs = json!([{"name": "mine", "key": "new"}, {"name": "mine", "key": "old"}]);
    let mine = |new: Vec<u8>, old: Vec<u8>| {
        let data = json!({"new": BASE64_STANDARD.encode(new), "old": BASE64_STANDARD.encode(old)});
        signing_secret("shop/mine", "Opaque", &data)
    };
    let der = |key: &SigningKey| key.to_pkcs8().unwrap().expose().to_vec();
    let at = format!("{AT}.ownKeys");
    let mut stage = Stage::of([own_keys(&refs), guarded()]);
    let entry = own(&mut stage);
    assert_eq!(findings(&stage), [format!("SecretNotFound {at}")]);
    assert_eq!(verifies(&entry), "SecretNotFound");
    for (name, secret, signer, published) in [
        ("PEM and DER", mine(pem(&one).into_bytes(), der(&two)), Ok(&one), 2),
        ("the other way round", mine(der(&two), pem(&one).into_bytes()), Ok(&two), 2),
        ("one that verifies what it has signed before", mine(der(&one), pem(&other).into_bytes()), Ok(&one), 2),
        ("one of another algorithm that should sign", mine(der(&other), der(&one)), Err(()), 2),
        ("the same twice", mine(der(&one), pem(&one).into_bytes()), Err(()), 2),
        ("no key", mine(der(&one), b"no key".to_vec()), Err(()), 2),
        (
            "a public key",
            mine(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_vec(), der(&one)),
            Err(()),
            2,
        ),
        (
            "a JWK without its private half",
            mine(serde_json::to_vec(one.public_jwk().unwrap()).unwrap(), der(&one)),
            Err(()),
            2,
        ),
    ] {
        stage.put(secret);
        stage.compile();
        let expected = signer.map_or("SigningKeyUnusable".to_owned(), kid);
        assert_eq!(signs(&entry), expected, "{name}");
        assert_eq!(kids(&entry).len(), published, "{name}");
        let found: Vec<String> = signer.err().map(|()| format!("SigningKeyUnusable {at}")).into_iter().collect();
        assert_eq!(findings(&stage), found, "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
    // They are their owner's: nobody rotates them.
    assert!(stage.compile().plans.is_empty());
}

#[test]
fn status_shows_each_key_and_its_next_step() {
    let mut keys = Keys::new(URL);
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), keys.secret("shop/ring")]);
    let shown = |stage: &mut Stage| -> Vec<String> {
        stage.compile();
        let keys = &stage.verdict(Kind::TokenPolicy, "shop/shop").keys;
        keys.iter().map(|key| format!("{} {} {} {}", key.algorithm, key.state, key.signs, key.next)).collect()
    };
    let active = "ES256 Active true signs until 2027-02-14T08:00:00Z";
    assert_eq!(shown(&mut stage), [active, "ES256 Pending false signs at 2027-02-14T08:00:00Z"]);
    let first = keys.active();
    keys.activate(2_592_000);
    keys.create(Role::Next);
    stage.put(keys.secret("shop/ring"));
    assert_eq!(
        shown(&mut stage),
        [
            "ES256 Active true signs until 2027-03-16T08:00:00Z at least",
            "ES256 Pending false signs 24h after every ready replica publishes it, at the earliest",
            "ES256 Retiring false is removed 15m30s after every ready replica signs with a later key",
        ]
    );
    keys.apply(&Action::Settle(first.as_str().into()), 2_592_010);
    stage.put(keys.secret("shop/ring"));
    assert_eq!(shown(&mut stage)[2], "ES256 Retiring false is removed at 2027-02-14T08:15:40Z");
    keys.apply(&Action::Compromise(first.as_str().into()), 2_592_020);
    stage.put(keys.secret("shop/ring"));
    assert_eq!(shown(&mut stage)[2], "ES256 Compromised false is refused, and forgotten at 2027-02-14T08:15:50Z");
    // A broken Secret says nothing of keys.
    stage.put(credential("shop/ring", &json!({})));
    assert_eq!(shown(&mut stage), [""; 0]);
}

#[test]
fn a_route_is_not_judged_again_when_keys_rotate() {
    let mut keys = Keys::new(URL);
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded(), keys.secret("shop/ring").version(3)]);
    keys.activate(86_400);
    stage.put(keys.secret("shop/ring").version(4));
    let judged: Vec<String> = stage.compile().verdicts.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(judged, ["TokenPolicy shop/shop"]);
}
