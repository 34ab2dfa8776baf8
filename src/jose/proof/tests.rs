//! RFC 9449, section 4.3: which proofs are good for a request, and which are not.

mod targets;

use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;

use super::{Proof, ProofFault, ProofTerms, ProofWindow, TargetUri};
use crate::clock::UnixTime;
use crate::jose::tests::assert_rows;
use crate::jose::tests::mint::{ES256, Issuer, Json, NOW, RSA, STRANGER, compact, now};
use crate::jose::{Algorithm, SigningKey, TokenHash, base64url};
use crate::secret::Secret;

const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

static TARGETS: LazyLock<[TargetUri; 1]> = LazyLock::new(|| [target("https://api.example.com/orders/1")]);

fn target(uri: &str) -> TargetUri {
    TargetUri::parse(uri).unwrap()
}

/// What a resource asks of the good proof.
fn terms() -> ProofTerms<'static> {
    ProofTerms {
        method: "GET",
        targets: &*TARGETS,
        algorithms: &[Algorithm::ES256, Algorithm::RS256, Algorithm::Ed25519],
        window: ProofWindow::default(),
        token: Some(TokenHash::of(ACCESS_TOKEN)),
    }
}

fn header() -> Json {
    header_of(&ES256)
}

fn header_of(issuer: &Issuer) -> Json {
    let jwk = issuer.jwk().without("kid").without("use").without("alg");
    Json::new(&[("typ", "\"dpop+jwt\"")]).with_text("alg", issuer.key.algorithm().as_str()).with("jwk", jwk.text())
}

fn claims() -> Json {
    Json::new(&[("jti", "\"e1j3V_bKic8-LAEB\""), ("htm", "\"GET\"")])
        .with_text("htu", "https://api.example.com/orders/1")
        .with("iat", NOW)
        .with_text("ath", &base64url::encode(TokenHash::of(ACCESS_TOKEN).as_bytes()))
}

fn proof_of(header: &Json, claims: &Json) -> String {
    ES256.token(header, claims)
}

fn verify(proof: &str) -> Result<(), ProofFault> {
    Proof::verify(proof, &terms(), now()).map(|_| ())
}

fn with_header(header: &Json) -> Result<(), ProofFault> {
    verify(&proof_of(header, &claims()))
}

fn with_claims(claims: &Json) -> Result<(), ProofFault> {
    verify(&proof_of(&header(), claims))
}

fn good() -> Proof {
    Proof::verify(&proof_of(&header(), &claims()), &terms(), now()).unwrap()
}

/// Terms under which these algorithms sign.
fn verify_for(proof: &str, algorithms: &[Algorithm]) -> Result<(), ProofFault> {
    Proof::verify(proof, &ProofTerms { algorithms, ..terms() }, now()).map(|_| ())
}

#[test]
fn row_91_what_is_no_jwt_or_too_large_is_malformed() {
    let good = proof_of(&header(), &claims());
    let [head, body, signature] = <[&str; 3]>::try_from(good.split('.').collect::<Vec<_>>()).unwrap();
    let padded = |length: usize| {
        // A letter more in the claims is four thirds of one in the text.
        let proof = |pad: usize| proof_of(&header(), &claims().with_text("pad", &"p".repeat(pad)));
        (2000..4000).map(proof).find(|proof| proof.len() >= length).unwrap()
    };
    let malformed = Err(ProofFault::Malformed);
    let (below, above) = (padded(4093), padded(4097));
    assert!((4093..=4096).contains(&below.len()) && (4097..4101).contains(&above.len()));
    assert_rows([
        ("nothing", verify(""), malformed),
        ("a word", verify("proof"), malformed),
        ("two segments", verify(&format!("{head}.{body}")), malformed),
        ("four segments", verify(&format!("{good}.e30")), malformed),
        ("five segments", verify(&format!("{good}.e30.e30")), malformed),
        ("no signature", verify(&format!("{head}.{body}.")), malformed),
        ("two proofs with a comma", verify(&format!("{good}, {good}")), malformed),
        ("a space at the end", verify(&format!("{good} ")), malformed),
        ("padding", verify(&format!("{good}=")), malformed),
        (
            "the JSON serialisation",
            verify(&format!("{{\"payload\":\"{body}\",\"signature\":\"{signature}\"}}")),
            malformed,
        ),
        ("claims that are an array", verify(&ES256.sign(header().text(), "[]")), malformed),
        ("a claim twice", with_claims(&claims().and("htm", "\"GET\"")), malformed),
        ("a member of the header twice", with_header(&header().and("typ", "\"dpop+jwt\"")), malformed),
        (
            "a member of the key twice",
            with_header(&header().with("jwk", ES256.jwk().and("kty", "\"EC\"").text())),
            malformed,
        ),
        ("crit", with_header(&header().with("crit", "[\"x\"]").with("x", 1)), malformed),
        ("zip", with_header(&header().with_text("zip", "DEF")), malformed),
        ("b64", with_header(&header().with("b64", false)), malformed),
        ("over 4 KiB", verify(&above), malformed),
        ("just within 4 KiB", verify(&below), Ok(())),
        ("as it was made", verify(&good), Ok(())),
    ]);
}

#[test]
fn row_92_the_type_is_that_of_a_proof() {
    let typ = |typ: &str| with_header(&header().with_text("typ", typ));
    let wrong = Err(ProofFault::Typ);
    assert_rows([
        ("none", with_header(&header().without("typ")), wrong),
        ("empty", typ(""), wrong),
        ("JWT", typ("JWT"), wrong),
        ("an access token's", typ("at+jwt"), wrong),
        ("dpop", typ("dpop"), wrong),
        ("another tree", typ("text/dpop+jwt"), wrong),
        ("a space at the end", typ("dpop+jwt "), wrong),
        ("as the RFC has it", typ("dpop+jwt"), Ok(())),
        // RFC 7515, section 4.1.9: a media type, whose prefix may be left out and whose case means nothing.
        ("in upper case", typ("DPOP+JWT"), Ok(())),
        ("in full", typ("application/dpop+jwt"), Ok(())),
    ]);
}

#[test]
fn row_93_the_algorithm_is_asymmetric_and_allowed() {
    let alg = |name: &str| with_header(&header().with_text("alg", name));
    let hmac = SigningKey::hmac(&Secret::new(vec![7; 32]), Algorithm::HS256).unwrap();
    let oct = Json::new(&[("kty", "\"oct\"")]).with_text("k", &base64url::encode([7; 32]));
    let shared = header().with_text("alg", "HS256").with("jwk", oct.text());
    let shared = compact(shared.text(), claims().text(), |message| hmac.sign_message(message).unwrap());
    let refused = Err(ProofFault::Alg);
    let good = proof_of(&header(), &claims());
    assert_rows([
        ("none", alg("none"), refused),
        ("NONE", alg("NONE"), refused),
        ("absent", with_header(&header().without("alg")), refused),
        ("a number", with_header(&header().with("alg", 256)), refused),
        ("in lower case", alg("es256"), refused),
        ("one that is not among them", verify_for(&good, &[Algorithm::RS256, Algorithm::ES384]), refused),
        ("none is among them", verify_for(&good, &[]), refused),
        ("a shared secret", verify(&shared), refused),
        ("a shared secret, named by the terms", verify_for(&shared, &[Algorithm::HS256]), refused),
        ("one of them", verify_for(&good, &[Algorithm::RS256, Algorithm::ES256]), Ok(())),
        ("all of them", verify_for(&good, &Algorithm::ALL), Ok(())),
    ]);
}

#[test]
fn every_asymmetric_algorithm_can_prove() {
    use Algorithm::{ES256, ES384, ES512, Ed25519, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    for algorithm in [ES256, ES384, ES512, EdDSA, Ed25519, RS256, RS384, RS512, PS256, PS384, PS512] {
        let is_rsa = algorithm.as_str().contains("S256") && !algorithm.as_str().starts_with('E');
        let key = if is_rsa || matches!(algorithm, RS384 | RS512 | PS384 | PS512) {
            SigningKey::from_pkcs8(&RSA.key.to_pkcs8().unwrap(), algorithm).unwrap()
        } else {
            SigningKey::generate(algorithm).unwrap()
        };
        let issuer = Issuer::with_key(key);
        let proof = issuer.token(&header_of(&issuer), &claims());
        let verified = Proof::verify(&proof, &ProofTerms { algorithms: &[algorithm], ..terms() }, now()).unwrap();
        assert_eq!(verified.thumbprint, issuer.key.thumbprint(), "{algorithm}");
        let others: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        assert_eq!(verify_for(&proof, &others), Err(ProofFault::Alg), "{algorithm}");
    }
}

#[test]
fn row_94_the_key_is_public_sound_and_of_the_algorithm() {
    let jwk = |jwk: &Json| with_header(&header().with("jwk", jwk.text()));
    let own = || ES256.jwk().without("kid").without("use").without("alg");
    // Refused for the key although the signature is no better: so none was verified.
    let unsigned = |jwk: &Json, alg: &str| {
        let header = header().with_text("alg", alg).with("jwk", jwk.text());
        verify_for(&compact(header.text(), claims().text(), |_| vec![0; 64]), &Algorithm::ALL)
    };
    let rsa = |bytes: usize| {
        let n = base64url::encode([[0xc5].as_slice(), &vec![0x55; bytes - 1]].concat());
        Json::new(&[("kty", "\"RSA\""), ("e", "\"AQAB\"")]).with_text("n", &n)
    };
    let refused = Err(ProofFault::Jwk);
    assert_rows([
        ("none", with_header(&header().without("jwk")), refused),
        ("null", with_header(&header().with("jwk", "null")), refused),
        ("a string", with_header(&header().with("jwk", "\"{}\"")), refused),
        ("an array", with_header(&header().with("jwk", format!("[{}]", own().text()))), refused),
        ("empty", with_header(&header().with("jwk", "{}")), refused),
        ("an address of one", with_header(&header().without("jwk").with_text("jku", "https://a.example/k")), refused),
        ("with d", jwk(&own().with_text("d", "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")), refused),
        ("with d of nothing", jwk(&own().with_text("d", "")), refused),
        ("with d, not signed", unsigned(&own().with_text("d", "AA"), "ES256"), refused),
        ("with k", jwk(&own().with_text("k", "AA")), refused),
        ("oct", unsigned(&Json::new(&[("kty", "\"oct\""), ("k", "\"AAAA\"")]), "ES256"), refused),
        ("RSA with p", unsigned(&rsa(256).with_text("p", "AA"), "RS256"), refused),
        ("RSA of 16,384 bits", unsigned(&rsa(2048), "RS256"), refused),
        ("RSA of 4,104 bits", unsigned(&rsa(513), "RS256"), refused),
        ("RSA of 1,024 bits", unsigned(&rsa(128), "RS256"), refused),
        ("RSA with another exponent", unsigned(&rsa(256).with_text("e", "Aw"), "RS256"), refused),
        ("another curve than the algorithm's", unsigned(&own().with_text("crv", "P-384"), "ES256"), refused),
        ("another type than the algorithm's", unsigned(&own(), "RS256"), refused),
        ("a point that is on no curve", unsigned(&own().with_text("x", &base64url::encode([7; 32])), "ES256"), refused),
        (
            "a point of small order",
            unsigned(
                &Json::new(&[("kty", "\"OKP\""), ("crv", "\"Ed25519\"")]).with_text("x", &base64url::encode([0; 32])),
                "Ed25519",
            ),
            refused,
        ),
        ("for encryption", jwk(&own().with_text("use", "enc")), refused),
        ("for signing alone", jwk(&own().with("key_ops", "[\"sign\"]")), refused),
        ("of another algorithm", jwk(&own().with_text("alg", "ES384")), refused),
        ("bare", jwk(&own()), Ok(())),
        ("with its algorithm, use and name", jwk(&own().with_text("alg", "ES256").with_text("use", "sig")), Ok(())),
        ("with members that nobody knows", jwk(&own().with("x-note", 1)), Ok(())),
    ]);
}

#[test]
fn row_95_the_signature_is_that_of_the_key_in_the_header() {
    let (header, claims) = (header(), claims());
    let good = proof_of(&header, &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut flipped = base64url::decode(signature).unwrap();
    *flipped.last_mut().unwrap() ^= 1;
    let other = proof_of(&header, &claims.clone().with_text("jti", "other"));
    let swapped = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    let wrong = Err(ProofFault::Signature);
    assert_rows([
        ("a bit flipped", verify(&format!("{signed}.{}", base64url::encode(flipped))), wrong),
        ("of other claims", verify(&swapped), wrong),
        ("by another key", verify(&STRANGER.token(&header, &claims)), wrong),
        ("a byte cut", verify(&format!("{signed}.{}", base64url::encode([7; 63]))), wrong),
        ("zeros", verify(&format!("{signed}.{}", base64url::encode([0; 64]))), wrong),
        ("another's key in the header", verify(&proof_of(&header_of(&STRANGER), &claims)), wrong),
        ("its own", verify(&good), Ok(())),
        ("another's own", verify(&STRANGER.token(&header_of(&STRANGER), &claims)), Ok(())),
    ]);
}

#[test]
fn row_96_the_thumbprint_says_whose_key_it_is() {
    let others = STRANGER.token(&header_of(&STRANGER), &claims());
    let others = Proof::verify(&others, &terms(), now()).unwrap();
    assert_eq!(good().thumbprint, ES256.key.thumbprint());
    assert_eq!(others.thumbprint, STRANGER.key.thumbprint());
}

#[test]
fn row_97_jti_htm_htu_and_iat_are_there_and_of_their_types() {
    let refused = Err(ProofFault::Claims);
    let mut rows = Vec::new();
    for name in ["jti", "htm", "htu", "iat"] {
        rows.push((format!("no {name}"), with_claims(&claims().without(name)), refused));
        for raw in ["null", "true", "[]", "{}", "[\"GET\"]"] {
            rows.push((format!("{name} is {raw}"), with_claims(&claims().with(name, raw)), refused));
        }
    }
    for name in ["jti", "htm", "htu", "nonce"] {
        rows.push((format!("{name} is a number"), with_claims(&claims().with(name, 1)), refused));
    }
    for raw in [format!("\"{NOW}\""), "-1".to_owned(), "1e300".to_owned()] {
        rows.push((format!("iat is {raw}"), with_claims(&claims().with("iat", &raw)), refused));
    }
    let jti = |length: usize| with_claims(&claims().with_text("jti", &"j".repeat(length)));
    rows.push(("jti is empty".to_owned(), jti(0), refused));
    rows.push(("jti has 257 bytes".to_owned(), jti(257), refused));
    rows.push(("exp is no time".to_owned(), with_claims(&claims().with("exp", "\"soon\"")), refused));
    rows.push(("nbf is no time".to_owned(), with_claims(&claims().with("nbf", "null")), refused));
    rows.push(("jti has one byte".to_owned(), jti(1), Ok(())));
    rows.push(("jti has 256 bytes".to_owned(), jti(256), Ok(())));
    rows.push(("iat has a fraction".to_owned(), with_claims(&claims().with("iat", format!("{NOW}.75"))), Ok(())));
    assert_rows(rows);
}

#[test]
fn row_98_the_method_is_that_of_the_request() {
    let htm = |method: &str| with_claims(&claims().with_text("htm", method));
    let wrong = Err(ProofFault::Htm);
    assert_rows([
        ("another", htm("PUT"), wrong),
        ("in lower case", htm("get"), wrong),
        ("empty", htm(""), wrong),
        ("with a space", htm("GET "), wrong),
        ("the request's", htm("GET"), Ok(())),
    ]);
}

#[test]
fn row_102_the_hash_is_that_of_the_access_token() {
    let hash = |token: &str| base64url::encode(TokenHash::of(token).as_bytes());
    let ath = |text: &str| with_claims(&claims().with_text("ath", text));
    let without_token = |claims: &Json| {
        Proof::verify(&proof_of(&header(), claims), &ProofTerms { token: None, ..terms() }, now()).map(|_| ())
    };
    let wrong = Err(ProofFault::Ath);
    assert_rows([
        ("absent", with_claims(&claims().without("ath")), wrong),
        ("null", with_claims(&claims().with("ath", "null")), wrong),
        ("empty", ath(""), wrong),
        ("of another token", ath(&hash("other")), wrong),
        ("of nothing", ath(&hash("")), wrong),
        ("padded", ath(&format!("{}=", hash(ACCESS_TOKEN))), wrong),
        ("the token itself", ath(ACCESS_TOKEN), wrong),
        ("of the token", ath(&hash(ACCESS_TOKEN)), Ok(())),
        ("absent, where there is no token", without_token(&claims().without("ath")), Ok(())),
        ("there, where there is no token", without_token(&claims()), Ok(())),
    ]);
}

#[test]
fn row_103_a_proof_is_of_now() {
    let iat = |seconds: i64| with_claims(&claims().with("iat", NOW + seconds));
    let with = |name: &str, seconds: i64| with_claims(&claims().with(name, NOW + seconds));
    let narrow = ProofWindow { past: Duration::from_secs(5), future: Duration::ZERO };
    let in_narrow = |seconds: i64| {
        let proof = proof_of(&header(), &claims().with("iat", NOW + seconds));
        Proof::verify(&proof, &ProofTerms { window: narrow, ..terms() }, now()).map(|_| ())
    };
    let wrong = Err(ProofFault::Time);
    assert_rows([
        ("an hour ago", iat(-3600), wrong),
        ("a minute ago", iat(-60), wrong),
        ("1970", iat(-NOW), wrong),
        ("in an hour", iat(3600), wrong),
        ("in 11 seconds", iat(11), wrong),
        ("at the end of time", with_claims(&claims().with("iat", i64::MAX)), wrong),
        ("in a narrow window, five seconds ago", in_narrow(-5), wrong),
        ("in a narrow window, in a second", in_narrow(1), wrong),
        ("it ended", with("exp", -10), wrong),
        ("it has not begun", with("nbf", 11), wrong),
        ("59 seconds ago", iat(-59), Ok(())),
        ("ten seconds ago", iat(-10), Ok(())),
        ("in eight seconds", iat(8), Ok(())),
        ("in ten seconds", iat(10), Ok(())),
        ("in a narrow window, four seconds ago", in_narrow(-4), Ok(())),
        ("it ended for a clock that is fast", with("exp", -9), Ok(())),
        ("it begins for a clock that is slow", with("nbf", 10), Ok(())),
    ]);
}

#[test]
fn a_proof_is_to_be_remembered_for_as_long_as_it_passes() {
    let proof = proof_of(&header(), &claims());
    let until = good().until;
    assert_eq!((good().issued, until), (now(), UnixTime::from_secs(NOW + 60)));
    let at = |time: UnixTime| Proof::verify(&proof, &terms(), time).map(|_| ());
    assert_eq!(at(until), Err(ProofFault::Time));
    assert_eq!(at(until.minus(Duration::from_millis(1))), Ok(()));
}

#[test]
fn row_104_one_proof_has_one_name_and_no_other_has_it() {
    let verified = |issuer: &Issuer, claims: &Json| {
        Proof::verify(&issuer.token(&header_of(issuer), claims), &ProofTerms { token: None, ..terms() }, now()).unwrap()
    };
    let key = good().key;
    // An ECDSA signature is another each time, and so is what else the claims say.
    let spellings = [
        verified(&ES256, &claims()),
        verified(&ES256, &claims().with("iat", NOW - 5).with("x", 1).without("ath")),
        verified(&ES256, &claims().with_text("htu", "HTTPS://API.example.com:443/orders/./1?q#f")),
    ];
    assert!(spellings.iter().all(|proof| proof.key == key));
    let wide = [target("https://api.example.com/orders/1"), target("https://api.example.com/orders/2")];
    let elsewhere = proof_of(&header(), &claims().with_text("htu", "https://api.example.com/orders/2"));
    let elsewhere = Proof::verify(&elsewhere, &ProofTerms { targets: &wide, ..terms() }, now()).unwrap();
    let others = [
        verified(&ES256, &claims().with_text("jti", "other")).key,
        verified(&ES256, &claims().with_text("jti", "e1j3V_bKic8-LAEB ")).key,
        verified(&STRANGER, &claims()).key,
        elsewhere.key,
        key,
    ];
    for (index, key) in others.iter().enumerate() {
        assert!(!others[..index].contains(key), "{index}");
    }
}

#[test]
fn row_107_the_nonce_is_handed_on() {
    let nonce = |claims: &Json| Proof::verify(&proof_of(&header(), claims), &terms(), now()).unwrap().nonce;
    assert_eq!(nonce(&claims()), None);
    assert_eq!(nonce(&claims().with_text("nonce", "")).as_deref(), Some(""));
    assert_eq!(
        nonce(&claims().with_text("nonce", "eyJ7S_zG.eyJH0-Z.HX4w-7v")).as_deref(),
        Some("eyJ7S_zG.eyJH0-Z.HX4w-7v")
    );
}

#[test]
fn row_108_what_nobody_knows_changes_nothing() {
    assert_eq!(with_header(&header().with("x", "[1]").with_text("kid", "1").with_text("cty", "x")), Ok(()));
    assert_eq!(
        with_claims(&claims().with("x", "{\"y\":[null]}").with_text("iss", "me").with_text("aud", "you")),
        Ok(())
    );
}

#[test]
fn what_is_cheap_is_checked_before_the_key() {
    // Were the key looked at first, each of these would be refused for it.
    let bad_key = header().with("jwk", "{\"kty\":\"oct\",\"k\":\"AA\"}");
    let fault = |claims: &Json| verify(&proof_of(&bad_key, claims));
    assert_rows([
        ("claims", fault(&claims().without("jti")), Err(ProofFault::Claims)),
        ("method", fault(&claims().with_text("htm", "PUT")), Err(ProofFault::Htm)),
        ("target", fault(&claims().with_text("htu", "https://a.example/")), Err(ProofFault::Htu)),
        ("token", fault(&claims().without("ath")), Err(ProofFault::Ath)),
        ("time", fault(&claims().with("iat", 0)), Err(ProofFault::Time)),
        ("the key", fault(&claims()), Err(ProofFault::Jwk)),
    ]);
}

#[test]
fn every_fault_has_a_word_of_its_own_and_a_meaning() {
    let mut words: Vec<&str> = ProofFault::ALL.iter().map(|fault| fault.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), ProofFault::ALL.len());
    for fault in ProofFault::ALL {
        assert!(!fault.meaning().is_empty() && !fault.meaning().ends_with('.'), "{fault}");
        assert!(fault.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{fault}");
    }
}

static PROOF: LazyLock<String> = LazyLock::new(|| proof_of(&header(), &claims()));

proptest! {
    #[test]
    fn a_proof_with_any_bit_flipped_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = PROOF.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(flipped) = String::from_utf8(bytes) {
            prop_assert!(verify(&flipped).is_err(), "byte {}, bit {}", at, bit);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), header in any::<Vec<u8>>(), claims in any::<Vec<u8>>()) {
        prop_assert!(verify(&text).is_err());
        prop_assert!(verify(&compact(header, claims, <[u8]>::to_vec)).is_err());
    }
}
