//! A token of some 350 bytes of claims, and what it is judged by.

use std::time::Duration;

use bearward::clock::UnixTime;
use bearward::jose::{Algorithm, Claims, Expectation, KeySet, Profile, SigningKey, Terms, Token, Verified};
use serde_json::{Value, json};

const NOW: i64 = 1_790_000_000;
const ISSUER: &str = "https://issuer.example.com/";

/// What one verification needs.
pub(crate) struct Case {
    pub(crate) text: String,
    pub(crate) expectation: Expectation,
    pub(crate) keys: KeySet,
    pub(crate) now: UnixTime,
}

pub(crate) fn case(algorithm: &str) -> Case {
    let key = SigningKey::generate(Algorithm::from_name(algorithm).unwrap()).unwrap();
    let claims = json!({
        "iss": ISSUER, "aud": "orders", "sub": "a-subject-of-some-length", "client_id": "a-client", "jti": "one-of-many",
        "iat": NOW - 60, "exp": NOW + 3_000, "scope": "orders:read orders:write profile", "tenant": "acme",
        "name": "A person with a name of some length", "groups": ["one", "two", "three"],
    });
    let Value::Object(claims) = claims else { unreachable!() };
    let keys = json!({"keys": [key.public_jwk()]}).to_string();
    let terms = Terms {
        issuer: ISSUER.to_owned(),
        audiences: vec!["orders".to_owned()],
        algorithms: vec!["ES256".to_owned(), "RS256".to_owned()],
        profile: Profile::Rfc9068,
        max_lifetime: Some(Duration::from_hours(24)),
        max_age: None,
        leeway: Duration::from_secs(30),
        scope_claim: None,
    };
    Case {
        text: key.sign("at+jwt", &claims).unwrap(),
        expectation: Expectation::new(terms).unwrap(),
        keys: KeySet::parse(keys.as_bytes()).unwrap().0,
        now: UnixTime::from_secs(NOW),
    }
}

/// The same, verified.
pub(crate) fn verified(algorithm: &str) -> (Case, Verified<Claims>) {
    let case = case(algorithm);
    let claims = case.expectation.verify(Token::parse(&case.text).unwrap(), &case.keys, case.now).unwrap();
    (case, claims)
}

/// The text of a key set with two keys.
pub(crate) fn key_set() -> String {
    let keys = ["ES256", "RS256"].map(|name| SigningKey::generate(Algorithm::from_name(name).unwrap()).unwrap());
    json!({"keys": keys.each_ref().map(SigningKey::public_jwk)}).to_string()
}
