//! RFC 7517, 7638 and 8037: keys that sign, how they are stored and what they are called.

use super::assert_rows;
use super::mint::{ES256, Issuer, Json, RSA, claims, judge, now, terms_for};
use crate::jose::{Algorithm, Expectation, Family, Reason, SigningKey, SigningKeyError, SkipReason, Token, base64url};
use crate::secret::Secret;

fn from_jwk(jwk: &Json, otherwise: Option<Algorithm>) -> Result<Algorithm, SigningKeyError> {
    SigningKey::from_jwk(&Secret::new(jwk.text().into_bytes()), otherwise).map(|key| key.algorithm())
}

/// The key of RFC 8037, appendix A.1.
fn ed25519() -> Json {
    Json::new(&[
        ("kty", "\"OKP\""),
        ("crv", "\"Ed25519\""),
        ("d", "\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""),
        ("x", "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""),
    ])
}

/// The key of RFC 7515, appendix A.3.
fn p256() -> Json {
    Json::new(&[
        ("kty", "\"EC\""),
        ("crv", "\"P-256\""),
        ("x", "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""),
        ("y", "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""),
        ("d", "\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""),
        ("alg", "\"ES256\""),
    ])
}

#[test]
fn a_private_jwk_is_whole_and_of_one_piece() {
    let bad = |name| Err(SigningKeyError::BadMember(name));
    let no_key = |algorithm| Err(SigningKeyError::NotAKey(algorithm));
    let es256 = Some(Algorithm::ES256);
    assert_rows([
        ("no kty", from_jwk(&p256().without("kty"), None), bad("kty")),
        ("kty of another type", from_jwk(&p256().with_text("kty", "RSA"), None), bad("kty")),
        ("no alg, and none otherwise", from_jwk(&p256().without("alg"), None), bad("alg")),
        ("an unknown alg, though another is offered", from_jwk(&p256().with_text("alg", "none"), es256), bad("alg")),
        ("an alg of another curve", from_jwk(&p256().with_text("alg", "ES384"), None), no_key(Algorithm::ES384)),
        ("an alg of another type", from_jwk(&p256().with_text("alg", "EdDSA"), None), bad("kty")),
        (
            "an alg of shared secrets",
            from_jwk(&p256().with_text("alg", "HS256"), None),
            Err(SigningKeyError::SharedSecret(Algorithm::HS256)),
        ),
        ("no private half", from_jwk(&p256().without("d"), None), bad("d")),
        (
            "another private half",
            from_jwk(&p256().with_text("d", &base64url::encode([7; 32])), None),
            no_key(Algorithm::ES256),
        ),
        (
            "another public half",
            from_jwk(&p256().with("x", ES256.key.public_jwk().unwrap()["x"].to_string()), None),
            no_key(Algorithm::ES256),
        ),
        ("d is no base64url", from_jwk(&p256().with("d", "\"+\""), None), bad("d")),
        ("d twice", from_jwk(&p256().and("d", "\"AA\""), None), bad("kty")),
        (
            "Ed25519 with another public half",
            from_jwk(&ed25519().with_text("x", &base64url::encode([7; 32])), Some(Algorithm::EdDSA)),
            no_key(Algorithm::EdDSA),
        ),
        ("X25519", from_jwk(&ed25519().with_text("crv", "X25519"), Some(Algorithm::EdDSA)), bad("crv")),
        ("P-256", from_jwk(&p256(), None), Ok(Algorithm::ES256)),
        ("P-256, what it states holds", from_jwk(&p256(), Some(Algorithm::ES384)), Ok(Algorithm::ES256)),
        ("P-256 that states nothing", from_jwk(&p256().without("alg"), es256), Ok(Algorithm::ES256)),
        ("Ed25519", from_jwk(&ed25519(), Some(Algorithm::Ed25519)), Ok(Algorithm::Ed25519)),
    ]);
}

#[test]
fn a_key_that_we_would_not_accept_does_not_sign() {
    let sound = Secret::new(include_bytes!("rsa_key.json").to_vec());
    let unfit = Secret::new(include_bytes!("rsa_key_exponent_3.json").to_vec());
    let outcome = |text| SigningKey::from_jwk(text, Some(Algorithm::RS256)).map(|key| key.algorithm());
    assert_eq!(outcome(&unfit), Err(SigningKeyError::Unfit(SkipReason::RsaExponent)));
    assert_eq!(outcome(&sound), Ok(Algorithm::RS256));
}

#[test]
fn a_key_survives_pkcs_8_and_keeps_its_name() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.family() != Family::Hmac) {
        let is_rsa = [Family::RsaPkcs1, Family::RsaPss].contains(&algorithm.family());
        let key = if is_rsa {
            SigningKey::from_pkcs8(&RSA.key.to_pkcs8().unwrap(), algorithm).unwrap()
        } else {
            SigningKey::generate(algorithm).unwrap()
        };
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap(), algorithm).unwrap();
        assert_eq!(again.thumbprint(), key.thumbprint(), "{algorithm}");
        assert_eq!(again.public_jwk(), key.public_jwk(), "{algorithm}");
        let token = again.sign("at+jwt", &serde_json::from_str(&claims().text()).unwrap()).unwrap();
        let issuer = Issuer::with_key(key);
        assert_eq!(judge(&token, &issuer.keys, terms_for(&[algorithm.as_str()])), Ok(()), "{algorithm}");
    }
}

#[test]
fn a_key_is_published_and_signs_under_the_name_that_was_asked_for() {
    let asymmetric = Algorithm::ALL.into_iter().filter(|algorithm| algorithm.family() != Family::Hmac);
    for algorithm in asymmetric {
        let is_rsa = [Family::RsaPkcs1, Family::RsaPss].contains(&algorithm.family());
        let made = || {
            if is_rsa {
                SigningKey::from_pkcs8(&RSA.key.to_pkcs8().unwrap(), algorithm)
            } else {
                SigningKey::generate(algorithm)
            }
        };
        let issuer = Issuer::with_key(made().unwrap());
        let name = algorithm.as_str();
        assert_eq!(issuer.key.public_jwk().unwrap()["alg"], name);
        let token = issuer.key.sign("at+jwt", &serde_json::from_str(&claims().text()).unwrap()).unwrap();
        assert_eq!(Token::parse(&token).unwrap().algorithm(), algorithm);
        assert_eq!(judge(&token, &issuer.keys, terms_for(&[name])), Ok(()), "{name}");
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert_eq!(
                judge(&token, &issuer.keys, terms_for(&[other.as_str()])),
                Err(Reason::AlgNotAllowed),
                "{name}, {other}"
            );
        }
    }
}

#[test]
fn pkcs_8_of_another_kind_is_no_key() {
    let kinds = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
    for (index, kind) in kinds.into_iter().enumerate() {
        let key =
            if kind == Algorithm::RS256 { RSA.key.to_pkcs8() } else { SigningKey::generate(kind).unwrap().to_pkcs8() };
        let key = key.unwrap();
        for (other_index, other) in kinds.into_iter().enumerate().filter(|(other, _)| *other != index) {
            let error = SigningKey::from_pkcs8(&key, other).map(|key| key.algorithm());
            assert_eq!(error, Err(SigningKeyError::NotAKey(other)), "{kind} as {other} ({other_index})");
        }
        let cut = Secret::new(key.expose()[..key.expose().len() - 1].to_vec());
        assert_eq!(SigningKey::from_pkcs8(&cut, kind).map(|key| key.algorithm()), Err(SigningKeyError::NotAKey(kind)));
    }
}

#[test]
fn a_shared_secret_has_no_public_half_and_is_not_made_here() {
    let key = SigningKey::hmac(&Secret::new(vec![7; 32]), Algorithm::HS256).unwrap();
    assert_eq!(key.public_jwk(), None);
    let shared = SigningKeyError::SharedSecret(Algorithm::HS256);
    assert_eq!(key.to_pkcs8().map(|_| ()), Err(shared.clone()));
    assert_eq!(SigningKey::generate(Algorithm::HS256).map(|_| ()), Err(shared.clone()));
    assert_eq!(SigningKey::from_pkcs8(&Secret::new(vec![7; 32]), Algorithm::HS256).map(|_| ()), Err(shared));
    let other = SigningKey::hmac(&Secret::new(vec![8; 32]), Algorithm::HS256).unwrap();
    assert_ne!(key.thumbprint(), other.thumbprint());
}

#[test]
fn rfc_7638_a_name_follows_from_the_required_members_alone() {
    let thumbprint = |jwk: &Json| {
        let (keys, _) = crate::jose::KeySet::parse(format!("{{\"keys\":[{}]}}", jwk.text()).as_bytes()).unwrap();
        keys.iter().next().unwrap().thumbprint()
    };
    for issuer in [&*ES256, &*RSA, &Issuer::new(Algorithm::EdDSA)] {
        let name = issuer.key.thumbprint();
        let bare = issuer.jwk().without("alg").without("use").without("kid");
        assert_eq!(thumbprint(&bare), name);
        assert_eq!(thumbprint(&bare.clone().with_text("kid", "x").with_text("use", "sig").with("x5t", 1)), name);
        assert_ne!(thumbprint(&Issuer::new(Algorithm::ES256).jwk()), name);
        assert_eq!(issuer.kid().len(), 43);
    }
    // Other spellings of the same number are the same key.
    let n = base64url::decode(RSA.key.public_jwk().unwrap()["n"].as_str().unwrap()).unwrap();
    let padded = RSA.jwk().with_text("n", &base64url::encode([[0].as_slice(), &n].concat()));
    assert_eq!(thumbprint(&padded), RSA.key.thumbprint());
}

#[test]
fn a_signed_token_names_its_key_and_says_what_it_is_told() {
    let members = serde_json::from_str(&claims().text()).unwrap();
    let token = ES256.key.sign("at+jwt", &members).unwrap();
    let token = Token::parse(&token).unwrap();
    assert_eq!(token.algorithm(), Algorithm::ES256);
    assert_eq!((token.typ(), token.kid()), (Some("at+jwt"), Some(ES256.kid().as_str())));
    let verified = Expectation::new(terms_for(&["ES256"])).unwrap().verify(token, &ES256.keys, now()).unwrap();
    assert_eq!(verified.members(), &members);
}
