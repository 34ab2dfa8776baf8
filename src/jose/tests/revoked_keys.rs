//! Keys that were marked as compromised: what they signed is refused at once, whether they are published still or not.

use super::assert_rows;
use super::mint::{ES256, Issuer, STRANGER, claims, judge, key_set, terms, terms_for};
use crate::jose::{Algorithm, KeySet, Reason};
use crate::secret::Secret;

fn revoking(keys: KeySet, kids: &[&str]) -> KeySet {
    keys.revoking(kids.iter().map(|kid| Box::from(*kid)))
}

#[test]
fn a_token_that_names_a_revoked_key_is_refused_with_key_revoked() {
    let (own, other) = (ES256.jwk().text(), STRANGER.jwk().text());
    let (kid, stranger) = (ES256.kid(), STRANGER.kid());
    let token = ES256.token_of(&claims());
    let forged = STRANGER.token(&ES256.header(), &claims());
    let under =
        |jwks: &[&String], kids: &[&str]| judge(&token, &revoking(key_set(jwks.iter().copied()), kids), terms());
    let revoked = Err(Reason::KeyRevoked);
    let both = revoking(key_set([&own, &other]), &[&kid]);
    assert_rows([
        ("in the set", under(&[&own, &other], &[&kid]), revoked),
        ("the only one", under(&[&own], &[&kid]), revoked),
        ("no longer in the set", under(&[&other], &[&kid]), revoked),
        ("an empty set", under(&[], &[&kid]), revoked),
        ("one of several", under(&[&own, &other], &["a", &stranger, &kid, "z"]), revoked),
        ("named by who never had it", judge(&forged, &both, terms()), revoked),
        ("an algorithm that is not allowed", judge(&token, &both, terms_for(&["RS256"])), Err(Reason::AlgNotAllowed)),
        ("no longer in the set, not revoked", under(&[&other], &[&stranger]), Err(Reason::UnknownKid)),
        ("part of a name", under(&[&own], &[&kid[..42], ""]), Ok(())),
        ("another key", under(&[&own, &other], &[&stranger]), Ok(())),
        ("none", under(&[&own], &[]), Ok(())),
        ("the other key's token", judge(&STRANGER.token_of(&claims()), &both, terms()), Ok(())),
    ]);
}

#[test]
fn a_revoked_key_cannot_hide_behind_another_name_or_none() {
    let (kid, nameless) = (ES256.kid(), ES256.header().without("kid"));
    let named = ES256.jwk().with_text("kid", "1").text();
    let (own, other) = (ES256.jwk().text(), STRANGER.jwk().text());
    let token = ES256.token(&nameless, &claims());
    let under = |jwks: &[&String]| judge(&token, &revoking(key_set(jwks.iter().copied()), &[&kid]), terms());
    let as_1 = ES256.token(&ES256.header().with_text("kid", "1"), &claims());
    let good = STRANGER.token(&STRANGER.header().without("kid"), &claims());
    assert_rows([
        ("no name", under(&[&own]), Err(Reason::KeyRevoked)),
        ("no name, the set has another", under(&[&named]), Err(Reason::KeyRevoked)),
        ("no name, a sound key beside it", under(&[&own, &other]), Err(Reason::BadSignature)),
        ("another name", judge(&as_1, &revoking(key_set([&named]), &[&kid]), terms()), Err(Reason::KeyRevoked)),
        ("its own name of old", judge(&as_1, &revoking(key_set([&named]), &["1"]), terms()), Err(Reason::KeyRevoked)),
        ("no name, by the sound key", judge(&good, &revoking(key_set([&own, &other]), &[&kid]), terms()), Ok(())),
        ("another name, not revoked", judge(&as_1, &revoking(key_set([&named]), &["2"]), terms()), Ok(())),
    ]);
}

#[test]
fn a_shared_secret_is_not_asked_for_a_name_that_is_revoked() {
    let secret = || Secret::new(vec![9; 32]);
    let key = crate::jose::SigningKey::hmac(&secret(), Algorithm::HS256).unwrap();
    let keys = || KeySet::hmac(&secret(), Algorithm::HS256).unwrap();
    let issuer = Issuer { key, keys: keys() };
    let named = |kid: &str| issuer.token(&issuer.header().with_text("kid", kid), &claims());
    let judge = |token: &str| judge(token, &revoking(keys(), &["1"]), terms_for(&["HS256"]));
    assert_eq!(judge(&named("1")), Err(Reason::KeyRevoked));
    assert_eq!(judge(&named("2")), Ok(()));
}

#[test]
fn the_content_hash_is_of_the_revoked_keys_too() {
    let keys = || key_set([&ES256.jwk().text(), &STRANGER.jwk().text()]);
    let hash = |kids: &[&str]| *revoking(keys(), kids).content_hash();
    let differ =
        [hash(&[]), hash(&["a"]), hash(&["b"]), hash(&["a", "b"]), hash(&["ab"]), hash(&[""]), hash(&["a!1:b"])];
    for (index, hash) in differ.iter().enumerate() {
        assert!(!differ[..index].contains(hash), "{index}");
    }
    assert_eq!(hash(&[]), *keys().content_hash(), "none");
    assert_eq!(hash(&["a", "b"]), hash(&["b", "a", "b"]), "order and repetition");
    assert_eq!(hash(&["a", "b"]), *revoking(revoking(keys(), &["b"]), &["a"]).content_hash(), "one after the other");
    assert_eq!(*revoking(KeySet::default(), &["a"]).content_hash(), *revoking(key_set([]), &["a"]).content_hash());
}

#[test]
fn what_was_revoked_stays_so_when_more_is() {
    let keys = revoking(revoking(key_set([&ES256.jwk().text()]), &[&ES256.kid()]), &["other"]);
    assert_eq!(judge(&ES256.token_of(&claims()), &keys, terms()), Err(Reason::KeyRevoked));
    assert_eq!(keys.len(), 1, "what is published is not what is taken");
}
