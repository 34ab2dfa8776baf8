//! RFC 7523, sections 2.2 and 3: which assertions say who a client is.

use std::time::Duration;

use super::{Assertion, AssertionTerms};
use crate::clock::UnixTime;
use crate::jose::tests::assert_rows;
use crate::jose::tests::mint::{ES256, Issuer, Json, NOW, STRANGER, key_set, now};
use crate::jose::{Algorithm, KeySet, Reason, SigningKey, Token};
use crate::secret::Secret;

const CLIENT: &str = "batch";
const ISSUER: &str = "https://gw.example.com/shop";
const ENDPOINT: &str = "https://gw.example.com/shop/token";
const TERMS: AssertionTerms<'_> = AssertionTerms { client: CLIENT, audiences: &[ISSUER, ENDPOINT] };

fn header() -> Json {
    Json::new(&[("alg", "\"ES256\"")]).with_text("kid", &ES256.kid())
}

fn claims() -> Json {
    Json::new(&[])
        .with_text("iss", CLIENT)
        .with_text("sub", CLIENT)
        .with_text("aud", ISSUER)
        .with_text("jti", "1")
        .with("exp", NOW + 60)
        .with("iat", NOW)
}

fn verify_at(text: &str, keys: &KeySet, now: UnixTime) -> Result<Assertion, Reason> {
    Assertion::verify(&Token::parse(text)?, &TERMS, keys, now)
}

fn verify(text: &str, keys: &KeySet) -> Result<(), Reason> {
    verify_at(text, keys, now()).map(|_| ())
}

fn with_header(header: &Json) -> Result<(), Reason> {
    verify(&ES256.token(header, &claims()), &ES256.keys)
}

fn with_claims(claims: &Json) -> Result<(), Reason> {
    verify(&ES256.token(&header(), claims), &ES256.keys)
}

#[test]
fn a_client_speaks_for_itself_alone() {
    let with = |name: &str, raw: &str| with_claims(&claims().with(name, raw));
    assert_rows([
        ("no iss", with_claims(&claims().without("iss")), Err(Reason::IssInvalid)),
        ("iss is a list", with("iss", "[\"batch\"]"), Err(Reason::IssInvalid)),
        ("another iss", with("iss", "\"shop\""), Err(Reason::IssUnknown)),
        ("iss in other case", with("iss", "\"Batch\""), Err(Reason::IssUnknown)),
        ("an empty iss", with("iss", "\"\""), Err(Reason::IssUnknown)),
        ("the issuer of tokens", with("iss", "\"https://gw.example.com/shop\""), Err(Reason::IssUnknown)),
        ("no sub", with_claims(&claims().without("sub")), Err(Reason::ClaimMissing)),
        ("another sub", with("sub", "\"shop\""), Err(Reason::SubInvalid)),
        ("sub is a number", with("sub", "1"), Err(Reason::SubInvalid)),
        (
            "another client, its iss and sub alike",
            with_claims(&claims().with_text("iss", "shop").with_text("sub", "shop")),
            Err(Reason::IssUnknown),
        ),
        ("itself", with_claims(&claims()), Ok(())),
    ]);
}

#[test]
fn section_3_item_3_it_is_meant_for_us_and_for_nobody_else() {
    let aud = |raw: &str| with_claims(&claims().with("aud", raw));
    assert_rows([
        ("absent", with_claims(&claims().without("aud")), Err(Reason::AudInvalid)),
        ("null", aud("null"), Err(Reason::AudInvalid)),
        ("an object", aud("{}"), Err(Reason::AudInvalid)),
        ("another issuer", aud("\"https://gw.example.com/other\""), Err(Reason::AudMismatch)),
        ("a slash more", aud("\"https://gw.example.com/shop/\""), Err(Reason::AudMismatch)),
        ("in other case", aud("\"https://GW.example.com/shop\""), Err(Reason::AudMismatch)),
        ("an empty list", aud("[]"), Err(Reason::AudMismatch)),
        (
            "a list with another beside us",
            aud("[\"https://gw.example.com/shop\",\"https://other.example\"]"),
            Err(Reason::AudMismatch),
        ),
        ("a list with a number beside us", aud("[\"https://gw.example.com/shop\",1]"), Err(Reason::AudMismatch)),
        ("the issuer", aud("\"https://gw.example.com/shop\""), Ok(())),
        ("the token endpoint", aud("\"https://gw.example.com/shop/token\""), Ok(())),
        ("a list of the issuer", aud("[\"https://gw.example.com/shop\"]"), Ok(())),
        ("a list of both", aud("[\"https://gw.example.com/shop/token\",\"https://gw.example.com/shop\"]"), Ok(())),
    ]);
    let token = ES256.token(&header(), &claims());
    let nobody = AssertionTerms { client: CLIENT, audiences: &[] };
    let outcome = Assertion::verify(&Token::parse(&token).unwrap(), &nobody, &ES256.keys, now());
    assert_eq!(outcome, Err(Reason::AudMismatch));
}

#[test]
fn section_3_items_4_to_6_it_is_short_lived_and_of_now() {
    let with = |name: &str, seconds: i64| with_claims(&claims().with(name, NOW + seconds));
    let both = |exp: i64, iat: i64| with_claims(&claims().with("exp", NOW + exp).with("iat", NOW + iat));
    let without_iat = |exp: i64| with_claims(&claims().without("iat").with("exp", NOW + exp));
    assert_rows([
        ("no exp", with_claims(&claims().without("exp")), Err(Reason::ExpInvalid)),
        ("exp is text", with_claims(&claims().with("exp", "\"1800000060\"")), Err(Reason::ExpInvalid)),
        ("expired", with("exp", -30), Err(Reason::Expired)),
        ("expired long ago", both(-3600, -3660), Err(Reason::Expired)),
        ("six minutes ahead, no iat", without_iat(360), Err(Reason::LifetimeTooLong)),
        ("a second too far ahead", without_iat(331), Err(Reason::LifetimeTooLong)),
        ("a year ahead, no iat", without_iat(31_536_000), Err(Reason::LifetimeTooLong)),
        ("an hour long, near its end", both(60, -3540), Err(Reason::Expired)),
        ("an hour long, made long enough ago", both(3270, -330), Err(Reason::Expired)),
        ("iat ahead", both(120, 31), Err(Reason::IatFuture)),
        ("iat is text", with_claims(&claims().with("iat", "\"now\"")), Err(Reason::ClaimInvalid)),
        ("nbf ahead", with("nbf", 31), Err(Reason::NotYetValid)),
        ("nbf is text", with_claims(&claims().with("nbf", "\"now\"")), Err(Reason::NotYetValid)),
        ("expired by a clock that is fast", with("exp", -29), Ok(())),
        ("five minutes ahead", with("exp", 300), Ok(())),
        ("five minutes ahead of a clock that is fast", both(330, 30), Ok(())),
        ("five minutes long, at its end", both(1, -299), Ok(())),
        ("an hour long, made just now", both(3600, 0), Ok(())),
        ("an hour long, made not long enough ago", both(3271, -329), Ok(())),
        ("iat ahead of a clock that is slow", both(120, 30), Ok(())),
        ("nbf now", with("nbf", 0), Ok(())),
        ("no iat", without_iat(60), Ok(())),
    ]);
}

#[test]
fn section_3_item_7_it_has_a_name_of_bounded_length() {
    let jti = |length: usize| with_claims(&claims().with_text("jti", &"j".repeat(length)));
    assert_rows([
        ("absent", with_claims(&claims().without("jti")), Err(Reason::ClaimMissing)),
        ("a number", with_claims(&claims().with("jti", 1)), Err(Reason::ClaimInvalid)),
        ("empty", jti(0), Err(Reason::ClaimInvalid)),
        ("257 bytes", jti(257), Err(Reason::ClaimInvalid)),
        ("one byte", jti(1), Ok(())),
        ("256 bytes", jti(256), Ok(())),
    ]);
}

#[test]
fn its_type_is_no_other_tokens() {
    let typ = |typ: &str| with_header(&header().with_text("typ", typ));
    assert_rows([
        ("an access token", typ("at+jwt"), Err(Reason::WrongTyp)),
        ("a proof", typ("dpop+jwt"), Err(Reason::WrongTyp)),
        ("empty", typ(""), Err(Reason::WrongTyp)),
        ("absent", with_header(&header()), Ok(())),
        ("JWT", typ("JWT"), Ok(())),
        ("jwt", typ("jwt"), Ok(())),
        ("its own", typ("client-authentication+jwt"), Ok(())),
        ("its own in full", typ("application/client-authentication+jwt"), Ok(())),
    ]);
}

#[test]
fn a_key_of_the_client_has_signed_it() {
    let (header, claims) = (header(), claims());
    let token = ES256.token(&header, &claims);
    let under = |keys: &KeySet| verify(&token, keys);
    let secret = || Secret::new(vec![7; 32]);
    let shared = Issuer {
        key: SigningKey::hmac(&secret(), Algorithm::HS256).unwrap(),
        keys: KeySet::hmac(&secret(), Algorithm::HS256).unwrap(),
    };
    let by_secret = shared.token(&Json::new(&[("alg", "\"HS256\"")]), &claims);
    let revoked = key_set([&ES256.jwk().text()]).revoking([ES256.kid().into()]);
    let ed = Issuer::new(Algorithm::Ed25519);
    let by_ed = ed.token(&Json::new(&[("alg", "\"Ed25519\"")]), &claims);
    assert_rows([
        ("none is known", under(&KeySet::default()), Err(Reason::UnknownKid)),
        ("another client's", under(&STRANGER.keys), Err(Reason::UnknownKid)),
        (
            "another client's, under this name",
            verify(&STRANGER.token(&header, &claims), &ES256.keys),
            Err(Reason::BadSignature),
        ),
        ("compromised", under(&revoked), Err(Reason::KeyRevoked)),
        ("a shared secret", verify(&by_secret, &shared.keys), Err(Reason::AlgNotAllowed)),
        ("the key's own text as a secret", verify(&by_secret, &ES256.keys), Err(Reason::AlgNotAllowed)),
        ("another algorithm than the key's", verify(&by_ed, &ES256.keys), Err(Reason::UnknownKid)),
        ("its key", under(&ES256.keys), Ok(())),
        ("its key, not named", verify(&ES256.token(&header.clone().without("kid"), &claims), &ES256.keys), Ok(())),
        ("Ed25519", verify(&by_ed, &ed.keys), Ok(())),
    ]);
    assert_eq!(with_header(&header.clone().with("jwk", ES256.jwk().text())), Err(Reason::UnexpectedHeader));
    assert_eq!(with_header(&header.with_text("jku", "https://a.example")), Err(Reason::UnexpectedHeader));
}

#[test]
fn it_is_to_be_remembered_for_as_long_as_it_passes() {
    let token = ES256.token(&header(), &claims());
    let assertion = verify_at(&token, &ES256.keys, now()).unwrap();
    assert_eq!((assertion.issued, assertion.until), (now(), UnixTime::from_secs(NOW + 90)));
    let just_before = assertion.until.minus(Duration::from_millis(1));
    assert_eq!(verify_at(&token, &ES256.keys, assertion.until), Err(Reason::Expired));
    assert_eq!(verify_at(&token, &ES256.keys, just_before), Ok(assertion));
    let long = ES256.token(&header(), &claims().with("exp", NOW + 3600));
    let long = verify_at(&long, &ES256.keys, now()).unwrap();
    assert_eq!(long.until, UnixTime::from_secs(NOW + 330), "its age ends before itself");
    let undated = ES256.token(&header(), &claims().without("iat"));
    let undated = verify_at(&undated, &ES256.keys, now()).unwrap();
    assert_eq!(undated.issued, UnixTime::from_secs(NOW + 60 - 300), "when nobody knows, the earliest that it can be");
}

#[test]
fn one_assertion_has_one_name_and_no_other_clients_has_it() {
    let of = |client: &str, jti: &str| {
        let token =
            ES256.token(&header(), &claims().with_text("iss", client).with_text("sub", client).with_text("jti", jti));
        let terms = AssertionTerms { client, ..TERMS };
        Assertion::verify(&Token::parse(&token).unwrap(), &terms, &ES256.keys, now()).unwrap().key
    };
    assert_eq!(of("batch", "1"), of("batch", "1"));
    let differ = [of("batch", "1"), of("batch", "2"), of("shop", "1"), of("batch1", "1"), of("batch", "11")];
    for (index, key) in differ.iter().enumerate() {
        assert!(!differ[..index].contains(key), "{index}");
    }
}
