//! RFC 8017, sections 8.1.2 and 8.2.2: RSA signatures whose padding is not exactly what the standard writes, made with
//! the private key itself, so that nothing but the padding is wrong.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512, digest};

use super::assert_rows;
use super::big::Natural;
use super::mint::{RSA, claims, compact, judge, key_set, terms_for};
use crate::jose::{Reason, base64url};

/// The bytes of the modulus.
const LENGTH: usize = 256;

const BAD: Result<(), Reason> = Err(Reason::BadSignature);

fn member(name: &str) -> Natural {
    let jwk: serde_json::Value = serde_json::from_slice(include_bytes!("rsa_key.json")).unwrap();
    Natural::from_be_bytes(&base64url::decode(jwk[name].as_str().unwrap()).unwrap())
}

fn fixed_length(number: &Natural) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    [vec![0; LENGTH - bytes.len()], bytes].concat()
}

/// What comes of a token whose signature is these bytes, which may depend on what is signed.
fn judge_signature(algorithm: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<(), Reason> {
    let keys = key_set([&RSA.jwk().without("alg").text()]);
    let token = compact(RSA.header().with_text("alg", algorithm).text(), claims().text(), sign);
    judge(&token, &keys, terms_for(&["RS256", "RS384", "PS256", "PS384"]))
}

/// What comes of a token whose signature decrypts to these bytes.
fn judge_encoded(algorithm: &str, encode: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<(), Reason> {
    judge_signature(algorithm, |message| {
        let encoded = encode(message);
        assert_eq!(encoded.len(), LENGTH);
        fixed_length(&Natural::from_be_bytes(&encoded).pow_mod(&member("d"), &member("n")))
    })
}

/// `DigestInfo` up to the hash (RFC 8017, section 9.2, note 1).
const SHA256_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// 00 01, ff as often as it takes, 00, and the end.
fn padded(end: &[u8]) -> Vec<u8> {
    let padding = vec![0xff; LENGTH - 3 - end.len()];
    [[0, 1].as_slice(), &padding, &[0], end].concat()
}

fn hash(message: &[u8]) -> Vec<u8> {
    digest(&SHA256, message).as_ref().to_vec()
}

fn right(message: &[u8]) -> Vec<u8> {
    padded(&[SHA256_INFO.as_slice(), &hash(message)].concat())
}

/// The right encoding with one byte set.
fn with_byte(index: usize, value: u8) -> Result<(), Reason> {
    judge_encoded("RS256", |message| {
        let mut encoded = right(message);
        assert_ne!(encoded[index], value);
        encoded[index] = value;
        encoded
    })
}

/// The right padding of another `DigestInfo`.
fn with_info(info: &[u8]) -> Result<(), Reason> {
    judge_encoded("RS256", |message| padded(&[info, &hash(message)].concat()))
}

#[test]
fn rfc_8017_section_8_2_2_pkcs_1_padding_is_exactly_the_one() {
    let separator = LENGTH - 52;
    let sha1_info = [0x30, 0x29, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x20];
    let changed = |index: usize, value: u8| {
        let mut info = SHA256_INFO;
        info[index] = value;
        info
    };
    let without_parameters = [[0x30, 0x2f, 0x30, 0x0b].as_slice(), &SHA256_INFO[4..15], &SHA256_INFO[17..]].concat();
    let long_length = [[0x30, 0x81, 0x31].as_slice(), &SHA256_INFO[2..]].concat();
    let long_null =
        [[0x30, 0x32, 0x30, 0x0e].as_slice(), &SHA256_INFO[4..16], &[0x81, 0x00], &SHA256_INFO[17..]].concat();
    let trailing_parameters =
        [[0x30, 0x33, 0x30, 0x0f].as_slice(), &SHA256_INFO[4..15], &[0x04, 0x02, 0xaa, 0xbb], &SHA256_INFO[17..]]
            .concat();
    // Bleichenbacher, 2006: short padding, and what follows the hash is the attacker's.
    let short = |padding: usize| {
        judge_encoded("RS256", |message| {
            let start = [[0, 1].as_slice(), &vec![0xff; padding], &[0], &SHA256_INFO, &hash(message)].concat();
            [start.clone(), vec![0; LENGTH - start.len()]].concat()
        })
    };
    assert_rows([
        ("block type 0", with_byte(1, 0), BAD),
        ("block type 2", with_byte(1, 2), BAD),
        ("a first byte of one", with_byte(0, 1), BAD),
        ("the first byte of padding", with_byte(2, 0xfe), BAD),
        ("the last byte of padding", with_byte(separator - 1, 0xfe), BAD),
        ("a zero within the padding", with_byte(100, 0), BAD),
        ("no separator", with_byte(separator, 0xff), BAD),
        ("the separator one", with_byte(separator, 1), BAD),
        (
            "the last byte of the hash",
            judge_encoded("RS256", |message| {
                let mut encoded = right(message);
                encoded[LENGTH - 1] ^= 1;
                encoded
            }),
            BAD,
        ),
        ("eight bytes of padding, rubbish after the hash", short(8), BAD),
        ("all padding but a byte, rubbish after the hash", short(201), BAD),
        ("no padding, rubbish after the hash", short(0), BAD),
        ("the hash without what it is of", judge_encoded("RS256", |message| padded(&hash(message))), BAD),
        ("nothing but padding", judge_encoded("RS256", |_| padded(&[])), BAD),
        ("the identifier of SHA-384", with_info(&changed(14, 2)), BAD),
        ("the identifier of SHA-512", with_info(&changed(14, 3)), BAD),
        ("the identifier of SHA-1", with_info(&sha1_info), BAD),
        ("an identifier that is none", with_info(&changed(14, 0x7f)), BAD),
        ("no parameters", with_info(&without_parameters), BAD),
        ("other parameters", with_info(&trailing_parameters), BAD),
        ("a length in two bytes", with_info(&long_length), BAD),
        ("the length of NULL in two bytes", with_info(&long_null), BAD),
        ("the length one more", with_info(&changed(1, 0x32)), BAD),
        ("the hash's length one less", with_info(&changed(18, 0x1f)), BAD),
        ("the hash as another type", with_info(&changed(17, 0x03)), BAD),
        ("as PSS writes it", judge_encoded("RS256", |message| pss(message, &Pss::default())), BAD),
        ("exactly", judge_encoded("RS256", right), Ok(())),
    ]);
}

#[test]
fn rfc_8017_section_8_2_2_an_rsa_signature_is_as_long_as_the_modulus_and_less_than_it() {
    let genuine = |message: &[u8]| RSA.key.sign_message(message).unwrap();
    let modulus = || fixed_length(&member("n"));
    let less_one = || {
        let mut bytes = modulus();
        *bytes.last_mut().unwrap() -= 1;
        bytes
    };
    let plus_modulus = |message: &[u8]| (&Natural::from_be_bytes(&genuine(message)) + &member("n")).to_be_bytes();
    let judge = |sign: fn(&[u8]) -> Vec<u8>| judge_signature("RS256", sign);
    assert_rows([
        ("zero", judge(|_| vec![0; LENGTH]), BAD),
        ("one", judge(|_| fixed_length(&Natural::from(1))), BAD),
        ("the modulus", judge_signature("RS256", |_| modulus()), BAD),
        ("the modulus less one", judge_signature("RS256", |_| less_one()), BAD),
        ("the modulus more", judge_signature("RS256", plus_modulus), BAD),
        ("all bits set", judge(|_| vec![0xff; LENGTH]), BAD),
        ("a zero in front", judge_signature("RS256", |message| [vec![0], genuine(message)].concat()), BAD),
        ("a zero behind", judge_signature("RS256", |message| [genuine(message), vec![0]].concat()), BAD),
        ("the first byte lost", judge_signature("RS256", |message| genuine(message)[1..].to_vec()), BAD),
        ("the last byte lost", judge_signature("RS256", |message| genuine(message)[..255].to_vec()), BAD),
        ("twice", judge_signature("RS256", |message| [genuine(message), genuine(message)].concat()), BAD),
        ("one byte", judge(|_| vec![1]), BAD),
        ("as it was", judge_signature("RS256", genuine), Ok(())),
    ]);
}

#[test]
fn a_zero_in_front_of_an_rsa_signature_must_not_be_left_out() {
    let key = RSA.keys.iter().next().unwrap();
    let found = (0_u32..).find_map(|number| {
        let message = number.to_be_bytes();
        let signature = RSA.key.sign_message(&message).unwrap();
        (signature[0] == 0).then_some((message, signature))
    });
    let (message, signature) = found.unwrap();
    let algorithm = crate::jose::Algorithm::RS256;
    assert_eq!(key.verify(algorithm, &message, &signature[1..]), BAD);
    assert_eq!(key.verify(algorithm, &message, &[[0].as_slice(), &signature].concat()), BAD);
    assert_eq!(key.verify(algorithm, &message, &signature), Ok(()));
}

/// What may differ from the encoding that PS256 prescribes.
struct Pss {
    hash: &'static digest::Algorithm,
    mask: &'static digest::Algorithm,
    salt: usize,
    separator: u8,
    padding: u8,
    trailer: u8,
    top_bit: bool,
    /// Whether the hash is of another salt than the one in the mask.
    other_salt: bool,
}

impl Default for Pss {
    fn default() -> Self {
        Self {
            hash: &SHA256,
            mask: &SHA256,
            salt: 32,
            separator: 1,
            padding: 0,
            trailer: 0xbc,
            top_bit: false,
            other_salt: false,
        }
    }
}

/// EMSA-PSS (RFC 8017, section 9.1.1), for a modulus of 2048 bits.
fn pss(message: &[u8], pss: &Pss) -> Vec<u8> {
    let hash_length = pss.hash.output_len();
    let salt = vec![0x5a; pss.salt];
    let hashed_salt = if pss.other_salt { vec![0xa5; pss.salt] } else { salt.clone() };
    let inner = [[0; 8].as_slice(), digest(pss.hash, message).as_ref(), &hashed_salt].concat();
    let hash = digest(pss.hash, &inner).as_ref().to_vec();
    let padding = vec![pss.padding; LENGTH - pss.salt - hash_length - 2];
    let data = [padding, vec![pss.separator], salt].concat();
    let blocks = (0_u32..)
        .flat_map(|counter| digest(pss.mask, &[hash.as_slice(), &counter.to_be_bytes()].concat()).as_ref().to_vec());
    let mut masked: Vec<u8> = data.iter().zip(blocks).map(|(byte, mask)| byte ^ mask).collect();
    masked[0] = if pss.top_bit { masked[0] | 0x80 } else { masked[0] & 0x7f };
    [masked, hash, vec![pss.trailer]].concat()
}

#[test]
fn rfc_7518_section_3_5_a_pss_salt_is_as_long_as_the_hash_and_all_else_as_prescribed() {
    let with = |change: Pss| judge_encoded("PS256", |message| pss(message, &change));
    let default = Pss::default;
    assert_rows([
        ("no salt", with(Pss { salt: 0, ..default() }), BAD),
        ("20 bytes of salt", with(Pss { salt: 20, ..default() }), BAD),
        ("31 bytes of salt", with(Pss { salt: 31, ..default() }), BAD),
        ("33 bytes of salt", with(Pss { salt: 33, ..default() }), BAD),
        ("as much salt as fits", with(Pss { salt: LENGTH - 34, ..default() }), BAD),
        ("another trailer", with(Pss { trailer: 0xcc, ..default() }), BAD),
        ("a trailer of zero", with(Pss { trailer: 0, ..default() }), BAD),
        ("another separator", with(Pss { separator: 2, ..default() }), BAD),
        ("padding that is not zero", with(Pss { padding: 1, ..default() }), BAD),
        // Larger than the modulus it would not be a signature, and if it is not, the bit must be zero all the same.
        ("the top bit set", with(Pss { top_bit: true, ..default() }), BAD),
        ("hashed with another salt", with(Pss { other_salt: true, ..default() }), BAD),
        ("masked by SHA-1", with(Pss { mask: &digest::SHA1_FOR_LEGACY_USE_ONLY, ..default() }), BAD),
        ("masked by SHA-512", with(Pss { mask: &SHA512, ..default() }), BAD),
        ("hashed by SHA-384", with(Pss { hash: &SHA384, ..default() }), BAD),
        ("all by SHA-384", with(Pss { hash: &SHA384, mask: &SHA384, salt: 48, ..default() }), BAD),
        ("as PKCS #1 v1.5 writes it", judge_encoded("PS256", right), BAD),
        ("exactly", with(default()), Ok(())),
        (
            "exactly, for PS384",
            judge_encoded("PS384", |message| {
                pss(message, &Pss { hash: &SHA384, mask: &SHA384, salt: 48, ..default() })
            }),
            Ok(()),
        ),
    ]);
}
