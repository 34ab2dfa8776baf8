//! What a verified token is remembered by.

use std::sync::Arc;

use super::gateway::START;
use super::issuer::{CORP, Issuer, forged, jwt, jwt_with, key_set};
use crate::jose::{Claims, Expectation, KeySet, Token, TokenHash, Verified};
use crate::proxy::token_cache::{CacheKey, SharedTokens, TokenCache};
use crate::snapshot::{Entry, Takes};

fn expectation(entry: &Entry) -> &Expectation {
    let Takes::Jwt(jwt) = &entry.takes else { panic!("an entry for tokens") };
    &jwt.expectation
}

fn verify(token: &str, entry: &Entry, keys: &KeySet) -> Verified<Claims> {
    expectation(entry).verify(Token::parse(token).unwrap(), keys, START).unwrap()
}

fn key(token: &str, entry: &Entry) -> CacheKey {
    CacheKey::new(&TokenHash::of(token), expectation(entry).content_hash())
}

#[test]
fn a_token_is_found_only_as_it_was_verified() {
    let issuer = Issuer::new(CORP);
    let (keys, other_keys) = (key_set(&[issuer.jwk()]), key_set(&[issuer.jwk(), Issuer::new(CORP).jwk()]));
    let cell = super::issuer::inline(&[issuer.jwk()]);
    let entry = jwt("corp", CORP, &cell);
    let stricter = jwt_with("corp", CORP, &cell, |terms| terms.leeway = std::time::Duration::ZERO);
    let token = issuer.token();
    let cache = TokenCache::new(Arc::new(SharedTokens::new()));
    cache.put(key(&token, &entry), *keys.content_hash(), verify(&token, &entry, &keys));

    assert!(cache.get(&key(&forged(&token), &entry), keys.content_hash()).is_none(), "another last byte");
    assert!(cache.get(&key(&token, &stricter), keys.content_hash()).is_none(), "another policy");
    assert!(cache.get(&key(&token, &entry), other_keys.content_hash()).is_none(), "other keys");
    let found = cache.get(&key(&token, &entry), keys.content_hash()).unwrap();
    assert_eq!(found.subject(), Some("alice"));
}

#[test]
fn one_threads_verdict_is_another_threads_too() {
    let issuer = Issuer::new(CORP);
    let keys = key_set(&[issuer.jwk()]);
    let entry = jwt("corp", CORP, &super::issuer::inline(&[issuer.jwk()]));
    let token = issuer.token();
    let shared = Arc::new(SharedTokens::new());
    let (one, other) = (TokenCache::new(Arc::clone(&shared)), TokenCache::new(shared));
    one.put(key(&token, &entry), *keys.content_hash(), verify(&token, &entry, &keys));
    assert!(other.get(&key(&token, &entry), keys.content_hash()).is_some());
    // Under new keys both forget, and what one verifies anew replaces what the other remembers.
    let newer = key_set(&[issuer.jwk(), Issuer::new(CORP).jwk()]);
    assert!(other.get(&key(&token, &entry), newer.content_hash()).is_none());
    one.put(key(&token, &entry), *newer.content_hash(), verify(&token, &entry, &newer));
    assert!(other.get(&key(&token, &entry), newer.content_hash()).is_some());
    assert!(one.get(&key(&token, &entry), keys.content_hash()).is_none());
}
