//! RFC 7519, sections 3.1 and 6.1, appendix A: JSON Web Token.

use std::time::Duration;

use bearward::clock::UnixTime;
use bearward::jose::{Algorithm, Expectation, Profile, Reason, Terms, Token};

use super::{assert_refused, assert_verified, examples, key_set, text};

const DATA: &str = include_str!("rfc7519.json");
/// What the claims of section 3.1 say.
const EXPIRY: i64 = 1_300_819_380;

#[test]
fn the_signed_example_verifies() {
    examples(DATA, "verified").iter().for_each(assert_verified);
}

#[test]
fn the_unsecured_the_encrypted_and_the_nested_example_are_refused() {
    examples(DATA, "refused").iter().for_each(assert_refused);
}

#[test]
fn section_3_1_a_token_for_nobody_is_no_access_token() {
    let example = &examples(DATA, "verified")[0];
    let keys = key_set(&example["key"], Algorithm::HS256);
    let judge = |profile: Profile, issuer: &str, now: i64| {
        let terms = Terms {
            issuer: issuer.to_owned(),
            audiences: vec!["anybody".to_owned()],
            algorithms: vec!["HS256".to_owned()],
            profile,
            max_lifetime: None,
            max_age: None,
            leeway: Duration::ZERO,
            scope_claim: None,
        };
        let token = Token::parse(text(example, "compact")).unwrap();
        Expectation::new(terms).unwrap().verify(token, &keys, UnixTime::from_secs(now)).map(|_| ())
    };
    assert_eq!(judge(Profile::Rfc9068, "joe", EXPIRY - 1), Err(Reason::WrongTyp));
    assert_eq!(judge(Profile::Generic, "Joe", EXPIRY - 1), Err(Reason::IssUnknown));
    assert_eq!(judge(Profile::Generic, "joe", EXPIRY - 1), Err(Reason::AudInvalid));
}
