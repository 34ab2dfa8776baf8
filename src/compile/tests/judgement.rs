//! One Secret, read by who signs by it and by who rotates it: they judge it alike.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::issuing::{AT, Keys, URL, findings, guarded, issuing, own, signing_secret, signs, verifies};
use super::stage::Stage;
use crate::jose::{Algorithm, SigningKey};
use crate::resources::{Body, Object};
use crate::rotation::{Action, Keyring, Replicas, SECRET_TYPE, Wishes, step};

/// What is done to the members of a good Secret.
type Edit<'a> = &'a dyn Fn(&mut BTreeMap<String, String>);

/// What the rotation would do to this Secret at once; `unreadable` if it leaves it alone.
fn rotates(secret: &Object, stage: &mut Stage) -> String {
    let Body::Secret(body) = &secret.body else { panic!("a Secret") };
    let Ok(keyring) = Keyring::read(&body.data) else { return "unreadable".to_owned() };
    let plans = stage.compile().plans;
    let schedule = &plans.values().next().unwrap().schedule;
    let (ring, halves) = (keyring.ring(), keyring.private_halves());
    let step = step(Some(ring), schedule, &Wishes::default(), &Replicas::default(), &halves, ring.written);
    let actions: Vec<&str> = step.actions.iter().map(Action::as_str).collect();
    actions.join(" ")
}

#[test]
fn who_signs_by_a_secret_and_who_rotates_it_judge_it_alike() {
    let keys = Keys::new(URL);
    let (active, pending) = (keys.active(), keys.pending());
    let base64 = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
    let (half, kid) = (base64(stranger.to_pkcs8().unwrap().expose()), stranger.thumbprint());
    let of = |kid: &str, suffix: &str| format!("{kid}.{suffix}");
    let remove = |member: String| move |data: &mut BTreeMap<String, String>| drop(data.remove(&member));
    let put = |member: String, text: String| {
        move |data: &mut BTreeMap<String, String>| drop(data.insert(member.clone(), text.clone()))
    };
    let (usable, lost, dropped) = ("", "Lose Activate Create", "Discard Create");
    let error = |code: &str| vec![format!("{code} {AT}.keysSecretRef")];
    let unknown = || vec![format!("InvalidSecret? {AT}.keysSecretRef")];
    let both = || [unknown(), error("SigningKeyUnusable")].concat();
    // Edit, whether the first key signs, what the rotation does, what the policy's author reads.
    let rows: [(&str, Edit<'_>, bool, &str, Vec<String>); 15] = [
        ("as it was written", &|_| (), true, usable, vec![]),
        ("without a ring", &remove("ring.json".to_owned()), false, "unreadable", error("InvalidSecret")),
        ("half a ring", &put("ring.json".to_owned(), base64(b"{")), false, "unreadable", error("InvalidSecret")),
        ("no half that signs", &remove(of(&active, "key")), false, lost, error("SigningKeyUnusable")),
        ("a half that is none", &put(of(&active, "key"), base64(b"x")), false, lost, error("SigningKeyUnusable")),
        ("another's half", &put(of(&active, "key"), half.clone()), false, lost, error("SigningKeyUnusable")),
        ("no seal of what signs", &remove(of(&active, "seal")), false, lost, both()),
        ("half a seal of it", &put(of(&active, "seal"), base64(&[7; 16])), false, lost, both()),
        ("no half of the next", &remove(of(&pending, "key")), true, dropped, error("SigningKeyUnusable")),
        (
            "half a half of the next",
            &put(of(&pending, "key"), base64(b"x")),
            true,
            dropped,
            error("SigningKeyUnusable"),
        ),
        (
            "another's half of the next",
            &put(of(&pending, "key"), half.clone()),
            true,
            dropped,
            error("SigningKeyUnusable"),
        ),
        ("no seal of the next", &remove(of(&pending, "seal")), true, dropped, unknown()),
        ("a member of somebody's", &put("note.txt".to_owned(), base64(b"x")), true, usable, unknown()),
        ("a half of no key", &put(of(&kid.to_string(), "key"), half.clone()), true, usable, unknown()),
        ("a seal of no key", &put(of(&kid.to_string(), "seal"), base64(&[7; 32])), true, usable, unknown()),
    ];
    for (name, edit, does_sign, rotation, found) in rows {
        // Of seals something is said where tokens are sealed alone.
        let policy = issuing("shop/shop", &json!({"format": "Opaque"}));
        let mut stage = Stage::of([policy, guarded(), keys.secret("shop/ring")]);
        let mut data = keys.data();
        edit(&mut data);
        let secret = || signing_secret("shop/ring", SECRET_TYPE, &json!(data));
        stage.put(secret());
        stage.compile();
        let entry = own(&mut stage);
        assert_eq!(signs(&entry) == active, does_sign, "{name}: {}", signs(&entry));
        assert_eq!(rotates(&secret(), &mut stage), rotation, "{name}");
        assert_eq!(findings(&stage), found, "{name}");
        assert_eq!(verifies(&entry), "2 keys Always", "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
}

#[test]
fn what_is_nobodys_is_kept_and_a_half_of_no_key_is_destroyed_by_the_next_write() {
    let keys = Keys::new(URL);
    let mut data = keys.data();
    data.insert("note.txt".to_owned(), BASE64_STANDARD.encode("mine"));
    data.insert("nobody.key".to_owned(), BASE64_STANDARD.encode("half"));
    let secret = signing_secret("shop/ring", SECRET_TYPE, &json!(data));
    let Body::Secret(body) = &secret.body else { panic!("a Secret") };
    let keyring = Keyring::read(&body.data).unwrap();
    let now = keyring.ring().written;
    let answer = Action::Announce { max_age: std::time::Duration::from_mins(6) };
    let written =
        keyring.after(&[answer], now, |_| unreachable!("no key is made")).unwrap_or_else(|e| panic!("{e}")).write();
    assert_eq!(written.get("note.txt").map(Vec::as_slice), Some(&b"mine"[..]));
    let members: Vec<&String> = written.keys().collect();
    let expected: Vec<&String> = data.keys().filter(|member| *member != "nobody.key").collect();
    assert_eq!(members, expected);
}
