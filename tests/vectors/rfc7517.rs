//! RFC 7517, section 3 and appendices A to C: JSON Web Key.

use bearward::jose::{Algorithm, KeySet, Reason, SkipReason, Token};
use serde_json::Value;

use super::{key_set, signing_key, text, the_key, verify};

fn data() -> Value {
    serde_json::from_str(include_str!("rfc7517.json")).unwrap()
}

/// The usable keys, and why each other is not.
fn parse(keys: &Value) -> (KeySet, Vec<SkipReason>) {
    let (keys, skipped) = KeySet::parse(keys.to_string().as_bytes()).unwrap();
    (keys, skipped.into_iter().map(|key| key.reason).collect())
}

#[test]
fn appendix_a_1_the_key_for_encryption_is_left_out() {
    let (keys, skipped) = parse(&data()["public"]);
    assert_eq!(skipped, [SkipReason::NotForVerifying]);
    let key = the_key(&keys);
    assert_eq!(key.kid(), Some("2011-04-29"));
    assert_eq!(key.algorithms().collect::<Vec<_>>(), [Algorithm::RS256]);
}

#[test]
fn appendix_a_2_private_keys_are_no_public_key_set() {
    let (keys, skipped) = parse(&data()["private"]);
    assert!(keys.is_empty());
    assert_eq!(skipped, [SkipReason::PrivateKey, SkipReason::PrivateKey]);
}

#[test]
fn appendix_a_2_what_the_private_half_signs_the_public_half_verifies() {
    let data = data();
    let (public, _) = parse(&data["public"]);
    let key = signing_key(&data["private"]["keys"][1], Algorithm::RS256);
    let signature = key.sign_message(b"message").unwrap();
    assert_eq!(the_key(&public).verify(Algorithm::RS256, b"message", &signature), Ok(()));
    assert_eq!(the_key(&public).verify(Algorithm::RS256, b"massage", &signature), Err(Reason::BadSignature));
    let encrypting = signing_key(&data["private"]["keys"][0], Algorithm::ES256);
    assert_eq!(encrypting.algorithm(), Algorithm::ES256);
}

#[test]
fn appendix_a_3_symmetric_keys_are_no_public_key_set() {
    let (keys, skipped) = parse(&data()["symmetric"]);
    assert!(keys.is_empty());
    assert_eq!(skipped, [SkipReason::SharedSecret, SkipReason::SharedSecret]);
}

#[test]
fn appendix_b_a_certificate_chain_beside_the_key_is_ignored() {
    let keys = key_set(&data()["chain"], Algorithm::RS256);
    assert_eq!(the_key(&keys).kid(), Some("1b94c"));
    assert_eq!(the_key(&keys).algorithms().count(), 6);
}

#[test]
fn appendix_c_an_encrypted_key_is_encrypted_and_its_plaintext_is_private() {
    let data = data();
    assert_eq!(Token::parse(text(&data, "encrypted")).map(|_| ()), Err(Reason::EncryptedToken));
    let (_, skipped) = parse(&serde_json::json!({"keys": [data["plaintext"]]}));
    assert_eq!(skipped, [SkipReason::PrivateKey]);
    let key = signing_key(&data["plaintext"], Algorithm::RS256);
    // It is for encryption, so only without saying so would its public half be taken.
    let mut public = data["plaintext"].clone();
    public.as_object_mut().unwrap().remove("use");
    let public = key_set(&public, Algorithm::RS256);
    let signature = key.sign_message(b"message").unwrap();
    assert_eq!(the_key(&public).verify(Algorithm::RS256, b"message", &signature), Ok(()));
}

#[test]
fn section_3_the_example_key_is_that_of_the_signature_examples() {
    let jwk = serde_json::json!({
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "kid": "Public key used in JWS spec Appendix A.3 example",
    });
    let keys = key_set(&jwk, Algorithm::ES256);
    let key = keys.find("Public key used in JWS spec Appendix A.3 example").unwrap();
    let example = &super::examples(include_str!("rfc7515.json"), "verified")[2];
    assert_eq!(text(example, "section"), "A.3");
    assert_eq!(verify(key, Algorithm::ES256, text(example, "compact")), Ok(()));
}
