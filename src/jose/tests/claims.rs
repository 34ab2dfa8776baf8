//! RFC 7519, section 4.1; RFC 9068, section 2.2; RFC 7800: what the claims must say, times apart.

use std::time::Duration;

use super::assert_rows;
use super::mint::{AUDIENCE, ES256, ISSUER, Json, NOW, STRANGER, claims, generic_terms, judge, now, terms};
use crate::jose::{Expectation, KeySet, Reason, Terms, Token, VerifiedBy};

fn rows(rows: impl IntoIterator<Item = (&'static str, Json, Result<(), Reason>)>) {
    assert_rows(
        rows.into_iter()
            .map(|(name, claims, expected)| (name, ES256.judge(&ES256.token_of(&claims), terms()), expected)),
    );
}

#[test]
fn rfc_7519_section_4_1_1_the_issuer_is_one_string_and_exactly_ours() {
    let iss = |raw: &str| claims().with("iss", raw);
    let (invalid, unknown) = (Err(Reason::IssInvalid), Err(Reason::IssUnknown));
    rows([
        ("absent", claims().without("iss"), invalid),
        ("null", iss("null"), invalid),
        ("a number", iss("7"), invalid),
        ("empty", iss("\"\""), invalid),
        ("an array with the right one", iss("[\"https://issuer.example\"]"), invalid),
        ("an object with the right one", iss("{\"https://issuer.example\":1}"), invalid),
        ("a slash more", iss("\"https://issuer.example/\""), unknown),
        ("a letter less", iss("\"https://issuer.exampl\""), unknown),
        ("a path", iss("\"https://issuer.example/tenant\""), unknown),
        ("other case", iss("\"https://Issuer.example\""), unknown),
        ("another scheme", iss("\"http://issuer.example\""), unknown),
        ("the default port", iss("\"https://issuer.example:443\""), unknown),
        ("a space before", iss("\" https://issuer.example\""), unknown),
        ("a NUL after", iss("\"https://issuer.example\\u0000\""), unknown),
        ("exactly ours", claims(), Ok(())),
        ("ours, by escapes", iss("\"https:\\/\\/issuer.e\\u0078ample\""), Ok(())),
    ]);
}

#[test]
fn rfc_7519_section_4_1_3_the_audience_names_us() {
    let aud = |raw: &str| claims().with("aud", raw);
    let (invalid, mismatch) = (Err(Reason::AudInvalid), Err(Reason::AudMismatch));
    rows([
        ("absent", claims().without("aud"), invalid),
        ("null", aud("null"), invalid),
        ("a number", aud("7"), invalid),
        ("true", aud("true"), invalid),
        ("an object", aud("{\"orders\":true}"), invalid),
        ("another", aud("\"billing\""), mismatch),
        ("empty", aud("\"\""), mismatch),
        ("ours is its beginning", aud("\"orders-admin\""), mismatch),
        ("it is our beginning", aud("\"order\""), mismatch),
        ("other case", aud("\"Orders\""), mismatch),
        ("several in one string", aud("\"billing orders\""), mismatch),
        ("an empty array", aud("[]"), mismatch),
        ("an array of others", aud("[\"billing\",\"order\"]"), mismatch),
        ("an array with a number too", aud("[\"orders\",7]"), mismatch),
        ("an array with a null too", aud("[null,\"orders\"]"), mismatch),
        ("an array within the array", aud("[[\"orders\"]]"), mismatch),
        ("ours", claims(), Ok(())),
        ("ours among others", aud("[\"billing\",\"orders\"]"), Ok(())),
    ]);
}

#[test]
fn one_of_several_audiences_suffices() {
    let terms = || Terms { audiences: vec!["a".to_owned(), "b".to_owned()], ..terms() };
    let judge = |raw: &str| ES256.judge(&ES256.token_of(&claims().with("aud", raw)), terms());
    assert_rows([
        ("none of them", judge("\"c\""), Err(Reason::AudMismatch)),
        ("both in one string", judge("\"a b\""), Err(Reason::AudMismatch)),
        ("the second", judge("\"b\""), Ok(())),
        ("both", judge("[\"b\",\"a\"]"), Ok(())),
    ]);
}

#[test]
fn rfc_9068_section_2_2_sub_client_id_iat_and_jti_are_required() {
    for name in ["sub", "client_id", "iat", "jti"] {
        let token = ES256.token_of(&claims().without(name));
        assert_eq!(ES256.judge(&token, terms()), Err(Reason::ClaimMissing), "{name}");
        assert_eq!(ES256.judge(&token, generic_terms()), Ok(()), "{name}, generic");
        let hour = || Some(Duration::from_hours(1));
        let limited = Terms { max_lifetime: hour(), max_age: hour(), ..terms() };
        assert_eq!(ES256.judge(&token, limited), Err(Reason::ClaimMissing), "{name}, with limits");
    }
}

#[test]
fn a_subject_can_stand_in_a_log_and_in_a_header() {
    let sub = |raw: &str| claims().with("sub", raw);
    let long = |length: usize| claims().with_text("sub", &"a".repeat(length));
    let invalid = Err(Reason::SubInvalid);
    rows([
        ("empty", sub("\"\""), invalid),
        ("null", sub("null"), invalid),
        ("a number", sub("7"), invalid),
        ("an array", sub("[\"alice\"]"), invalid),
        ("a NUL", sub("\"alice\\u0000\""), invalid),
        ("a line feed", sub("\"alice\\nx-admin: 1\""), invalid),
        ("an escape character", sub("\"\\u001b[2J\""), invalid),
        ("DEL", sub("\"a\\u007f\""), invalid),
        ("a control character of Latin 1", sub("\"a\\u0085\""), invalid),
        ("one byte over 1 KiB", long(1025), invalid),
        ("1 KiB", long(1024), Ok(())),
        ("other scripts", sub("\"Ælfred 日本\""), Ok(())),
    ]);
}

#[test]
fn client_id_and_jti_are_names_too() {
    for name in ["client_id", "jti"] {
        let judge = |raw: &str| ES256.judge(&ES256.token_of(&claims().with(name, raw)), terms());
        let generic = |raw: &str| ES256.judge(&ES256.token_of(&claims().with(name, raw)), generic_terms());
        assert_rows([
            (format!("{name} empty"), judge("\"\""), Err(Reason::ClaimInvalid)),
            (format!("{name} null"), judge("null"), Err(Reason::ClaimInvalid)),
            (format!("{name} a number"), judge("7"), Err(Reason::ClaimInvalid)),
            (format!("{name} with CRLF"), judge("\"a\\r\\nb\""), Err(Reason::ClaimInvalid)),
            (format!("{name} a number, generic"), generic("7"), Err(Reason::ClaimInvalid)),
            (format!("{name} a name"), judge("\"a/b:c@d\""), Ok(())),
        ]);
    }
}

#[test]
fn rfc_7800_a_bound_token_is_no_bearer_token() {
    let cnf = |raw: &str| claims().with("cnf", raw);
    let (bound, unsupported) = (Err(Reason::BoundAsBearer), Err(Reason::CnfUnsupported));
    rows([
        ("a key", cnf("{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}"), bound),
        ("a certificate", cnf("{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2\"}"), bound),
        ("both, and one unknown", cnf("{\"jkt\":\"x\",\"x5t#S256\":\"y\",\"z\":1}"), bound),
        ("a key of the wrong type", cnf("{\"jkt\":null}"), bound),
        ("an unknown method", cnf("{\"jwk\":{}}"), unsupported),
        ("a method in other case", cnf("{\"JKT\":\"x\"}"), unsupported),
        ("no method", cnf("{}"), unsupported),
        ("null", cnf("null"), unsupported),
        ("a string", cnf("\"x\""), unsupported),
        ("an array", cnf("[{\"jkt\":\"x\"}]"), unsupported),
        ("unbound", claims(), Ok(())),
    ]);
}

#[test]
fn rfc_9449_section_6_2_who_asks_about_a_bound_token_is_told_what_it_says() {
    let introspect = |token: &str, keys: &KeySet| {
        let read = Expectation::new(terms()).unwrap().introspect(Token::parse(token)?, keys, now())?;
        Ok(read.claims().get("cnf").map(ToString::to_string))
    };
    let cnf = "{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}";
    let bound = claims().with("cnf", cnf);
    let of = |claims: &Json| introspect(&ES256.token_of(claims), &ES256.keys);
    assert_rows([
        ("forged", introspect(&STRANGER.token(&ES256.header(), &bound), &ES256.keys), Err(Reason::BadSignature)),
        ("of another issuer", of(&bound.clone().with_text("iss", "https://a.example")), Err(Reason::IssUnknown)),
        ("expired", of(&bound.clone().with("exp", NOW)), Err(Reason::Expired)),
        ("for another audience", of(&bound.clone().with_text("aud", "other")), Err(Reason::AudMismatch)),
        ("without jti", of(&bound.clone().without("jti")), Err(Reason::ClaimMissing)),
        (
            "of another type",
            introspect(&ES256.token(&ES256.header().with_text("typ", "dpop+jwt"), &bound), &ES256.keys),
            Err(Reason::WrongTyp),
        ),
        ("bound", of(&bound), Ok(Some(cnf.to_owned()))),
        ("unbound", of(&claims()), Ok(None)),
    ]);
    assert_eq!(
        ES256.judge(&ES256.token_of(&bound), terms()),
        Err(Reason::BoundAsBearer),
        "shown as its own by a client"
    );
}

#[test]
fn the_first_thing_wrong_is_the_reason() {
    // Each row is wrong in its own way and in every later one.
    let all = claims()
        .without("jti")
        .with("exp", NOW)
        .with_text("aud", "billing")
        .with_text("iss", "https://else.example")
        .with("cnf", "{}");
    let mut worst = all;
    let header = ES256.header().with_text("typ", "JWT").with_text("alg", "ES384").with("x5u", "\"https://x\"");
    let judge = |header: &Json, claims: &Json| ES256.judge(&STRANGER.token(header, claims), terms());
    assert_eq!(judge(&header, &worst), Err(Reason::AlgNotAllowed));
    let header = header.with_text("alg", "ES256");
    assert_eq!(judge(&header, &worst), Err(Reason::WrongTyp));
    let header = header.with_text("typ", "at+jwt");
    assert_eq!(judge(&header, &worst), Err(Reason::IssUnknown));
    worst = worst.with_text("iss", ISSUER);
    assert_eq!(judge(&header, &worst), Err(Reason::AudMismatch));
    worst = worst.with_text("aud", AUDIENCE);
    assert_eq!(judge(&header, &worst), Err(Reason::Expired));
    worst = worst.with("exp", NOW + 1);
    assert_eq!(judge(&header, &worst), Err(Reason::ClaimMissing));
    worst = worst.with_text("jti", "1");
    assert_eq!(judge(&header, &worst), Err(Reason::CnfUnsupported));
    worst = worst.without("cnf").with("scope", 7);
    assert_eq!(judge(&header, &worst), Err(Reason::ClaimInvalid));
    worst = worst.without("scope");
    let unknown = header.clone().with_text("kid", "x");
    assert_eq!(judge(&unknown, &worst), Err(Reason::UnknownKid));
    assert_eq!(judge(&header, &worst), Err(Reason::BadSignature));
    assert_eq!(ES256.judge(&ES256.token(&header, &worst), terms()), Err(Reason::UnexpectedHeader));
    assert_eq!(ES256.judge(&ES256.token(&header.without("x5u"), &worst), terms()), Ok(()));
}

#[test]
fn verified_claims_say_what_the_token_said() {
    let text = claims()
        .with("aud", "[\"billing\",\"orders\"]")
        .with_text("scope", "orders:write orders:read")
        .with("nbf", NOW - 5)
        .with("tenant", "{\"id\":7}");
    let token = ES256.token_of(&text);
    let token = Token::parse(&token).unwrap();
    assert_eq!(token.issuer(), Some(ISSUER));
    assert_eq!(token.issued_at(), Some(now().minus(Duration::from_secs(10))));
    assert_eq!((token.kid(), token.typ()), (Some(ES256.kid().as_str()), Some("at+jwt")));
    let claims = Expectation::new(terms()).unwrap().verify(token, &ES256.keys, now()).unwrap();
    assert_eq!(claims.issuer(), Some(ISSUER));
    assert_eq!(claims.subject(), Some("alice"));
    assert_eq!(claims.client_id(), Some("shop"));
    assert_eq!(claims.jwt_id(), Some("1"));
    assert_eq!(claims.audiences().collect::<Vec<_>>(), ["billing", "orders"]);
    assert_eq!(claims.scopes().iter().collect::<Vec<_>>(), ["orders:read", "orders:write"]);
    assert_eq!(claims.expires(), now().plus(Duration::from_mins(5)));
    assert_eq!(claims.not_before(), Some(now().minus(Duration::from_secs(5))));
    assert_eq!(claims.issued_at(), Some(now().minus(Duration::from_secs(10))));
    assert_eq!(claims.get("tenant"), Some(&serde_json::json!({"id": 7})));
    assert_eq!(claims.members().len(), 10);
    let VerifiedBy::Key(key) = claims.verified_by() else { unreachable!("signed by a key") };
    assert_eq!(key.kid.as_deref(), Some(ES256.kid().as_str()));
    assert_eq!(key.thumbprint, ES256.key.thumbprint());
}

#[test]
fn a_cached_verdict_is_checked_again_against_the_clock_and_the_policy() {
    let token = ES256.token_of(&claims().with("nbf", NOW));
    let expectation = |terms: Terms| Expectation::new(terms).unwrap();
    let verdict = expectation(terms()).verify(Token::parse(&token).unwrap(), &ES256.keys, now()).unwrap();
    let at = |seconds: i64, terms: Terms| {
        verdict.recheck(&expectation(terms), crate::clock::UnixTime::from_secs(NOW + seconds))
    };
    let elsewhere = || Terms { issuer: "https://else.example".to_owned(), ..terms() };
    let others = || Terms { audiences: vec!["billing".to_owned()], ..terms() };
    let minute = || Terms { max_age: Some(Duration::from_mins(1)), ..terms() };
    let short = || Terms { max_lifetime: Some(Duration::from_secs(309)), ..terms() };
    assert_rows([
        ("at its end", at(300, terms()), Err(Reason::Expired)),
        ("before its beginning", at(-1, terms()), Err(Reason::NotYetValid)),
        ("the policy's issuer changed", at(0, elsewhere()), Err(Reason::IssUnknown)),
        ("the policy's audience changed", at(0, others()), Err(Reason::AudMismatch)),
        ("a limit on the age came", at(51, minute()), Err(Reason::TooOld)),
        ("a limit on the lifetime came", at(0, short()), Err(Reason::LifetimeTooLong)),
        ("just before its end", at(299, terms()), Ok(())),
        ("within the limit on the age", at(50, minute()), Ok(())),
        ("at its end, with leeway", at(300, Terms { leeway: Duration::from_secs(1), ..terms() }), Ok(())),
    ]);
}

#[test]
fn a_good_token_of_another_issuer_is_unknown_here() {
    let token = STRANGER.token_of(&claims());
    assert_eq!(judge(&token, &ES256.keys, terms()), Err(Reason::UnknownKid));
    assert_eq!(judge(&token, &STRANGER.keys, terms()), Ok(()));
}
