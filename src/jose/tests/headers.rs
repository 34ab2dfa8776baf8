//! RFC 7515, section 4; RFC 8725, sections 3.1, 3.2, 3.8 and 3.10: the header, which anybody may have written.

use super::assert_rows;
use super::mint::{ES256, Issuer, Json, RSA, STRANGER, claims, generic_terms, terms, terms_for};
use crate::jose::{Algorithm, KeySet, Reason, SigningKey, base64url};
use crate::secret::Secret;

fn header_rows(rows: impl IntoIterator<Item = (&'static str, Json, Result<(), Reason>)>) {
    assert_rows(
        rows.into_iter()
            .map(|(name, header, expected)| (name, ES256.judge(&ES256.token(&header, &claims()), terms()), expected)),
    );
}

#[test]
fn rfc_8725_section_3_1_an_algorithm_that_is_none_or_unknown_is_not_allowed() {
    let alg = |raw: &str| ES256.header().with("alg", raw);
    let refused = Err(Reason::AlgNotAllowed);
    header_rows([
        ("none", alg("\"none\""), refused),
        ("None", alg("\"None\""), refused),
        ("noNE", alg("\"noNE\""), refused),
        ("NONE", alg("\"NONE\""), refused),
        ("none and a space", alg("\"none \""), refused),
        ("empty", alg("\"\""), refused),
        ("absent", ES256.header().without("alg"), refused),
        ("null", alg("null"), refused),
        ("a number", alg("256"), refused),
        ("true", alg("true"), refused),
        ("an array with the right one", alg("[\"ES256\"]"), refused),
        ("an object", alg("{\"ES256\":true}"), refused),
        ("lower case", alg("\"es256\""), refused),
        ("a space after", alg("\"ES256 \""), refused),
        ("a space before", alg("\" ES256\""), refused),
        ("a NUL after", alg("\"ES256\\u0000\""), refused),
        ("full-width letters", alg("\"ＥＳ２５６\""), refused),
        ("a curve that is not supported", alg("\"ES256K\""), refused),
        ("a hash that is broken", alg("\"RS1\""), refused),
        ("Ed448", alg("\"Ed448\""), refused),
        ("an algorithm of encryption", alg("\"A128KW\""), refused),
        ("the right one by escapes", alg("\"E\\u0053256\""), Ok(())),
        ("the right one", ES256.header(), Ok(())),
    ]);
}

#[test]
fn rfc_8725_section_3_1_an_algorithm_of_another_policy_is_not_allowed() {
    let token = ES256.token_of(&claims());
    let under = |algorithms: &[&str]| ES256.judge(&token, terms_for(algorithms));
    assert_rows([
        ("RS256 is allowed", under(&["RS256"]), Err(Reason::AlgNotAllowed)),
        ("its neighbours are allowed", under(&["ES384", "ES512"]), Err(Reason::AlgNotAllowed)),
        ("a shared secret is allowed", under(&["HS256"]), Err(Reason::AlgNotAllowed)),
        ("it is allowed among others", under(&["RS256", "ES256"]), Ok(())),
    ]);
}

#[test]
fn rfc_8725_section_2_1_a_public_key_is_never_taken_for_a_shared_secret() {
    let jwk = RSA.jwk().text();
    let public = aws_lc_rs::signature::RsaPublicKeyComponents {
        n: base64url::decode(RSA.key.public_jwk().unwrap()["n"].as_str().unwrap()).unwrap(),
        e: vec![1, 0, 1],
    };
    let key: aws_lc_rs::signature::ParsedPublicKey =
        public.to_parsed_public_key(&aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256).unwrap();
    let pkcs1 = key.as_ref().to_vec();
    let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&key).unwrap();
    let spki = spki.as_ref().to_vec();
    let pem = pem_of(&spki, "\n");
    let secrets: [(&str, Vec<u8>); 9] = [
        ("PEM", pem.clone().into_bytes()),
        ("PEM without its last line feed", pem.trim_end().as_bytes().to_vec()),
        ("PEM with CRLF", pem_of(&spki, "\r\n").into_bytes()),
        ("SubjectPublicKeyInfo in DER", spki),
        ("RSAPublicKey in DER", pkcs1),
        ("the modulus", public.n.clone()),
        ("JWK", jwk.clone().into_bytes()),
        ("JWK Set", format!("{{\"keys\":[{jwk}]}}").into_bytes()),
        ("the text of n", RSA.key.public_jwk().unwrap()["n"].as_str().unwrap().as_bytes().to_vec()),
    ];
    for (name, secret) in secrets {
        let hmac = SigningKey::hmac(&Secret::new(secret), Algorithm::HS256).unwrap();
        for header in [RSA.header().with_text("alg", "HS256"), RSA.header().with_text("alg", "HS256").without("kid")] {
            let token =
                super::mint::compact(header.text(), claims().text(), |message| hmac.sign_message(message).unwrap());
            assert_eq!(RSA.judge(&token, terms_for(&["RS256"])), Err(Reason::AlgNotAllowed), "{name}");
            // Even a policy that asks for shared secrets finds no secret in a public key set.
            let kind = RSA.judge(&token, terms_for(&["HS256"])).unwrap_err();
            assert!([Reason::AlgKeyMismatch, Reason::UnknownKid].contains(&kind), "{name}: {kind}");
        }
    }
}

fn pem_of(der: &[u8], end: &str) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN PUBLIC KEY-----{end}{}{end}-----END PUBLIC KEY-----{end}", lines.join(end))
}

#[test]
fn an_empty_secret_signs_nothing_that_a_key_without_algorithm_accepts() {
    let jwk = RSA.jwk().without("alg").text();
    let keys = super::mint::key_set([&jwk]);
    let empty = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"");
    let header = RSA.header().with_text("alg", "HS256").text();
    let token = super::mint::compact(header, claims().text(), |message| {
        aws_lc_rs::hmac::sign(&empty, message).as_ref().to_vec()
    });
    assert_eq!(super::mint::judge(&token, &keys, terms_for(&["RS256"])), Err(Reason::AlgNotAllowed));
    assert_eq!(super::mint::judge(&token, &keys, terms_for(&["HS256"])), Err(Reason::AlgKeyMismatch));
    assert_eq!(super::mint::judge(&RSA.token_of(&claims()), &keys, terms_for(&["RS256"])), Ok(()));
}

#[test]
fn rfc_8725_section_3_10_a_key_that_the_token_brings_is_never_used() {
    let theirs = STRANGER.jwk().without("kid").without("use").without("alg").text();
    let cases = [
        ("jwk", theirs, Reason::UnexpectedHeader),
        ("jku", "\"http://169.254.169.254/keys\"".to_owned(), Reason::UnexpectedHeader),
        ("x5u", "\"https://localhost/cert.pem\"".to_owned(), Reason::UnexpectedHeader),
    ];
    for (name, raw, strict) in cases {
        let header = ES256.header().with(name, &raw);
        let forged = STRANGER.token(&header, &claims());
        let without_kid = STRANGER.token(&header.clone().without("kid"), &claims());
        let own_kid = STRANGER.token(&header.clone().with_text("kid", &STRANGER.kid()), &claims());
        let genuine = ES256.token(&header, &claims());
        assert_rows([
            (format!("{name}, a stranger's signature"), ES256.judge(&forged, terms()), Err(Reason::BadSignature)),
            (format!("{name}, no kid"), ES256.judge(&without_kid, terms()), Err(Reason::BadSignature)),
            (format!("{name}, the stranger's kid"), ES256.judge(&own_kid, terms()), Err(Reason::UnknownKid)),
            (format!("{name}, generic"), ES256.judge(&forged, generic_terms()), Err(Reason::BadSignature)),
            (format!("{name}, the issuer's signature"), ES256.judge(&genuine, terms()), Err(strict)),
            (format!("{name}, the same, generic"), ES256.judge(&genuine, generic_terms()), Ok(())),
        ]);
    }
}

#[test]
fn a_certificate_chain_in_the_header_gives_no_trust_and_does_no_harm() {
    let header = ES256.header().with("x5c", "[\"MIIB\"]").with_text("x5t#S256", "AAAA").with_text("cty", "json");
    let forged = STRANGER.token(&header, &claims());
    let genuine = ES256.token(&header, &claims());
    assert_rows([
        ("a stranger's signature", ES256.judge(&forged, terms()), Err(Reason::BadSignature)),
        ("the same, generic", ES256.judge(&forged, generic_terms()), Err(Reason::BadSignature)),
        ("the issuer's", ES256.judge(&genuine, terms()), Ok(())),
    ]);
}

#[test]
fn rfc_7515_section_4_1_11_no_critical_extension_is_understood() {
    let crit = |raw: &str| ES256.header().with("crit", raw);
    let (unsupported, invalid) = (Err(Reason::CritUnsupported), Err(Reason::CritInvalid));
    header_rows([
        ("an extension in the header", crit("[\"x\"]").with("x", 1), unsupported),
        (
            "a URL as its name",
            crit("[\"http://example.com/UNDEFINED\"]").with("http://example.com/UNDEFINED", "true"),
            unsupported,
        ),
        ("two extensions", crit("[\"x\",\"y\"]").with("x", 1).with("y", 1), unsupported),
        ("RFC 7797", crit("[\"b64\"]").with("b64", "false"), unsupported),
        ("RFC 7797, without effect", crit("[\"b64\"]").with("b64", "true"), unsupported),
        ("an empty list", crit("[]"), invalid),
        ("a string", crit("\"x\"").with("x", 1), invalid),
        ("null", crit("null"), invalid),
        ("false", crit("false"), invalid),
        ("an object", crit("{\"x\":1}").with("x", 1), invalid),
        ("a number in the list", crit("[1]"), invalid),
        ("a name that the header lacks", crit("[\"x\"]"), invalid),
        ("a name in other case", crit("[\"X\"]").with("x", 1), invalid),
        ("one name twice", crit("[\"x\",\"x\"]").with("x", 1), invalid),
        ("a registered name", crit("[\"alg\"]"), invalid),
        ("a registered name, though an extension is too", crit("[\"x\",\"kid\"]").with("x", 1), invalid),
        ("a registered name of encryption", crit("[\"p2c\"]").with("p2c", 1), invalid),
        ("crit itself", crit("[\"crit\"]"), invalid),
        ("none", ES256.header(), Ok(())),
        ("the same extension, not critical", ES256.header().with("x", 1), Ok(())),
    ]);
}

#[test]
fn members_of_encrypted_or_unencoded_forms_are_unexpected() {
    let unexpected = Err(Reason::UnexpectedHeader);
    header_rows([
        ("zip", ES256.header().with_text("zip", "DEF"), unexpected),
        ("zip, null", ES256.header().with("zip", "null"), unexpected),
        ("enc", ES256.header().with_text("enc", "A256GCM"), unexpected),
        ("b64 false, not critical", ES256.header().with("b64", "false"), unexpected),
        ("b64 true", ES256.header().with("b64", "true"), unexpected),
        ("none of them", ES256.header(), Ok(())),
    ]);
}

#[test]
fn both_names_of_ed25519_are_taken_if_both_are_allowed() {
    let issuer = Issuer::new(Algorithm::Ed25519);
    let token = |alg: &str| issuer.token(&issuer.header().with_text("alg", alg), &claims());
    let under = |alg: &str, algorithms: &[&str]| issuer.judge(&token(alg), terms_for(algorithms));
    assert_rows([
        ("Ed25519 under EdDSA", under("Ed25519", &["EdDSA"]), Err(Reason::AlgNotAllowed)),
        ("EdDSA under Ed25519", under("EdDSA", &["Ed25519"]), Err(Reason::AlgNotAllowed)),
        ("Ed448 under both", under("Ed448", &["EdDSA", "Ed25519"]), Err(Reason::AlgNotAllowed)),
        ("Ed25519 under both", under("Ed25519", &["EdDSA", "Ed25519"]), Ok(())),
        ("EdDSA under both", under("EdDSA", &["EdDSA", "Ed25519"]), Ok(())),
    ]);
}

#[test]
fn a_shared_secret_needs_no_kid_and_ignores_one() {
    let secret = || Secret::new(vec![7; 32]);
    let keys = KeySet::hmac(&secret(), Algorithm::HS256).unwrap();
    let key = SigningKey::hmac(&secret(), Algorithm::HS256).unwrap();
    let other = SigningKey::hmac(&Secret::new(vec![8; 32]), Algorithm::HS256).unwrap();
    let token = |key: &SigningKey, header: &Json| {
        super::mint::compact(header.text(), claims().text(), |message| key.sign_message(message).unwrap())
    };
    let header = Json::new(&[("alg", "\"HS256\""), ("typ", "\"at+jwt\"")]);
    let judge = |token: &str, algorithm: &str| super::mint::judge(token, &keys, terms_for(&[algorithm]));
    assert_rows([
        ("another secret", judge(&token(&other, &header), "HS256"), Err(Reason::BadSignature)),
        ("another algorithm", judge(&token(&key, &header), "HS384"), Err(Reason::AlgNotAllowed)),
        ("no kid", judge(&token(&key, &header), "HS256"), Ok(())),
        ("some kid", judge(&token(&key, &header.with_text("kid", "x")), "HS256"), Ok(())),
    ]);
}
