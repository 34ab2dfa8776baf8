//! RFC 7515, section 5.2; RFC 7518, section 3: nothing but the exact signature of the exact bytes.

use super::assert_rows;
use super::mint::{ES256, Issuer, claims, compact, judge, segments, terms, terms_for};
use crate::jose::{Algorithm, KeySet, Reason, SigningKey, base64url};
use crate::secret::Secret;

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

const BAD: Result<(), Reason> = Err(Reason::BadSignature);

/// The good token with its signature changed.
fn with_signature(issuer: &Issuer, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Result<(), Reason> {
    let token =
        compact(issuer.header().text(), claims().text(), |message| change(issuer.key.sign_message(message).unwrap()));
    issuer.judge(&token, terms_for(&[issuer.key.algorithm().as_str()]))
}

/// An integer in DER.
fn der_integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    let sign: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
    let length = u8::try_from(sign.len() + bytes.len()).unwrap();
    [[2, length].as_slice(), sign, bytes].concat()
}

#[test]
fn rfc_7518_section_3_4_an_ecdsa_signature_is_two_numbers_of_32_bytes_within_the_order() {
    let issuer = &*ES256;
    let replaced = |r: Option<[u8; 32]>, s: Option<[u8; 32]>| {
        with_signature(issuer, |signature| {
            [r.map_or(signature[..32].to_vec(), Vec::from), s.map_or(signature[32..].to_vec(), Vec::from)].concat()
        })
    };
    let one = {
        let mut one = [0; 32];
        one[31] = 1;
        one
    };
    let beyond = {
        let mut order = ORDER;
        order[31] += 1;
        order
    };
    let der = |signature: &[u8]| {
        let integers = [der_integer(&signature[..32]), der_integer(&signature[32..])].concat();
        [[0x30, u8::try_from(integers.len()).unwrap()].as_slice(), &integers].concat()
    };
    // What OpenSSL would read from a signature of 64 bytes in DER: the shortest integers that fill it.
    let der_of_64 = [[0x30, 62, 2, 29].as_slice(), [1; 29].as_slice(), &[2, 29], [1; 29].as_slice()].concat();
    assert_eq!(der_of_64.len(), 64);
    let high_s = |signature: Vec<u8>| {
        // n - s, by hand: this is the other signature that ECDSA accepts.
        let mut borrow = 0;
        let mut other = signature.clone();
        for index in (0..32).rev() {
            let difference = i16::from(ORDER[index]) - i16::from(signature[32 + index]) - borrow;
            borrow = i16::from(difference < 0);
            other[32 + index] = u8::try_from(difference.rem_euclid(256)).unwrap();
        }
        assert_ne!(other, signature);
        other
    };
    assert_rows([
        // CVE-2022-21449.
        ("r and s zero", replaced(Some([0; 32]), Some([0; 32])), BAD),
        ("r zero", replaced(Some([0; 32]), None), BAD),
        ("s zero", replaced(None, Some([0; 32])), BAD),
        ("r one", replaced(Some(one), None), BAD),
        ("r and s one", replaced(Some(one), Some(one)), BAD),
        ("r the order", replaced(Some(ORDER), None), BAD),
        ("s the order", replaced(None, Some(ORDER)), BAD),
        ("both the order", replaced(Some(ORDER), Some(ORDER)), BAD),
        ("r beyond the order", replaced(Some(beyond), None), BAD),
        ("all bits set", replaced(Some([0xff; 32]), Some([0xff; 32])), BAD),
        ("in DER", with_signature(issuer, |signature| der(&signature)), BAD),
        ("64 bytes of DER", with_signature(issuer, |_| der_of_64), BAD),
        ("63 bytes", with_signature(issuer, |signature| signature[..63].to_vec()), BAD),
        ("63 bytes, the first lost", with_signature(issuer, |signature| signature[1..].to_vec()), BAD),
        ("65 bytes", with_signature(issuer, |signature| [signature.as_slice(), &[0]].concat()), BAD),
        ("65 bytes, a zero in front", with_signature(issuer, |signature| [[0].as_slice(), &signature].concat()), BAD),
        (
            "66 bytes, a zero before each",
            with_signature(issuer, |signature| [[0].as_slice(), &signature[..32], &[0], &signature[32..]].concat()),
            BAD,
        ),
        ("r and s exchanged", with_signature(issuer, |signature| [&signature[32..], &signature[..32]].concat()), BAD),
        ("one byte", with_signature(issuer, |_| vec![0]), BAD),
        ("twice", with_signature(issuer, |signature| [signature.as_slice(), &signature].concat()), BAD),
        ("as it was", with_signature(issuer, |signature| signature), Ok(())),
        // Both are signatures by the standard; what counts uses of a token does not go by its signature.
        ("the other s", with_signature(issuer, high_s), Ok(())),
    ]);
}

#[test]
fn rfc_8032_section_5_1_7_an_ed25519_signature_has_one_spelling_and_64_bytes() {
    /// The order of the group, least byte first.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let issuer = Issuer::new(Algorithm::EdDSA);
    let plus_order = |signature: Vec<u8>| {
        let mut carry = 0;
        let mut other = signature.clone();
        for index in 0..32 {
            let sum = u16::from(signature[32 + index]) + u16::from(ORDER[index]) + carry;
            other[32 + index] = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        other
    };
    assert_rows([
        ("s plus the order", with_signature(&issuer, plus_order), BAD),
        ("all zeros", with_signature(&issuer, |_| vec![0; 64]), BAD),
        ("the neutral point and zero", with_signature(&issuer, |_| [[1].as_slice(), &[0; 63]].concat()), BAD),
        ("63 bytes", with_signature(&issuer, |signature| signature[..63].to_vec()), BAD),
        ("65 bytes", with_signature(&issuer, |signature| [signature.as_slice(), &[0]].concat()), BAD),
        ("halves exchanged", with_signature(&issuer, |signature| [&signature[32..], &signature[..32]].concat()), BAD),
        ("as it was", with_signature(&issuer, |signature| signature), Ok(())),
    ]);
}

#[test]
fn rfc_7518_section_3_2_an_hmac_is_whole() {
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let secret = || Secret::new((0..64).collect());
        let key = SigningKey::hmac(&secret(), algorithm).unwrap();
        let keys = KeySet::hmac(&secret(), algorithm).unwrap();
        let header = format!("{{\"alg\":\"{algorithm}\",\"typ\":\"at+jwt\"}}");
        let with = |change: fn(Vec<u8>) -> Vec<u8>| {
            let token = compact(&header, claims().text(), |message| change(key.sign_message(message).unwrap()));
            judge(&token, &keys, terms_for(&[algorithm.as_str()]))
        };
        assert_rows([
            ("half of it", with(|tag| tag[..tag.len() / 2].to_vec()), BAD),
            ("one byte of it", with(|tag| tag[..1].to_vec()), BAD),
            ("all but a byte", with(|tag| tag[..tag.len() - 1].to_vec()), BAD),
            ("a byte more", with(|tag| [tag.as_slice(), &[0]].concat()), BAD),
            ("zeros", with(|tag| vec![0; tag.len()]), BAD),
            (
                "its last bit",
                with(|mut tag| {
                    *tag.last_mut().unwrap() ^= 1;
                    tag
                }),
                BAD,
            ),
            ("as it was", with(|tag| tag), Ok(())),
        ]);
    }
}

#[test]
fn a_signature_is_over_this_header_and_these_claims() {
    let token = ES256.token_of(&claims());
    let [header, payload, signature] = segments(&token);
    let other_claims = base64url::encode(claims().with_text("sub", "root").text());
    let other_header = base64url::encode(ES256.header().with("x", 1).text());
    let other = ES256.token_of(&claims().with_text("jti", "2"));
    let [_, _, other_signature] = segments(&other);
    let spaced = base64url::encode(claims().text() + " ");
    let judge = |parts: [&str; 3]| ES256.judge(&parts.join("."), terms());
    assert_rows([
        ("other claims", judge([header, &other_claims, signature]), BAD),
        ("the same claims in other bytes", judge([header, &spaced, signature]), BAD),
        ("another header", judge([&other_header, payload, signature]), BAD),
        ("the signature of another token", judge([header, payload, other_signature]), BAD),
        ("all its own", judge([header, payload, signature]), Ok(())),
    ]);
}

#[test]
fn every_algorithm_verifies_its_own_signatures_alone() {
    for algorithm in Algorithm::ALL {
        let (key, keys) = if algorithm.family() == crate::jose::Family::Hmac {
            let secret = || Secret::new(vec![9; 64]);
            (SigningKey::hmac(&secret(), algorithm).unwrap(), KeySet::hmac(&secret(), algorithm).unwrap())
        } else if algorithm.family() == crate::jose::Family::RsaPkcs1
            || algorithm.family() == crate::jose::Family::RsaPss
        {
            let issuer =
                Issuer::with_key(SigningKey::from_pkcs8(&super::mint::RSA.key.to_pkcs8().unwrap(), algorithm).unwrap());
            (issuer.key, issuer.keys)
        } else {
            let issuer = Issuer::new(algorithm);
            (issuer.key, issuer.keys)
        };
        let members = serde_json::from_str(&claims().text()).unwrap();
        let token = key.sign("at+jwt", &members).unwrap();
        assert_eq!(judge(&token, &keys, terms_for(&[algorithm.as_str()])), Ok(()), "{algorithm}");
        let key = keys.iter().next().unwrap();
        let signature = base64url::decode(segments(&token)[2]).unwrap();
        let signed = token.rsplit_once('.').unwrap().0.as_bytes();
        for other in Algorithm::ALL {
            let expected = if other.same_as(algorithm) { Ok(()) } else { Err(Reason::AlgKeyMismatch) };
            assert_eq!(key.verify(other, signed, &signature), expected, "{algorithm} as {other}");
        }
        assert_eq!(key.verify(algorithm, b"else", &signature), BAD, "{algorithm}");
    }
}
