//! The ring as JSON: what is refused, and that what is written is read again.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::pool::{half, key};
use super::{assert_rows, at, secs};
use crate::clock::UnixTime;
use crate::jose::{Algorithm, SkipReason};
use crate::rotation::{Cause, FormerMaxAge, PublicHalf, Ring, RingError, RingKey, State, UnfitPublicHalf};

const ISSUER: &str = "https://gw.example.com/shop";

fn ring() -> Ring {
    let mut ring = Ring::new(ISSUER, secs(300), at(0));
    ring.changes = 2;
    ring.keys = vec![
        key(0, State::Active { since: at(0), cause: Cause::First }),
        key(1, State::Pending { confirmed: Some(at(5)) }),
    ];
    ring
}

/// The document with one change.
fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut document: Value = serde_json::from_str(&ring().to_json()).unwrap();
    change(&mut document);
    document.to_string()
}

fn malformed(at: &str, what: &str) -> RingError {
    RingError::Malformed { at: at.to_owned(), what: what.to_owned() }
}

fn unfit(why: UnfitPublicHalf) -> RingError {
    RingError::UnfitKey { index: 0, why }
}

fn parse(text: &str) -> Result<(), RingError> {
    Ring::parse(text.as_bytes()).map(drop)
}

#[test]
fn a_document_that_is_no_ring_is_refused_and_the_error_says_where() {
    let whole = ring().to_json();
    let unknown = |name: &str, expected: &str| format!("unknown field `{name}`, expected {expected}");
    let members = "one of `issuer`, `changes`, `written`, `answered`, `maxAge`, `formerMaxAge`, `keys`";
    assert_rows([
        ("nothing", parse(""), Err(malformed("ring", "not JSON"))),
        ("half of it", parse(&whole[..whole.len() / 2]), Err(malformed("keys[0].public.?", "not JSON"))),
        ("more after it", parse(&format!("{whole} {{}}")), Err(malformed("ring", "not JSON"))),
        ("an array", parse("[]"), Err(malformed("ring", "not of the expected type"))),
        ("too large", parse(&" ".repeat(65_537)), Err(RingError::TooLarge(65_537))),
        (
            "a member that is not known",
            parse(&with(|ring| ring["x"] = json!(1))),
            Err(malformed("x", &unknown("x", members))),
        ),
        (
            "a member twice",
            parse(&whole.replacen('{', "{\"changes\": 7,", 1)),
            Err(malformed("ring", "duplicate field `changes`")),
        ),
        (
            "a member of the public half twice",
            parse(&whole.replacen("\"kty\":", "\"use\": \"enc\", \"kty\":", 1)),
            Err(malformed("keys[0].public", "duplicate field")),
        ),
        (
            "a member missing",
            parse(&with(|ring| drop(ring.as_object_mut().unwrap().remove("written")))),
            Err(malformed("ring", "missing field `written`")),
        ),
        (
            "a time as text, which is not repeated",
            parse(&with(|ring| ring["written"] = json!("hunter2"))),
            Err(malformed("written", "not of the expected type")),
        ),
        (
            "a duration below zero",
            parse(&with(|ring| ring["maxAge"] = json!(-1))),
            Err(malformed("maxAge", "not of the expected type")),
        ),
        (
            "a state that is not known",
            parse(&with(|ring| ring["keys"][1]["state"] = json!({"Resting": {}}))),
            Err(malformed(
                "keys[1].state",
                "unknown variant `Resting`, expected one of `Pending`, `Active`, `Retiring`, `Compromised`",
            )),
        ),
        (
            "a time that the state does not have",
            parse(&with(|ring| ring["keys"][1]["state"] = json!({"Pending": {"since": 1}}))),
            Err(malformed("keys[1].state.Pending.since", &unknown("since", "`confirmed`"))),
        ),
        (
            "two states",
            parse(&with(|ring| ring["keys"][1]["state"]["Retiring"] = json!({"since": 1}))),
            Err(malformed("keys[1].state", "not JSON")),
        ),
        (
            "a word that is too long",
            parse(&with(|ring| ring["answered"] = json!("w".repeat(129)))),
            Err(malformed("answered", "has 129 bytes, expected at most 128")),
        ),
        (
            "an issuer that is too long",
            parse(&with(|ring| ring["issuer"] = json!("w".repeat(2_049)))),
            Err(malformed("issuer", "has 2049 bytes, expected at most 2048")),
        ),
        ("no keys", parse(&with(|ring| ring["keys"] = json!([]))), Err(RingError::Empty)),
        (
            "too many keys",
            parse(&with(|ring| ring["keys"] = Value::Array(vec![ring["keys"][0].clone(); 17]))),
            Err(RingError::TooManyKeys(17)),
        ),
    ]);
}

#[test]
fn a_key_that_is_not_what_its_name_says_is_refused() {
    let on_key = |change: fn(&mut Value)| parse(&with(|ring| change(&mut ring["keys"][0])));
    let (first, second) = (ring().keys[0].kid.clone(), ring().keys[1].kid.clone());
    let other = half(Algorithm::ES384, 0);
    assert_rows([
        (
            "an algorithm that nobody knows",
            on_key(|key| key["algorithm"] = json!("none")),
            Err(RingError::UnknownAlgorithm { index: 0, name: "none".to_owned() }),
        ),
        (
            "the algorithm of another curve",
            on_key(|key| key["algorithm"] = json!("ES384")),
            Err(unfit(UnfitPublicHalf::NotItsAlgorithm(Algorithm::ES384))),
        ),
        (
            "a public half that says no algorithm",
            on_key(|key| drop(key["public"].as_object_mut().unwrap().remove("alg"))),
            Err(unfit(UnfitPublicHalf::NotItsAlgorithm(Algorithm::ES256))),
        ),
        (
            "a public half that says no use",
            on_key(|key| drop(key["public"].as_object_mut().unwrap().remove("use"))),
            Err(unfit(UnfitPublicHalf::NotForSigning)),
        ),
        (
            "a public half for encryption",
            on_key(|key| key["public"]["use"] = json!("enc")),
            Err(unfit(UnfitPublicHalf::Unfit(SkipReason::NotForVerifying))),
        ),
        (
            "a private member",
            on_key(|key| key["public"]["d"] = json!("c2VjcmV0")),
            Err(unfit(UnfitPublicHalf::Unfit(SkipReason::PrivateKey))),
        ),
        (
            "a shared secret",
            on_key(|key| key["public"] = json!({"kty": "oct", "k": "c2VjcmV0"})),
            Err(unfit(UnfitPublicHalf::Unfit(SkipReason::SharedSecret))),
        ),
        (
            "a member that no public half has",
            on_key(|key| key["public"]["x5u"] = json!("https://example.com")),
            Err(unfit(UnfitPublicHalf::UnknownMember("x5u".to_owned()))),
        ),
        (
            "a point that is on no curve",
            on_key(|key| key["public"]["x"] = key["public"]["y"].clone()),
            Err(unfit(UnfitPublicHalf::Unfit(SkipReason::NotOnCurve))),
        ),
        (
            "a public half of another name",
            on_key(|key| key["public"]["kid"] = json!("mine")),
            Err(unfit(UnfitPublicHalf::NotItsName(first.to_string()))),
        ),
        (
            "an entry of another name",
            on_key(|key| key["kid"] = json!("mine")),
            Err(RingError::NotItsName { index: 0, kid: first.clone() }),
        ),
        (
            "a key twice",
            parse(&with(|ring| ring["keys"][1] = ring["keys"][0].clone())),
            Err(RingError::DuplicateKey(first.clone())),
        ),
        (
            "two that sign",
            parse(&with(|ring| ring["keys"][1]["state"] = ring["keys"][0]["state"].clone())),
            Err(RingError::TwoActive(first.clone(), second.clone())),
        ),
        (
            "two that sign next",
            parse(&with(|ring| ring["keys"][0]["state"] = ring["keys"][1]["state"].clone())),
            Err(RingError::TwoPending(first.clone(), second.clone())),
        ),
        (
            "another algorithm throughout",
            parse(&with(|ring| {
                let (kid, public) = other.into_parts();
                ring["keys"][0]["algorithm"] = json!("ES384");
                ring["keys"][0]["kid"] = json!(kid);
                ring["keys"][0]["public"] = Value::Object(public);
            })),
            Ok(()),
        ),
        ("the ring itself", parse(&ring().to_json()), Ok(())),
    ]);
}

#[test]
fn keys_of_every_algorithm_that_signs_are_taken() {
    use Algorithm::{ES256, ES384, ES512, Ed25519, EdDSA, PS256, RS256};
    for algorithm in [ES256, ES384, ES512, EdDSA, Ed25519, RS256, PS256] {
        let made = half(algorithm, 0);
        let (_, jwk) = made.clone().into_parts();
        assert_eq!(PublicHalf::parse(jwk, algorithm), Ok(made));
    }
}

fn time() -> impl Strategy<Value = UnixTime> {
    prop_oneof![8 => 0..2_000_000_000_000_i64, 1 => any::<i64>()].prop_map(UnixTime::from_millis)
}

fn duration() -> impl Strategy<Value = std::time::Duration> {
    prop_oneof![8 => 0..100_000_000_u64, 1 => any::<u64>()].prop_map(std::time::Duration::from_millis)
}

fn state() -> impl Strategy<Value = State> {
    let cause = prop::sample::select(Cause::ALL.as_slice());
    prop_oneof![
        prop::option::of(time()).prop_map(|confirmed| State::Pending { confirmed }),
        (time(), cause).prop_map(|(since, cause)| State::Active { since, cause }),
        (time(), prop::option::of(time())).prop_map(|(since, settled)| State::Retiring { since, settled }),
        time().prop_map(|since| State::Compromised { since }),
    ]
}

prop_compose! {
    /// Any ring that can be written, with keys of numbers from 0.
    pub(super) fn any_ring()(
        (changes, written, max_age) in (any::<u64>(), time(), duration()),
        answered in prop::option::of("[a-z]{1,8}"),
        former in prop::option::of((duration(), prop::option::of(time()))),
        keys in prop::collection::vec((state(), time(), duration()), 1..6),
    ) -> Ring {
        let (mut active, mut pending) = (false, false);
        let keys: Vec<RingKey> = keys.into_iter().enumerate().filter(|(_, (state, ..))| match state {
            State::Active { .. } => !std::mem::replace(&mut active, true),
            State::Pending { .. } => !std::mem::replace(&mut pending, true),
            State::Retiring { .. } | State::Compromised { .. } => true,
        }).map(|(number, (state, created, longest))| RingKey { created, longest, ..key(number, state) }).collect();
        let former_max_age = former.map(|(max_age, over)| FormerMaxAge { max_age, newest: keys[0].kid.clone(), over });
        let answered = answered.map(Into::into);
        Ring { issuer: ISSUER.into(), changes, written, answered, max_age, former_max_age, keys }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(ring in any_ring()) {
        let text = ring.to_json();
        prop_assert!(text.len() < crate::rotation::MAX_BYTES);
        prop_assert_eq!(Ring::parse(text.as_bytes()), Ok(ring));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let _ = Ring::parse(&bytes);
        let mut text = ring().to_json().into_bytes();
        let place = place.index(text.len());
        text[place] = byte;
        if let Ok(read) = Ring::parse(&text) {
            prop_assert_eq!(Ring::parse(read.to_json().as_bytes()), Ok(read));
        }
    }
}
