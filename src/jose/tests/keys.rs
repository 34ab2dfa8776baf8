//! RFC 7517, section 4; RFC 7518, section 6; RFC 8037: which published keys are used, and why the others are not.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::assert_rows;
use super::big::{Natural, primorial};
use super::mint::{ES256, Issuer, Json, RSA, claims, judge, terms, terms_for};
use crate::jose::{Algorithm, KeySet, Reason, SkipReason, base64url};

/// The algorithms of the one key, or why it is skipped.
fn load(jwk: &Json) -> Result<Vec<Algorithm>, SkipReason> {
    let (keys, mut skipped) = KeySet::parse(format!("{{\"keys\":[{}]}}", jwk.text()).as_bytes()).unwrap();
    assert_eq!(keys.len() + skipped.len(), 1);
    match skipped.pop() {
        Some(key) => Err(key.reason),
        None => Ok(keys.iter().flat_map(super::super::VerificationKey::algorithms).collect()),
    }
}

fn rows(rows: impl IntoIterator<Item = (&'static str, Json, Result<Vec<Algorithm>, SkipReason>)>) {
    assert_rows(rows.into_iter().map(|(name, jwk, expected)| (name, load(&jwk), expected)));
}

/// The key of most tests, without what is optional.
fn ec() -> Json {
    ES256.jwk().without("alg").without("use").without("kid")
}

fn rsa() -> Json {
    RSA.jwk().without("alg").without("use").without("kid")
}

#[expect(clippy::unnecessary_wraps, reason = "the outcome of a row")]
fn es256() -> Result<Vec<Algorithm>, SkipReason> {
    Ok(vec![Algorithm::ES256])
}

#[expect(clippy::unnecessary_wraps, reason = "the outcome of a row")]
fn every_rsa() -> Result<Vec<Algorithm>, SkipReason> {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    Ok(vec![RS256, RS384, RS512, PS256, PS384, PS512])
}

#[test]
fn rfc_7517_sections_4_2_and_4_3_a_key_is_for_verifying_signatures() {
    let skipped = || Err(SkipReason::NotForVerifying);
    rows([
        ("use enc", ec().with_text("use", "enc"), skipped()),
        ("use in other case", ec().with_text("use", "SIG"), skipped()),
        ("use empty", ec().with_text("use", ""), skipped()),
        ("use null", ec().with("use", "null"), Err(SkipReason::BadMember("use"))),
        ("use a number", ec().with("use", 1), Err(SkipReason::BadMember("use"))),
        ("key_ops sign", ec().with("key_ops", "[\"sign\"]"), skipped()),
        ("key_ops empty", ec().with("key_ops", "[]"), skipped()),
        ("key_ops in other case", ec().with("key_ops", "[\"Verify\"]"), skipped()),
        ("key_ops a string", ec().with("key_ops", "\"verify\""), Err(SkipReason::BadMember("key_ops"))),
        (
            "use sig, but key_ops without verify",
            ec().with_text("use", "sig").with("key_ops", "[\"encrypt\"]"),
            skipped(),
        ),
        ("key_ops verify, but use enc", ec().with_text("use", "enc").with("key_ops", "[\"verify\"]"), skipped()),
        ("neither", ec(), es256()),
        ("use sig", ec().with_text("use", "sig"), es256()),
        ("key_ops verify among others", ec().with("key_ops", "[\"sign\",\"verify\"]"), es256()),
    ]);
}

#[test]
fn a_skipped_key_is_an_unknown_key_to_the_token() {
    for (name, raw) in [("use", "\"enc\""), ("key_ops", "[\"sign\"]"), ("d", "\"AA\""), ("alg", "\"ES384\"")] {
        let jwk = ES256.jwk().with(name, raw).text();
        let (keys, skipped) = KeySet::parse(format!("{{\"keys\":[{jwk}]}}").as_bytes()).unwrap();
        assert_eq!(skipped.len(), 1, "{name}");
        assert_eq!(judge(&ES256.token_of(&claims()), &keys, terms()), Err(Reason::UnknownKid), "{name}");
    }
    assert_eq!(ES256.judge(&ES256.token_of(&claims()), terms()), Ok(()));
}

#[test]
fn a_secret_or_a_private_key_is_never_taken_from_a_public_key_set() {
    let shared = || Err(SkipReason::SharedSecret);
    let private = || Err(SkipReason::PrivateKey);
    let oct = Json::new(&[("kty", "\"oct\""), ("k", "\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"")]);
    rows([
        ("oct", oct.clone(), shared()),
        ("oct with algorithm", oct.clone().with_text("alg", "HS256"), shared()),
        ("oct without secret", oct.without("k"), shared()),
        ("a public key with k", ec().with("k", "\"AA\""), shared()),
        ("EC with d", ec().with("d", "\"AA\""), private()),
        ("EC with d, null", ec().with("d", "null"), private()),
        ("RSA with d", rsa().with("d", "\"AA\""), private()),
        ("RSA with a prime", rsa().with("p", "\"AA\""), private()),
        ("RSA with other primes", rsa().with("oth", "[]"), private()),
        ("EC", ec(), es256()),
        ("RSA", rsa(), every_rsa()),
    ]);
}

#[test]
fn a_key_states_an_algorithm_of_its_own_type_or_none() {
    let mismatch = |algorithm| Err(SkipReason::AlgorithmMismatch(algorithm));
    let unsupported = |name: &str| Err(SkipReason::UnsupportedAlgorithm(name.to_owned()));
    let ed = || Issuer::new(Algorithm::EdDSA).jwk().without("alg");
    rows([
        ("EC, RS256", ec().with_text("alg", "RS256"), mismatch(Algorithm::RS256)),
        ("P-256, ES384", ec().with_text("alg", "ES384"), mismatch(Algorithm::ES384)),
        ("P-256, HS256", ec().with_text("alg", "HS256"), mismatch(Algorithm::HS256)),
        ("RSA, ES256", rsa().with_text("alg", "ES256"), mismatch(Algorithm::ES256)),
        ("RSA, HS256", rsa().with_text("alg", "HS256"), mismatch(Algorithm::HS256)),
        ("Ed25519, ES256", ed().with_text("alg", "ES256"), mismatch(Algorithm::ES256)),
        ("none", rsa().with_text("alg", "none"), unsupported("none")),
        ("for encryption", rsa().with_text("alg", "RSA-OAEP"), unsupported("RSA-OAEP")),
        ("in other case", rsa().with_text("alg", "rs256"), unsupported("rs256")),
        ("a long one, cut for the message", rsa().with_text("alg", &"x".repeat(99)), unsupported(&"x".repeat(32))),
        ("no string", rsa().with("alg", 1), Err(SkipReason::BadMember("alg"))),
        ("RSA, PS384", rsa().with_text("alg", "PS384"), Ok(vec![Algorithm::PS384])),
        ("P-256, ES256", ec().with_text("alg", "ES256"), es256()),
        ("Ed25519, its one name", ed().with_text("alg", "EdDSA"), Ok(vec![Algorithm::EdDSA, Algorithm::Ed25519])),
        ("Ed25519, its other", ed().with_text("alg", "Ed25519"), Ok(vec![Algorithm::EdDSA, Algorithm::Ed25519])),
    ]);
}

#[test]
fn rfc_7518_section_6_2_an_ec_key_is_a_point_on_a_supported_curve() {
    let bad = |name| Err(SkipReason::BadMember(name));
    let curve = |name: &str| Err(SkipReason::UnsupportedCurve(name.to_owned()));
    let coordinate = |name: &str| base64url::decode(ES256.key.public_jwk().unwrap()[name].as_str().unwrap()).unwrap();
    let (x, y) = (coordinate("x"), coordinate("y"));
    let with = |name: &str, bytes: &[u8]| ec().with_text(name, &base64url::encode(bytes));
    let zero = [0].as_slice();
    rows([
        ("no crv", ec().without("crv"), bad("crv")),
        ("crv a number", ec().with("crv", 256), bad("crv")),
        ("crv P-384 for this point", ec().with_text("crv", "P-384"), bad("x")),
        ("crv in other case", ec().with_text("crv", "p-256"), curve("p-256")),
        ("secp256k1", ec().with_text("crv", "secp256k1"), curve("secp256k1")),
        ("no x", ec().without("x"), bad("x")),
        ("no y", ec().without("y"), bad("y")),
        ("x too short", with("x", &x[1..]), bad("x")),
        ("x with a zero before", with("x", &[zero, &x].concat()), bad("x")),
        ("x padded", ec().with("x", format!("\"{}=\"", base64url::encode(&x))), bad("x")),
        ("x empty", with("x", &[]), bad("x")),
        ("y is x", with("y", &x), Err(SkipReason::NotOnCurve)),
        ("x off by a bit", with("x", &flip_last_bit(&x)), Err(SkipReason::NotOnCurve)),
        (
            "the point at infinity, spelt as zeros",
            with("x", &[0; 32]).with_text("y", &base64url::encode([0; 32])),
            Err(SkipReason::NotOnCurve),
        ),
        ("x beyond the field", with("x", &[0xff; 32]), Err(SkipReason::NotOnCurve)),
        ("the point", with("x", &x).with_text("y", &base64url::encode(&y)), es256()),
    ]);
    for (algorithm, name) in [(Algorithm::ES384, "P-384"), (Algorithm::ES512, "P-521")] {
        let jwk = Issuer::new(algorithm).jwk();
        assert_eq!(load(&jwk), Ok(vec![algorithm]), "{name}");
        assert_eq!(load(&jwk.with_text("crv", "P-256")), Err(SkipReason::AlgorithmMismatch(algorithm)), "{name}");
    }
}

fn flip_last_bit(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

#[test]
fn rfc_8037_only_ed25519_is_taken_of_its_type() {
    let ed = || Issuer::new(Algorithm::EdDSA).jwk().without("alg");
    let curve = |name: &str| Err(SkipReason::UnsupportedCurve(name.to_owned()));
    let x = |bytes: &[u8]| ed().with_text("x", &base64url::encode(bytes));
    rows([
        ("X25519", ed().with_text("crv", "X25519"), curve("X25519")),
        ("Ed448", ed().with_text("crv", "Ed448").with_text("x", &base64url::encode([1; 57])), curve("Ed448")),
        ("X448", ed().with_text("crv", "X448"), curve("X448")),
        ("no crv", ed().without("crv"), Err(SkipReason::BadMember("crv"))),
        ("31 bytes", x(&[7; 31]), Err(SkipReason::BadMember("x"))),
        ("33 bytes", x(&[7; 33]), Err(SkipReason::BadMember("x"))),
        ("44 bytes, as in SubjectPublicKeyInfo", x(&[7; 44]), Err(SkipReason::BadMember("x"))),
        ("32 bytes", ed(), Ok(vec![Algorithm::EdDSA, Algorithm::Ed25519])),
    ]);
}

#[test]
fn an_ed25519_key_of_small_order_for_which_anybody_can_sign_is_skipped() {
    /// Little-endian digits of 2²⁵⁵ − 19 and near it.
    fn near_p(first: u8) -> [u8; 32] {
        let mut bytes = [0xff; 32];
        bytes[0] = first;
        bytes[31] = 0x7f;
        bytes
    }
    fn small(first: u8) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0] = first;
        bytes
    }
    let of_order_8 = |hex: &str| -> [u8; 32] {
        let bytes: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        bytes.try_into().unwrap()
    };
    let points = [
        small(0),
        small(1),
        near_p(0xec),
        near_p(0xed),
        near_p(0xee),
        of_order_8("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        of_order_8("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ];
    let jwk = |point: [u8; 32]| Issuer::new(Algorithm::EdDSA).jwk().with_text("x", &base64url::encode(point));
    for mut point in points {
        assert_eq!(load(&jwk(point)), Err(SkipReason::SmallOrder), "{point:x?}");
        point[31] |= 0x80;
        assert_eq!(load(&jwk(point)), Err(SkipReason::SmallOrder), "{point:x?}, the other sign");
    }
    let base_point = {
        let mut bytes = [0x66; 32];
        bytes[0] = 0x58;
        bytes
    };
    assert_eq!(load(&jwk(base_point)), Ok(vec![Algorithm::EdDSA, Algorithm::Ed25519]));
}

#[test]
fn rfc_7518_section_6_3_an_rsa_key_is_neither_weak_nor_costly() {
    let n = base64url::decode(RSA.key.public_jwk().unwrap()["n"].as_str().unwrap()).unwrap();
    let of = |n: &[u8], e: &[u8]| rsa().with_text("n", &base64url::encode(n)).with_text("e", &base64url::encode(e));
    // Odd numbers of so many bits; whether they have two prime factors, nobody can see.
    let odd = |bits: usize| {
        let mut bytes = vec![0x5b; bits.div_ceil(8)];
        bytes[0] = if bits.is_multiple_of(8) { 0x80 } else { 1 << (bits % 8 - 1) };
        bytes
    };
    let e = [1, 0, 1].as_slice();
    let size = |bits| Err(SkipReason::RsaSize(bits));
    let exponent = || Err(SkipReason::RsaExponent);
    let even = [&n[..255], &[n[255] ^ 1]].concat();
    rows([
        ("512 bits", of(&odd(512), e), size(512)),
        ("1024 bits", of(&odd(1024), e), size(1024)),
        ("2047 bits", of(&odd(2047), e), size(2047)),
        ("2047 bits in 257 bytes", of(&[[0].as_slice(), &odd(2047)].concat(), e), size(2047)),
        ("4097 bits", of(&odd(4097), e), size(4097)),
        ("8192 bits", of(&odd(8192), e), size(8192)),
        ("16384 bits", of(&odd(16_384), e), size(16_384)),
        ("no bits", of(&[], e), size(0)),
        ("zero", of(&[0; 256], e), size(0)),
        ("an even modulus", of(&even, e), Err(SkipReason::RsaModulus)),
        ("e = 0", of(&n, &[0]), exponent()),
        ("e = 1", of(&n, &[1]), exponent()),
        ("e = 2", of(&n, &[2]), exponent()),
        ("e = 3", of(&n, &[3]), exponent()),
        ("e even", of(&n, &[1, 0, 0]), exponent()),
        ("e = 65539", of(&n, &[1, 0, 3]), exponent()),
        ("e of 33 bits", of(&n, &[1, 0, 0, 0, 1]), exponent()),
        ("e as long as n", of(&n, &n), exponent()),
        ("e empty", of(&n, &[]), exponent()),
        ("e a number", rsa().with("e", 65_537), Err(SkipReason::BadMember("e"))),
        ("no n", rsa().without("n"), Err(SkipReason::BadMember("n"))),
        (
            "n not canonical",
            rsa().with("n", RSA.key.public_jwk().unwrap()["n"].to_string().replace("w\"", "x\"")),
            Err(SkipReason::BadMember("n")),
        ),
        ("2048 bits", of(&n, e), every_rsa()),
        ("2048 bits after a zero", of(&[[0].as_slice(), &n].concat(), e), every_rsa()),
        ("e after a zero", of(&n, &[0, 1, 0, 1]), every_rsa()),
        ("4096 bits", of(&odd(4096), e), every_rsa()),
    ]);
}

#[test]
fn cve_2017_15361_a_modulus_of_the_weak_generator_is_recognised() {
    // Primes of 2048-bit keys were k·M + (65537^a mod M), M the product of the first 126 primes. No primality is needed
    // to have the fingerprint.
    let product = primorial(126);
    let prime = |k: u64, a: u32| &(&product * &Natural::from(k)) + &Natural::from(65_537).pow(a);
    let modulus = &prime(0x7fff_1234_5678_9abc, 50) * &prime(0x6eee_0123_4567_89ab, 57);
    let jwk = |modulus: &Natural| rsa().with_text("n", &base64url::encode(modulus.to_be_bytes()));
    rows([
        ("by the formula", jwk(&modulus), Err(SkipReason::Roca)),
        ("a power of 65537", jwk(&Natural::from(65_537).pow(128)), Err(SkipReason::Roca)),
        ("two more", jwk(&(&modulus + &Natural::from(2))), every_rsa()),
        ("of another generator", rsa(), every_rsa()),
    ]);
}

#[test]
fn rfc_7517_section_4_a_key_has_a_known_type_and_readable_members() {
    let bad = |name| Err(SkipReason::BadMember(name));
    rows([
        ("no kty", ec().without("kty"), bad("kty")),
        ("kty a number", ec().with("kty", 1), bad("kty")),
        ("kty in other case", ec().with_text("kty", "ec"), Err(SkipReason::UnsupportedType("ec".to_owned()))),
        (
            "kty of post-quantum signatures",
            ec().with_text("kty", "AKP"),
            Err(SkipReason::UnsupportedType("AKP".to_owned())),
        ),
        ("kid a number", ec().with("kid", 1), bad("kid")),
        ("kid of 257 bytes", ec().with_text("kid", &"k".repeat(257)), bad("kid")),
        ("a member twice", ec().and("x", "\"AA\""), Err(SkipReason::DuplicateMember)),
        ("a member twice, deep", ec().with("y2", "{\"a\":1,\"a\":1}"), Err(SkipReason::DuplicateMember)),
        ("kid of 256 bytes", ec().with_text("kid", &"k".repeat(256)), es256()),
        ("members that nobody knows", ec().with("x5t", "1").with("iat", "1"), es256()),
    ]);
}

#[test]
fn rfc_8725_section_3_4_a_point_is_never_compressed() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    let (x, y) = (&point[1..33], &point[33..]);
    let sign = 2 + (y[31] & 1);
    let whole = [[sign].as_slice(), x].concat();
    let jwk = |x: &[u8], y: &[u8]| ec().with_text("x", &base64url::encode(x)).with_text("y", &base64url::encode(y));
    rows([
        ("compressed in x", jwk(&whole, y), Err(SkipReason::BadMember("x"))),
        ("y left empty", jwk(x, &[]), Err(SkipReason::BadMember("y"))),
        ("whole", jwk(x, y), es256()),
    ]);
}

#[test]
fn rfc_7518_section_3_2_a_shared_secret_is_as_long_as_the_hash() {
    use crate::jose::WeakKey;
    use crate::secret::Secret;
    let hmac = |length: usize, algorithm| KeySet::hmac(&Secret::new(vec![7; length]), algorithm).map(|keys| keys.len());
    let short = |bytes: usize, needed: usize| Err(WeakKey::TooShort { bits: bytes * 8, needed });
    assert_rows([
        ("HS256, nothing", hmac(0, Algorithm::HS256), short(0, 256)),
        ("HS256, 31 bytes", hmac(31, Algorithm::HS256), short(31, 256)),
        ("HS384, 47 bytes", hmac(47, Algorithm::HS384), short(47, 384)),
        ("HS512, 63 bytes", hmac(63, Algorithm::HS512), short(63, 512)),
        ("RS256", hmac(64, Algorithm::RS256), Err(WeakKey::NotHmac(Algorithm::RS256))),
        ("EdDSA", hmac(64, Algorithm::EdDSA), Err(WeakKey::NotHmac(Algorithm::EdDSA))),
        ("HS256, 32 bytes", hmac(32, Algorithm::HS256), Ok(1)),
        ("HS384, 48 bytes", hmac(48, Algorithm::HS384), Ok(1)),
        ("HS512, 64 bytes", hmac(64, Algorithm::HS512), Ok(1)),
    ]);
}

#[test]
fn rfc_8725_section_3_1_a_key_is_used_with_its_own_algorithm_alone() {
    let keys = |jwk: &Json| super::mint::key_set([&jwk.text()]);
    let token = |algorithm: &str| {
        let signer =
            crate::jose::SigningKey::from_pkcs8(&RSA.key.to_pkcs8().unwrap(), Algorithm::from_name(algorithm).unwrap())
                .unwrap();
        let header = RSA.header().with_text("alg", algorithm).text();
        super::mint::compact(header, claims().text(), |message| signer.sign_message(message).unwrap())
    };
    let all = ["RS256", "RS384", "PS256", "ES256"];
    let under = |alg: &str, jwk: &Json| judge(&token(alg), &keys(jwk), terms_for(&all));
    let stated = RSA.jwk().with_text("alg", "RS256");
    let unstated = RSA.jwk().without("alg");
    assert_rows([
        ("PS256 by a key for RS256", under("PS256", &stated), Err(Reason::AlgKeyMismatch)),
        ("RS384 by a key for RS256", under("RS384", &stated), Err(Reason::AlgKeyMismatch)),
        (
            "ES256 by an RSA key",
            judge(&RSA.token(&RSA.header().with_text("alg", "ES256"), &claims()), &keys(&unstated), terms_for(&all)),
            Err(Reason::AlgKeyMismatch),
        ),
        ("RS256 by a key for RS256", under("RS256", &stated), Ok(())),
        ("PS256 by a key for any", under("PS256", &unstated), Ok(())),
    ]);
}
