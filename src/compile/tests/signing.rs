//! What an issuer signs with and publishes, by its Secrets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::issuing::{AT, Keys, URL, findings, guarded, issuing, kids, own, signing_secret, signs, verifies};
use super::stage::{Stage, credential, secrets_of};
use crate::clock::Tick;
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
fn keys_that_cannot_be_read_end_when_nothing_that_they_signed_can_be_valid() {
    let at = |seconds| Tick::from_start(Duration::from_secs(seconds));
    // The longest lifetime of ten minutes, leeway, push and skew.
    let lasts = 633;
    let keys = Keys::new(URL);
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded(), keys.secret("shop/ring")]);
    let entry = own(&mut stage);
    let cell = Arc::clone(entry.issued.as_ref().unwrap());
    assert_eq!(cell.end(at(0)), None, "they can be read");

    stage.put(credential("shop/ring", &json!({})));
    stage.compile();
    assert_eq!(cell.end(at(1_000)), Some(at(1_000 + lasts)));
    // Read again in time: nothing has happened.
    stage.put(keys.secret("shop/ring"));
    stage.compile();
    assert_eq!((cell.end(at(5_000)), verifies(&entry)), (None, "2 keys Always".to_owned()));

    stage.put(signing_secret("shop/ring", "Opaque", &json!({})));
    stage.compile();
    assert_eq!(cell.end(at(10_000)), Some(at(10_000 + lasts)));
    // Another reason is no other time.
    stage.put(credential("shop/ring", &json!({})));
    stage.compile();
    assert_eq!(cell.end(at(10_000 + lasts - 1)), Some(at(10_000 + lasts)));
    assert_eq!((verifies(&entry), kids(&entry).len()), ("2 keys Always".to_owned(), 2));
    assert_eq!(cell.end(at(10_000 + lasts)), None);
    let ended = ("SecretNotFound".to_owned(), "SecretNotFound".to_owned(), 0);
    assert_eq!((verifies(&entry), signs(&entry), kids(&entry).len()), ended);
    assert_eq!(cell.load().openers.len(), 0);

    // What has ended does not come back by being unreadable once more, but by being read.
    stage.put(signing_secret("shop/ring", "Opaque", &json!({})));
    stage.compile();
    assert_eq!((verifies(&entry), kids(&entry).len(), cell.end(at(20_000))), ("InvalidSecret".to_owned(), 0, None));
    assert_eq!(stage.difference(), [""; 0]);
    stage.put(keys.secret("shop/ring"));
    stage.compile();
    assert_eq!((verifies(&entry), signs(&entry)), ("2 keys Always".to_owned(), keys.active()));
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

/// The content of the DER element at the start, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, length) = match der[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let digits = usize::from(long - 0x80);
            (2 + digits, der[2..2 + digits].iter().fold(0, |sum, digit| sum * 256 + usize::from(*digit)))
        }
    };
    der[start..].split_at(length)
}

/// A key in the older form that its kind has, which PKCS #8 wraps (RFC 5208, section 5): a version, an algorithm, the key.
fn unwrapped(key: &SigningKey) -> Vec<u8> {
    let der = key.to_pkcs8().unwrap();
    let (info, _) = element(der.expose());
    let (_, after_version) = element(info);
    let (_, after_algorithm) = element(after_version);
    element(after_algorithm).0.to_vec()
}

#[test]
fn keys_of_a_user_are_taken_in_every_form_that_tools_write() {
    // As `openssl ecparam -genkey` writes it, the parameters first.
    const OPENSSL: &str = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n\
        -----BEGIN EC PRIVATE KEY-----\n\
        MHcCAQEEIAGnJg6Q6AWLuYKqVAMi+bsXvXjMsLPWMXU1rabDXZS8oAoGCCqGSM49\n\
        AwEHoUQDQgAEnwsUuW3x3G7R3EyIKVAOPHTYfGcqacsQHkzo9RsaUN0H78/hu6U4\n\
        VWr6inHwvB+/vFbobUoxEr74a1EryRc08w==\n-----END EC PRIVATE KEY-----\n";
    let pem = |label: &str, der: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der))
    };
    let made = |algorithm| SigningKey::generate(algorithm).unwrap();
    let (rsa, p256, p384) = (made(Algorithm::RS256), made(Algorithm::ES256), made(Algorithm::ES384));
    let (rsa_der, ec_der) = (unwrapped(&rsa), unwrapped(&p256));
    let pkcs8 = pem("PRIVATE KEY", p256.to_pkcs8().unwrap().expose());
    let certificate = pem("CERTIFICATE", b"not looked at");
    let (rs, es, es384) = ("RS256", "ES256", "ES384");
    let refused = "SigningKeyUnusable";
    let rows = [
        ("PKCS #1 where its label says PKCS #8", rs, pem("PRIVATE KEY", &rsa_der), None),
        ("PKCS #1 where its label says SEC 1", rs, pem("EC PRIVATE KEY", &rsa_der), None),
        ("PKCS #1 without its end", rs, pem("RSA PRIVATE KEY", &rsa_der[..rsa_der.len() - 1]), None),
        ("PKCS #1 for an elliptic curve", es, pem("RSA PRIVATE KEY", &rsa_der), None),
        ("PKCS #1", rs, pem("RSA PRIVATE KEY", &rsa_der), Some(&rsa)),
        ("SEC 1 where its label says PKCS #1", es, pem("RSA PRIVATE KEY", &ec_der), None),
        ("SEC 1 of another curve", es, pem("EC PRIVATE KEY", &unwrapped(&p384)), None),
        ("SEC 1 without its end", es, pem("EC PRIVATE KEY", &ec_der[..ec_der.len() - 1]), None),
        ("two keys", es, format!("{pkcs8}{}", pem("EC PRIVATE KEY", &ec_der)), None),
        ("an encrypted key", es, pem("ENCRYPTED PRIVATE KEY", &ec_der), None),
        ("a certificate alone", es, certificate.clone(), None),
        ("SEC 1", es, pem("EC PRIVATE KEY", &ec_der), Some(&p256)),
        ("SEC 1 of a longer curve", es384, pem("EC PRIVATE KEY", &unwrapped(&p384)), Some(&p384)),
        ("PKCS #8 behind a certificate", es, format!("{certificate}{pkcs8}"), Some(&p256)),
    ];
    let judge = |algorithm: &str, text: &[u8]| {
        let refs = json!([{"name": "mine", "key": "tls.key"}]);
        let more = json!({"keysSecretRef": null, "ownKeys": refs, "algorithm": algorithm});
        let data = json!({"tls.key": BASE64_STANDARD.encode(text)});
        let secret = signing_secret("shop/mine", "kubernetes.io/tls", &data);
        let mut stage = Stage::of([issuing("shop/shop", &more), guarded(), secret]);
        signs(&own(&mut stage))
    };
    for (name, algorithm, text, key) in rows {
        let expected = key.map_or(refused.to_owned(), |key| key.thumbprint().to_string());
        assert_eq!(judge(algorithm, text.as_bytes()), expected, "{name}");
    }
    // Without PEM nothing says which form it is.
    assert_eq!(judge(rs, &rsa_der), refused);
    assert_eq!(judge(es, &ec_der), refused);
    assert_eq!(judge(es, OPENSSL.as_bytes()).len(), 43);
    assert_eq!(judge(es, OPENSSL.replace("MHcC", "MHcD").as_bytes()), refused);
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
