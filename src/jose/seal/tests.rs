//! What is sealed is read by who has the key, and by nobody else in no other form.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use proptest::prelude::*;

use super::{MAX_SEALED_BYTES, PREFIX, SealKey, Sealed};
use crate::jose::tests::assert_rows;
use crate::jose::{Algorithm, MAX_TOKEN_BYTES, SigningKey, base64url};
use crate::secret::Secret;

const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl";

static KEY: LazyLock<SealKey> = LazyLock::new(|| key(7));

fn key(byte: u8) -> SealKey {
    SealKey::new(&Secret::new(vec![byte; 32])).unwrap()
}

fn open(key: &SealKey, text: &str) -> Option<String> {
    key.open(&Sealed::decode(text)?).map(|token| token.to_string())
}

/// The bytes inside a sealed token, and back.
fn bytes(sealed: &str) -> Vec<u8> {
    base64url::decode(sealed.strip_prefix(PREFIX).unwrap()).unwrap()
}

fn text(bytes: &[u8]) -> String {
    [PREFIX, &base64url::encode(bytes)].concat()
}

#[test]
fn a_sealed_token_has_one_form() {
    let sealed = KEY.seal(TOKEN).unwrap();
    let body = sealed.strip_prefix(PREFIX).unwrap();
    let inside = bytes(&sealed);
    let longer = KEY.seal(&format!("{TOKEN}a")).unwrap();
    // 65 bytes leave two bits of the last character over, which must be zero.
    assert_eq!(inside.len(), 65);
    let (rest, last) = sealed.split_at(sealed.len() - 1);
    let twisted = format!("{rest}{}", char::from(last.as_bytes()[0] + 1));
    assert_rows([
        ("nothing", open(&KEY, ""), None),
        ("the prefix", open(&KEY, PREFIX), None),
        ("no prefix", open(&KEY, body), None),
        ("the prefix in other case", open(&KEY, &format!("BWT_{body}")), None),
        ("an API key's prefix", open(&KEY, &format!("bw_{body}")), None),
        ("the prefix twice", open(&KEY, &format!("{PREFIX}{sealed}")), None),
        ("under another key", open(&key(8), &sealed), None),
        ("a nonce alone", open(&KEY, &text(&inside[..12])), None),
        ("less than a nonce", open(&KEY, &text(&inside[..11])), None),
        ("a nonce and a tag of zeros", open(&KEY, &text(&[0; 28])), None),
        ("without the nonce", open(&KEY, &text(&inside[12..])), None),
        ("without the tag", open(&KEY, &text(&inside[..inside.len() - 16])), None),
        ("padded", open(&KEY, &format!("{sealed}=")), None),
        ("with a line feed", open(&KEY, &format!("{sealed}\n")), None),
        ("with a dot", open(&KEY, &format!("{sealed}.")), None),
        ("a bit set that stands for nothing", open(&KEY, &twisted), None),
        ("the token, not sealed", open(&KEY, TOKEN), None),
        ("as it was sealed", open(&KEY, &sealed), Some(TOKEN.to_owned())),
        ("one longer, as it was sealed", open(&KEY, &longer), Some(format!("{TOKEN}a"))),
    ]);
    assert!(SealKey::claims_to_be_one(&sealed) && !SealKey::claims_to_be_one(TOKEN));
    assert!(!SealKey::claims_to_be_one("bw_shop1_x") && !SealKey::claims_to_be_one("bwt"));
}

#[test]
fn no_byte_can_be_changed_and_no_end_cut() {
    let inside = bytes(&KEY.seal(TOKEN).unwrap());
    for place in 0..inside.len() {
        for bit in 0..8 {
            let mut changed = inside.clone();
            changed[place] ^= 1 << bit;
            assert_eq!(open(&KEY, &text(&changed)), None, "byte {place}, bit {bit}");
        }
        assert_eq!(open(&KEY, &text(&inside[..place])), None, "cut to {place}");
        assert_eq!(open(&KEY, &text(&inside[inside.len() - place..])), None, "the last {place}");
    }
    assert_eq!(open(&KEY, &text(&[inside.as_slice(), &[0]].concat())), None);
    assert_eq!(open(&KEY, &text(&inside)), Some(TOKEN.to_owned()));
}

#[test]
fn the_largest_token_fits_and_no_larger_one_is_opened() {
    let largest = "a".repeat(MAX_TOKEN_BYTES);
    let sealed = KEY.seal(&largest).unwrap();
    assert_eq!(sealed.len(), MAX_SEALED_BYTES);
    assert_eq!(open(&KEY, &sealed), Some(largest.clone()));
    assert_eq!(open(&KEY, &KEY.seal(&(largest + "a")).unwrap()), None);
}

#[test]
fn a_key_has_32_bytes_and_no_two_are_equal() {
    for length in [0, 16, 31, 33, 64] {
        assert!(SealKey::new(&Secret::new(vec![7; length])).is_none(), "{length}");
    }
    let (one, other) =
        (SealKey::generate(&SystemRandom::new()).unwrap(), SealKey::generate(&SystemRandom::new()).unwrap());
    assert!(SealKey::new(&one).is_some() && !one.matches(other.expose()));
}

#[test]
fn one_token_is_sealed_differently_each_time() {
    let sealed: std::collections::BTreeSet<String> = (0..64).map(|_| KEY.seal(TOKEN).unwrap()).collect();
    assert_eq!(sealed.len(), 64);
}

proptest! {
    #[test]
    fn what_was_sealed_opens_and_nothing_else(token in "[ -~]{0,400}", at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_=.-]") {
        let sealed = KEY.seal(&token).unwrap();
        prop_assert!(sealed.len() <= MAX_SEALED_BYTES && !sealed.contains('.'));
        prop_assert_eq!(open(&KEY, &sealed), Some(token));
        let at = at.index(sealed.len());
        let changed = format!("{}{to}{}", &sealed[..at], &sealed[at + 1..]);
        prop_assert_eq!(open(&KEY, &changed).is_some(), changed == sealed);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), near in "[A-Za-z0-9_-]{0,80}") {
        prop_assert_eq!(open(&KEY, &text), None);
        prop_assert_eq!(open(&KEY, &format!("{PREFIX}{near}")), None);
    }
}

#[test]
fn what_goes_with_a_signing_key_is_the_same_wherever_that_is() {
    let made = || SigningKey::generate(Algorithm::ES256).unwrap();
    let (one, two) = (made(), made());
    let again = SigningKey::from_pkcs8(&one.to_pkcs8().unwrap(), Algorithm::ES256).unwrap();
    let seal = |key: &SigningKey| SealKey::of(key).unwrap();
    let sealed = seal(&one).seal(TOKEN).unwrap();
    assert_eq!(open(&seal(&two), &sealed), None);
    assert_eq!(open(&seal(&again), &sealed), Some(TOKEN.to_owned()));
    let shared = SigningKey::hmac(&Secret::new(vec![7; 32]), Algorithm::HS256).unwrap();
    assert!(SealKey::of(&shared).is_err());
}
