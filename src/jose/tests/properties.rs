//! What holds of every token, document and text, tried on many.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::mint::{ES256, Issuer, RSA, claims, compact, judge, now, parse, terms, terms_for};
use crate::jose::json::{self, JsonError};
use crate::jose::{Algorithm, ApiKey, ClientSecret, Expectation, Family, KeySet, SigningKey, Token, base64url};
use crate::secret::Secret;

/// A key and a key set for each algorithm.
static SIGNERS: LazyLock<Vec<(SigningKey, KeySet)>> = LazyLock::new(|| {
    let signer = |algorithm: Algorithm| match algorithm.family() {
        Family::Hmac => {
            let secret = || Secret::new(vec![9; 64]);
            (SigningKey::hmac(&secret(), algorithm).unwrap(), KeySet::hmac(&secret(), algorithm).unwrap())
        }
        Family::RsaPkcs1 | Family::RsaPss => {
            let key = SigningKey::from_pkcs8(&RSA.key.to_pkcs8().unwrap(), algorithm).unwrap();
            let issuer = Issuer::with_key(key);
            (issuer.key, issuer.keys)
        }
        Family::Ecdsa | Family::Ed25519 => {
            let issuer = Issuer::new(algorithm);
            (issuer.key, issuer.keys)
        }
    };
    Algorithm::ALL.into_iter().map(signer).collect()
});

static TOKEN: LazyLock<String> = LazyLock::new(|| ES256.token_of(&claims()));

/// Any JSON value within the bounds of a token.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Fractions that have few digits: the JSON library reads others to within a bit.
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            object(inner).prop_map(Value::from),
        ]
    })
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(any::<String>(), value, 0..6).prop_map(|members| members.into_iter().collect())
}

/// Texts near to JSON, for which a random string would rarely do.
fn almost_json() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("\"a\""),
        Just("\"\\u0061\""),
        Just("\"\\ud800\""),
        Just("\"\\ud83d\\ude00\""),
        Just("1"),
        Just("-0"),
        Just("1e999"),
        Just("1.5e3"),
        Just("01"),
        Just("null"),
        Just("true"),
        Just(" "),
        Just("\""),
        Just("\\"),
        Just("\u{feff}"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_an_algorithm_signs_it_verifies(
        index in 0..Algorithm::ALL.len(), extra in object(value()), subject in "[^\\p{Cc}]{1,40}",
    ) {
        let (key, keys) = &SIGNERS[index];
        let mut members: Map<String, Value> = serde_json::from_str(&claims().text()).unwrap();
        members.insert("sub".to_owned(), subject.into());
        members.insert("extra".to_owned(), extra.into());
        let token = key.sign("at+jwt", &members).unwrap();
        let expectation = Expectation::new(terms_for(&[key.algorithm().as_str()])).unwrap();
        let verified = expectation.verify(Token::parse(&token).unwrap(), keys, now()).unwrap();
        prop_assert_eq!(verified.members(), &members);
    }

    #[test]
    fn a_token_with_any_bit_flipped_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = TOKEN.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // What is no text cannot even be asked for.
        if let Ok(flipped) = String::from_utf8(bytes) {
            prop_assert!(ES256.judge(&flipped, terms()).is_err(), "byte {}, bit {}", at, bit);
        }
    }

    #[test]
    fn a_token_cut_or_continued_is_refused(at in any::<prop::sample::Index>(), more in "[A-Za-z0-9_.-]{1,8}") {
        let token = &*TOKEN;
        for changed in [token[..at.index(token.len())].to_owned(), [token, more.as_str()].concat(), [&more, token.as_str()].concat()] {
            let outcome = ES256.judge(&changed, terms());
            prop_assert!(outcome.is_err());
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in any::<String>(), near in "[A-Za-z0-9_.=+/-]{0,300}", bytes in any::<Vec<u8>>()) {
        for text in [text.as_str(), &near, &format!("bw_{near}"), &format!("bws_{text}")] {
            let _ = parse(text);
            let _ = ApiKey::parse(text);
            let _ = ClientSecret::parse(text);
        }
        let _ = KeySet::parse(&bytes);
        let _ = parse(&compact(&bytes, text.as_bytes(), <[u8]>::to_vec));
    }

    #[test]
    fn no_header_or_claims_make_a_reader_panic(header in object(value()), claims in object(value())) {
        let text = |members: &Map<String, Value>| serde_json::to_string(members).unwrap();
        let mut header = header;
        header.insert("alg".to_owned(), "ES256".into());
        let token = ES256.sign(text(&header), text(&claims));
        prop_assert!(judge(&token, &ES256.keys, terms()).is_err());
        let _ = KeySet::parse(format!("{{\"keys\":[{},{}]}}", text(&header), text(&claims)).as_bytes()).unwrap();
    }

    #[test]
    fn base64url_has_one_spelling(bytes in any::<Vec<u8>>(), text in "[A-Za-z0-9_-]{0,20}") {
        let encoded = base64url::encode(&bytes);
        prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        prop_assert_eq!(base64url::decode(&encoded), Some(bytes));
        if let Some(decoded) = base64url::decode(&text) {
            prop_assert_eq!(base64url::encode(decoded), text);
        }
    }

    #[test]
    fn the_strict_reader_reads_what_a_plain_one_reads(members in object(value()), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&members) } else { serde_json::to_string(&members) };
        let text = text.unwrap();
        let plain: Map<String, Value> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(json::object(text.as_bytes()), Ok(plain));
    }

    #[test]
    fn the_strict_reader_takes_nothing_that_a_plain_one_refuses(inner in almost_json()) {
        for text in [inner.clone(), format!("{{\"a\":{inner}}}"), format!("{{{inner}}}")] {
            let plain = serde_json::from_str::<Map<String, Value>>(&text).ok();
            match (json::object(text.as_bytes()), plain) {
                (Ok(strict), plain) => prop_assert_eq!(Some(strict), plain, "{}", text),
                (Err(JsonError::DuplicateMember), _) | (Err(_), None) => {}
                (Err(error), Some(_)) => prop_assert!(false, "{:?}: {}", error, text),
            }
        }
    }
}
