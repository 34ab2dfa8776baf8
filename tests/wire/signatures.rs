//! Signatures that are nearly right (RFC 7518, section 3; RFC 8017, section 8; CVE-2022-21449).

#[path = "../../src/jose/tests/big.rs"]
mod big;

use aws_lc_rs::digest::{SHA256, digest};
use bearward::jose::Algorithm;
use serde_json::Value;

use crate::kit::{
    ES256, RSA, RSA_JWK, STRICT, Signer, claims, compact, decode, encode, jwt, key_set, policy, route, segments, tokens,
};
use crate::table::Expected::{Forwarded, Invalid};
use crate::table::{Expected, Table};
use big::{Natural, primorial};

const BAD: Expected = Invalid("bad_signature");

/// The bytes of the RSA modulus.
const LENGTH: usize = 256;

/// A modulus as the generator of CVE-2017-15361 made them: by its formula, which is all that the weakness shows in.
pub(crate) fn weak_modulus() -> Vec<u8> {
    let product = primorial(126);
    let prime = |k: u64, a: u32| &(&product * &Natural::from(k)) + &Natural::from(65_537).pow(a);
    (&prime(0x7fff_1234_5678_9abc, 50) * &prime(0x6eee_0123_4567_89ab, 57)).to_be_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ecdsa_signature_is_two_numbers_of_32_bytes_within_their_bounds() {
    /// The order of P-256.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut table = table().await;
    let halves = |r: Option<[u8; 32]>, s: Option<[u8; 32]>| {
        ES256.token_signed(|own| [r.as_ref().map_or(&own[..32], |r| r), s.as_ref().map_or(&own[32..], |s| s)].concat())
    };
    let mut beyond = ORDER;
    beyond[31] += 1;
    let der = |signature: Vec<u8>| {
        let integer = |bytes: &[u8]| {
            let sign: &[u8] = if bytes[0] < 0x80 { &[] } else { &[0] };
            let length = u8::try_from(bytes.len() + sign.len()).unwrap();
            [&[2, length], sign, bytes].concat()
        };
        let both = [integer(&signature[..32]), integer(&signature[32..])].concat();
        [[0x30, u8::try_from(both.len()).unwrap()].as_slice(), &both].concat()
    };
    for (name, token, expected) in [
        ("r and s zero", halves(Some([0; 32]), Some([0; 32])), BAD),
        ("r zero", halves(Some([0; 32]), None), BAD),
        ("s zero", halves(None, Some([0; 32])), BAD),
        ("r the order", halves(Some(ORDER), None), BAD),
        ("s the order", halves(None, Some(ORDER)), BAD),
        ("r beyond the order", halves(Some(beyond), None), BAD),
        ("in DER", ES256.token_signed(der), BAD),
        ("63 bytes", ES256.token_signed(|own| own[..63].to_vec()), BAD),
        ("65 bytes", ES256.token_signed(|own| [own, vec![0]].concat()), BAD),
        ("the last byte off by a bit", ES256.token_signed(flipped), BAD),
        ("as it was", ES256.token_signed(|own| own), Forwarded),
    ] {
        table.token("es", name, &token, expected).await;
    }
    table.end().await;
}

fn flipped(mut signature: Vec<u8>) -> Vec<u8> {
    *signature.last_mut().unwrap() ^= 1;
    signature
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_over_this_header_and_these_claims() {
    let mut table = table().await;
    let good = ES256.token_of(&claims());
    let [header, payload, signature] = segments(&good);
    let other = ES256.token_of(&claims().with_text("jti", "2"));
    let root = encode(claims().with_text("sub", "root").text());
    let spaced = encode(format!("{} ", claims().text()));
    let wider = encode(ES256.header().with("x", 1).text());
    for (name, token, expected) in [
        ("other claims", [header, &root, signature].join("."), BAD),
        ("the same claims in other bytes", [header, &spaced, signature].join("."), BAD),
        ("another header", [&wider, payload, signature].join("."), BAD),
        ("the signature of another token", [header, payload, segments(&other)[2]].join("."), BAD),
        ("all its own", good.clone(), Forwarded),
    ] {
        table.token("es", name, &token, expected).await;
    }
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rsa_signature_is_padded_exactly_as_its_standard_writes() {
    let mut table = table().await;
    let digest_info: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
        0x20,
    ];
    let hash = |message: &[u8]| digest(&SHA256, message).as_ref().to_vec();
    // 00 01, ff as often as it takes, 00, and the end.
    let padded = |end: &[u8]| [[0, 1].as_slice(), &vec![0xff; LENGTH - 3 - end.len()], &[0], end].concat();
    let right = |message: &[u8]| padded(&[digest_info.as_slice(), &hash(message)].concat());
    let with_byte = |place: usize, value: u8| {
        rsa("RS256", |message| {
            let mut encoded = right(message);
            assert_ne!(encoded[place], value);
            encoded[place] = value;
            encoded
        })
    };
    let other_digest = {
        let mut info = digest_info;
        info[14] = 2; // SHA-384, though the hash is of SHA-256
        rsa("RS256", |message| padded(&[info.as_slice(), &hash(message)].concat()))
    };
    // Bleichenbacher's forgery of 2006: little padding, and rubbish after the hash.
    let rubbish = rsa("RS256", |message| {
        let end = [digest_info.as_slice(), &hash(message)].concat();
        let short = [[0, 1].as_slice(), &[0xff; 8], &[0], &end].concat();
        [short.clone(), vec![0x5a; LENGTH - short.len()]].concat()
    });
    let pss = |salt: usize, trailer: u8| rsa("PS256", |message| pss(message, salt, trailer));
    let signed = |change: fn(Vec<u8>) -> Vec<u8>| RSA.token_signed(change);
    for (name, token, expected) in [
        ("another first byte", with_byte(0, 1), BAD),
        ("another type of block", with_byte(1, 2), BAD),
        ("a byte of the padding", with_byte(9, 0xfe), BAD),
        ("no separator", with_byte(LENGTH - 52, 0xff), BAD),
        ("another digest", other_digest, BAD),
        ("no digest identifier", rsa("RS256", |message| padded(&hash(message))), BAD),
        ("rubbish after the hash", rubbish, BAD),
        ("the last byte lost", signed(|own| own[..LENGTH - 1].to_vec()), BAD),
        ("a zero in front", signed(|own| [vec![0], own].concat()), BAD),
        ("a zero behind", signed(|own| [own, vec![0]].concat()), BAD),
        ("the last byte off by a bit", signed(flipped), BAD),
        ("PSS without salt", pss(0, 0xbc), BAD),
        ("PSS with a salt too short", pss(31, 0xbc), BAD),
        ("PSS with a salt too long", pss(33, 0xbc), BAD),
        ("PSS with another trailer", pss(32, 0xcc), BAD),
        ("PSS as the other scheme pads", rsa("PS256", right), BAD),
        ("the other scheme as PSS pads", rsa("RS256", |message| self::pss(message, 32, 0xbc)), BAD),
        ("padded by hand as it should be", rsa("RS256", right), Forwarded),
        ("PSS by hand as it should be", pss(32, 0xbc), Forwarded),
        ("as the library signs", signed(|own| own), Forwarded),
    ] {
        table.token("rsa", name, &token, expected).await;
    }
    table.end().await;
}

async fn table() -> Table {
    Table::serve(|upstream| {
        let rsa = Signer::rsa(Algorithm::RS256).jwk().without("alg");
        route(upstream, &["es", "rsa"].map(|name| (name, tokens(&[name]))))
            + &policy("es", &[jwt(&key_set([ES256.jwk()]), STRICT)])
            + &policy("rsa", &[jwt(&key_set([rsa]), &format!("{STRICT}, algorithms: [RS256, PS256]"))])
    })
    .await
}

/// A token whose signature decrypts to what `encode` makes of the message.
fn rsa(algorithm: &str, encode: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let jwk: Value = serde_json::from_str(RSA_JWK).unwrap();
    let member = |name: &str| Natural::from_be_bytes(&decode(jwk[name].as_str().unwrap()));
    compact(RSA.header().with_text("alg", algorithm).text(), claims().text(), |message| {
        let encoded = encode(message);
        assert_eq!(encoded.len(), LENGTH);
        let signature = Natural::from_be_bytes(&encoded).pow_mod(&member("d"), &member("n")).to_be_bytes();
        [vec![0; LENGTH - signature.len()], signature].concat()
    })
}

/// EMSA-PSS (RFC 8017, section 9.1.1) with SHA-256, for a modulus of 2048 bits.
fn pss(message: &[u8], salt: usize, trailer: u8) -> Vec<u8> {
    let sha = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
    let salt = vec![0x5a; salt];
    let hash = sha(&[[0; 8].as_slice(), &sha(message), &salt].concat());
    let data = [vec![0; LENGTH - salt.len() - 34], vec![1], salt].concat();
    let mask = (0_u32..).flat_map(|counter| sha(&[hash.as_slice(), &counter.to_be_bytes()].concat()));
    let mut masked: Vec<u8> = data.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    masked[0] &= 0x7f;
    [masked, hash, vec![trailer]].concat()
}
