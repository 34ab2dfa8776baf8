//! RFC 7515, appendices A to F: JSON Web Signature.

use bearward::jose::Algorithm;

use super::{assert_refused, assert_verified, decode, examples, signing_key, text};

const DATA: &str = include_str!("rfc7515.json");

#[test]
fn the_signed_examples_verify() {
    examples(DATA, "verified").iter().for_each(assert_verified);
}

#[test]
fn the_unsecured_the_critical_the_detached_and_the_json_examples_are_refused() {
    examples(DATA, "refused").iter().for_each(assert_refused);
}

#[test]
fn what_is_not_signed_at_random_comes_out_the_same() {
    let example = &examples(DATA, "verified")[1];
    assert_eq!(text(example, "section"), "A.2");
    let key = signing_key(&example["key"], Algorithm::RS256);
    let (signed, signature) = text(example, "compact").rsplit_once('.').unwrap();
    assert_eq!(key.sign_message(signed.as_bytes()).unwrap(), decode(signature));
}
