//! Nothing that is printed says who somebody is or lets anybody pass.

use std::fmt::Debug;

use super::mint::{ES256, Json, claims, now, terms};
use crate::jose::{
    ApiKey, ApiKeySet, ClientSecret, Expectation, FingerprintKey, KeySet, NewApiKey, NewClientSecret, Reason, SealKey,
    SigningKey, Token, TokenHash,
};
use crate::secret::Secret;

/// Does not compile for a type that can be printed with `{:?}`: which of the two implementations is meant would be open.
macro_rules! assert_not_debug {
    ($($type:ty),+) => {{
        trait AmbiguousIfDebug<A> {
            fn check() {}
        }
        impl<T: ?Sized> AmbiguousIfDebug<()> for T {}
        struct IsDebug;
        impl<T: ?Sized + Debug> AmbiguousIfDebug<IsDebug> for T {}
        $(<$type as AmbiguousIfDebug<_>>::check();)+
    }};
}

#[test]
fn what_holds_a_secret_or_a_credential_cannot_be_printed() {
    assert_not_debug!(Secret, SigningKey, Token<'_>, ApiKey<'_>, NewApiKey, ApiKeySet, FingerprintKey);
    assert_not_debug!(SealKey, ClientSecret<'_>, NewClientSecret);
}

#[test]
fn claims_print_their_names_alone() {
    let planted = "planted-7f3a";
    let token =
        ES256.token_of(&claims().with_text("sub", planted).with_text("email", planted).with_text("scope", planted));
    let verified =
        Expectation::new(terms()).unwrap().verify(Token::parse(&token).unwrap(), &ES256.keys, now()).unwrap();
    for printed in [format!("{verified:?}"), format!("{verified:#?}")] {
        assert!(!printed.contains(planted), "{printed}");
        assert!(printed.contains("email"), "{printed}");
    }
}

#[test]
fn a_key_set_prints_names_and_thumbprints_alone() {
    let secret = b"planted-7f3a-planted-7f3a-planted-7f3a";
    let printed = format!("{:?}", KeySet::hmac(&Secret::new(secret.to_vec()), crate::jose::Algorithm::HS256).unwrap());
    assert!(!printed.contains("planted"), "{printed}");
    assert!(!printed.contains("112, 108, 97, 110, 116"), "the secret in decimal: {printed}");
}

#[test]
fn a_fingerprint_is_keyed_and_a_hash_does_not_print() {
    let key = |byte| FingerprintKey::new(&Secret::new(vec![byte; 32]));
    let token = ES256.token_of(&claims());
    let hash = TokenHash::of(&token);
    let fingerprint = hash.fingerprint(&key(1)).to_string();
    assert_eq!(format!("{hash:?}"), "TokenHash(..)");
    assert_eq!(fingerprint.len(), 16);
    assert!(fingerprint.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    assert_eq!(fingerprint, TokenHash::of(&token).fingerprint(&key(1)).to_string());
    assert_ne!(fingerprint, hash.fingerprint(&key(2)).to_string());
    assert_ne!(fingerprint, TokenHash::of(&format!("{token}A")).fingerprint(&key(1)).to_string());
}

#[test]
fn a_claim_has_one_fingerprint_whatever_was_asked_for_before() {
    let key = |byte| FingerprintKey::new(&Secret::new(vec![byte; 32]));
    let (key, other_key) = (key(1), key(2));
    let verified = |edit: fn(Json) -> Json| {
        let token = ES256.token_of(&edit(claims().with_text("sub", "alice").with_text("email", "alice")));
        Expectation::new(terms()).unwrap().verify(Token::parse(&token).unwrap(), &ES256.keys, now()).unwrap()
    };
    let (one, again) = (verified(|claims| claims), verified(|claims| claims.with_text("jti", "2")));
    let alice = one.fingerprint("sub", &key).unwrap();
    assert_eq!(alice.to_string().len(), 16);
    assert_eq!(format!("{alice:?}"), format!("Fingerprint({alice})"));
    // The first, another, and the first again; and by another key, which is not taken for the first.
    assert_eq!(one.fingerprint("email", &key), Some(alice), "who it is, not by which claim");
    assert_ne!(one.fingerprint("jti", &key), Some(alice));
    assert_eq!(one.fingerprint("sub", &key), Some(alice));
    assert_ne!(one.fingerprint("sub", &other_key), Some(alice));
    assert_eq!(one.fingerprint("sub", &other_key), again.fingerprint("sub", &other_key));
    assert_eq!(again.fingerprint("sub", &key), Some(alice));
    for (name, absent) in [
        ("absent", verified(|claims| claims)),
        ("number", verified(|claims| claims.with("number", 7))),
        ("empty", verified(|claims| claims.with_text("empty", ""))),
    ] {
        assert_eq!((absent.fingerprint(name, &key), absent.text(name)), (None, None), "{name}");
    }
}

#[test]
fn two_issuers_may_call_two_people_by_one_name() {
    let (key, random) = (FingerprintKey::new(&Secret::new(vec![1; 32])), aws_lc_rs::rand::SystemRandom::new());
    let pairs = [("https://a", "b"), ("https://", "ab"), ("", "https://ab"), ("https://ab", "b")];
    let mut seen: Vec<_> = pairs.iter().map(|(issuer, name)| key.of_name(issuer, name).to_string()).collect();
    // Nor do two processes write the same.
    let keys = [0; 2].map(|_| FingerprintKey::generate(&random).unwrap());
    seen.extend(keys.iter().map(|key| key.of_name("https://a", "b").to_string()));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), pairs.len() + keys.len());
}

#[test]
fn a_token_that_differs_in_its_last_byte_has_another_hash_and_the_same_signed_part() {
    let token = ES256.token_of(&claims());
    let again = ES256.token_of(&claims());
    assert_ne!(token, again, "ECDSA signs at random");
    assert_ne!(TokenHash::of(&token), TokenHash::of(&again));
    assert_eq!(TokenHash::of_signed_part(&token), TokenHash::of_signed_part(&again));
    assert_ne!(TokenHash::of_signed_part(&token), TokenHash::of(&token));
    assert_eq!(TokenHash::of_signed_part("no dot"), TokenHash::of("no dot"));
    assert_eq!(Token::parse(&token).unwrap().hash(), TokenHash::of(&token));
}

#[test]
fn every_reason_has_a_word_of_its_own_and_a_meaning() {
    let mut words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert!(
            reason.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{reason}"
        );
        assert!(!reason.meaning().is_empty() && !reason.meaning().ends_with('.'), "{reason}");
    }
}
