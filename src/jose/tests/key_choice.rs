//! RFC 7515, section 4.1.4; RFC 8725, section 3.8: which key of a set judges a token.

use super::assert_rows;
use super::mint::{ES256, Issuer, Json, STRANGER, claims, judge, key_set, terms, terms_for};
use crate::jose::{Algorithm, KeySet, Reason, SkipReason, Token, VerificationKey};

#[test]
fn a_token_without_kid_needs_exactly_one_fitting_key() {
    let header = ES256.header().without("kid");
    let token = ES256.token(&header, &claims());
    let (own, other) = (ES256.jwk().text(), STRANGER.jwk().text());
    let ed = Issuer::new(Algorithm::Ed25519).jwk().text();
    let nameless = ES256.jwk().without("kid").text();
    let under = |jwks: &[&String]| judge(&token, &key_set(jwks.iter().copied()), terms());
    assert_rows([
        ("two fit", under(&[&own, &other]), Err(Reason::KidMissing)),
        ("one key twice, once without a name", under(&[&own, &nameless]), Err(Reason::KidMissing)),
        ("none fits", under(&[&ed]), Err(Reason::UnknownKid)),
        ("there is none", under(&[]), Err(Reason::UnknownKid)),
        ("the one that fits is another's", under(&[&other]), Err(Reason::BadSignature)),
        ("one", under(&[&own]), Ok(())),
        ("one fits among others", under(&[&ed, &own]), Ok(())),
        ("one without a name", under(&[&nameless]), Ok(())),
    ]);
}

#[test]
fn a_kid_is_text_that_is_compared_and_nothing_else() {
    let odd = [
        "",
        "../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "1; DROP TABLE keys",
        "http://169.254.169.254/latest",
        "${jndi:ldap://x}",
        "a\nb",
        "\u{1b}[2J",
        "\0",
        "*",
        "%s%n",
        "\u{202e}",
    ];
    for kid in
        odd.map(str::to_owned).into_iter().chain(["k".repeat(5000), ES256.kid() + " ", ES256.kid().to_uppercase()])
    {
        let token = ES256.token(&ES256.header().with_text("kid", &kid), &claims());
        assert_eq!(ES256.judge(&token, terms()), Err(Reason::UnknownKid), "{kid:?}");
        assert_eq!(Token::parse(&token).unwrap().kid(), Some(kid.as_str()));
    }
    // The same texts name a key, if the key set says so.
    for kid in odd {
        let keys = key_set([&ES256.jwk().with_text("kid", kid).text()]);
        let token = ES256.token(&ES256.header().with_text("kid", kid), &claims());
        assert_eq!(judge(&token, &keys, terms()), Ok(()), "{kid:?}");
    }
}

#[test]
fn one_kid_at_two_issuers_is_two_keys() {
    let named = |issuer: &Issuer| key_set([&issuer.jwk().with_text("kid", "1").text()]);
    let token = |issuer: &Issuer| issuer.token(&issuer.header().with_text("kid", "1"), &claims());
    assert_rows([
        ("the other issuer's token", judge(&token(&STRANGER), &named(&ES256), terms()), Err(Reason::BadSignature)),
        ("the other issuer's keys", judge(&token(&ES256), &named(&STRANGER), terms()), Err(Reason::BadSignature)),
        ("its own keys", judge(&token(&ES256), &named(&ES256), terms()), Ok(())),
    ]);
}

#[test]
fn a_kid_that_two_usable_keys_have_names_none() {
    let own = ES256.jwk().with_text("kid", "1");
    let token = ES256.token(&ES256.header().with_text("kid", "1"), &claims());
    let under = |jwks: &[&Json]| {
        let jwks: Vec<String> = jwks.iter().map(|jwk| jwk.text()).collect();
        let (keys, skipped) = KeySet::parse(format!("{{\"keys\":[{}]}}", jwks.join(",")).as_bytes()).unwrap();
        let skipped: Vec<_> = skipped.into_iter().map(|key| (key.index, key.reason)).collect();
        (judge(&token, &keys, terms()), skipped)
    };
    let duplicate = |index| (index, SkipReason::DuplicateKid);
    let other = STRANGER.jwk().with_text("kid", "1");
    let encrypting = other.clone().with_text("use", "enc");
    let unknown = Err(Reason::UnknownKid);
    assert_rows([
        ("another key", under(&[&own, &other]), (unknown, vec![duplicate(0), duplicate(1)])),
        ("in the other order", under(&[&other, &own]), (unknown, vec![duplicate(0), duplicate(1)])),
        ("the same key", under(&[&own, &own]), (unknown, vec![duplicate(0), duplicate(1)])),
        (
            "a key of another type",
            under(&[&own, &Issuer::new(Algorithm::EdDSA).jwk().with_text("kid", "1")]),
            (unknown, vec![duplicate(0), duplicate(1)]),
        ),
        ("a key that is no use anyway", under(&[&own, &encrypting]), (Ok(()), vec![(1, SkipReason::NotForVerifying)])),
        ("a name that differs", under(&[&own, &other.with_text("kid", "01")]), (Ok(()), vec![])),
    ]);
}

#[test]
fn select_asks_the_policy_for_the_algorithm_first() {
    let expectation = crate::jose::Expectation::new(terms_for(&["RS256"])).unwrap();
    let token = ES256.token_of(&claims());
    let selected = ES256.keys.select(&Token::parse(&token).unwrap(), &expectation);
    assert_eq!(selected.map(VerificationKey::thumbprint), Err(Reason::AlgNotAllowed));
    let expectation = crate::jose::Expectation::new(terms()).unwrap();
    let selected = ES256.keys.select(&Token::parse(&token).unwrap(), &expectation);
    assert_eq!(selected.map(VerificationKey::thumbprint), Ok(ES256.key.thumbprint()));
}
