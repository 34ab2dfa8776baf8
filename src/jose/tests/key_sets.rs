//! RFC 7517, section 5: sets of keys, and what is wrong with one of them costs no other.

use super::assert_rows;
use super::mint::{ES256, STRANGER, claims, judge, terms};
use crate::jose::{KeySet, KeySetError, SkipReason};

fn parse(text: impl AsRef<[u8]>) -> Result<(usize, Vec<(usize, SkipReason)>), KeySetError> {
    let (keys, skipped) = KeySet::parse(text.as_ref())?;
    Ok((keys.len(), skipped.into_iter().map(|key| (key.index, key.reason)).collect()))
}

#[test]
fn what_is_no_key_set_is_an_error() {
    let jwk = ES256.jwk().text();
    let none = || Err(KeySetError::NotKeySet);
    assert_rows([
        ("nothing", parse(""), none()),
        ("an error page", parse("<!doctype html><title>502</title>"), none()),
        ("null", parse("null"), none()),
        ("an array of keys", parse(format!("[{jwk}]")), none()),
        ("one key", parse(&jwk), none()),
        ("an empty object", parse("{}"), none()),
        ("keys null", parse("{\"keys\":null}"), none()),
        ("keys an object", parse(format!("{{\"keys\":{{\"a\":{jwk}}}}}")), none()),
        ("keys a string", parse("{\"keys\":\"\"}"), none()),
        ("keys in other case", parse("{\"Keys\":[]}"), none()),
        ("cut", parse(format!("{{\"keys\":[{jwk}]")), none()),
        ("cut within the key", parse(format!("{{\"keys\":[{}", &jwk[..20])), none()),
        ("a second document after it", parse("{\"keys\":[]}{}"), none()),
        ("a trailing comma", parse(format!("{{\"keys\":[{jwk},]}}")), none()),
        ("a byte order mark", parse("\u{feff}{\"keys\":[]}"), none()),
        ("not UTF-8", parse(b"{\"keys\":[],\"x\":\"\xff\"}"), Err(KeySetError::NotUtf8)),
        ("keys twice", parse("{\"keys\":[],\"keys\":[]}"), Err(KeySetError::DuplicateKeys)),
        ("keys twice, once by escapes", parse("{\"keys\":[],\"key\\u0073\":[]}"), Err(KeySetError::DuplicateKeys)),
        ("an empty set", parse("{\"keys\":[]}"), Ok((0, vec![]))),
        ("one key in it", parse(format!("{{\"keys\":[{jwk}]}}")), Ok((1, vec![]))),
        ("other members", parse(format!("{{\"x\":{{\"keys\":1}},\"keys\":[{jwk}],\"x\":[]}}")), Ok((1, vec![]))),
    ]);
}

#[test]
fn size_and_number_of_keys_are_bounded() {
    let empty = "{\"keys\":[]}";
    let padded = |length: usize| format!("{empty}{}", " ".repeat(length - empty.len()));
    let set = |count: usize| format!("{{\"keys\":[{}]}}", vec!["{}"; count].join(","));
    let no_type = |count: usize| (0..count).map(|index| (index, SkipReason::BadMember("kty"))).collect::<Vec<_>>();
    assert_rows([
        ("a byte over 1 MiB", parse(padded(1024 * 1024 + 1)), Err(KeySetError::TooLarge)),
        ("257 keys", parse(set(257)), Err(KeySetError::TooManyKeys)),
        ("10,000 keys", parse(set(10_000)), Err(KeySetError::TooManyKeys)),
        ("1 MiB", parse(padded(1024 * 1024)), Ok((0, vec![]))),
        ("256 keys", parse(set(256)), Ok((0, no_type(256)))),
    ]);
}

#[test]
fn one_bad_key_costs_no_other() {
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let many = format!("{{{}}}", (0..300).map(|index| format!("\"m{index}\":0")).collect::<Vec<_>>().join(","));
    let bad = [
        ("null", "null".to_owned(), SkipReason::NotObject),
        ("a string", "\"key\"".to_owned(), SkipReason::NotObject),
        ("an array", "[]".to_owned(), SkipReason::NotObject),
        ("empty", "{}".to_owned(), SkipReason::BadMember("kty")),
        ("a member twice", "{\"kty\":\"EC\",\"kty\":\"EC\"}".to_owned(), SkipReason::DuplicateMember),
        ("very deep", format!("{{\"kty\":{deep}}}"), SkipReason::TooLarge),
        ("very many members", many, SkipReason::TooLarge),
        (
            "a certificate chain beyond reason",
            format!("{{\"x5c\":[{}]}}", vec!["\"\""; 513].join(",")),
            SkipReason::TooLarge,
        ),
        ("half a surrogate pair", "{\"kty\":\"\\ud800\"}".to_owned(), SkipReason::NotObject),
        ("a number beyond any float", "{\"kty\":1e999}".to_owned(), SkipReason::NotObject),
        ("another type", "{\"kty\":\"AKP\"}".to_owned(), SkipReason::UnsupportedType("AKP".to_owned())),
    ];
    let (first, last) = (ES256.jwk().text(), STRANGER.jwk().text());
    for (name, item, reason) in bad {
        let text = format!("{{\"keys\":[{first},{item},{last}]}}");
        let (keys, skipped) = KeySet::parse(text.as_bytes()).unwrap();
        assert_eq!(skipped.iter().map(|key| (key.index, &key.reason)).collect::<Vec<_>>(), [(1, &reason)], "{name}");
        assert_eq!(judge(&ES256.token_of(&claims()), &keys, terms()), Ok(()), "{name}");
        assert_eq!(judge(&STRANGER.token_of(&claims()), &keys, terms()), Ok(()), "{name}");
    }
}

#[test]
fn a_skipped_key_is_named_and_its_name_is_cut() {
    let jwk = |kid: &str| ES256.jwk().with_text("kid", kid).with_text("use", "enc").text();
    let text = format!("{{\"keys\":[{},{},{{\"kid\":7}}]}}", jwk("a"), jwk(&"é".repeat(99)));
    let (_, skipped) = KeySet::parse(text.as_bytes()).unwrap();
    let kids: Vec<Option<String>> = skipped.into_iter().map(|key| key.kid).collect();
    assert_eq!(kids, [Some("a".to_owned()), Some("é".repeat(64)), None]);
}

#[test]
fn the_content_hash_is_of_the_usable_keys_and_their_names() {
    let hash = |text: String| *KeySet::parse(text.as_bytes()).unwrap().0.content_hash();
    let (own, other) = (ES256.jwk(), STRANGER.jwk());
    let set = |jwks: &[String]| hash(format!("{{\"keys\":[{}]}}", jwks.join(",")));
    let both = set(&[own.text(), other.text()]);
    let differ = [
        both,
        set(&[own.text()]),
        set(&[other.text()]),
        set(&[]),
        set(&[own.clone().without("kid").text()]),
        set(&[own.clone().with_text("kid", "-").text()]),
        set(&[own.clone().with_text("kid", "1").text()]),
    ];
    for (index, hash) in differ.iter().enumerate() {
        assert!(!differ[..index].contains(hash), "{index}");
    }
    assert_eq!(both, set(&[other.text(), own.text()]), "order");
    assert_eq!(both, set(&[own.with("x5t", "1").text(), other.text(), "{}".to_owned()]), "what is not used");
}
