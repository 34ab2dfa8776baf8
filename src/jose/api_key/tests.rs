//! API keys: their form, what is kept of them, and who is let in.

use aws_lc_rs::rand::SystemRandom;

use super::{ApiKey, ApiKeyRecord, ApiKeySet, InvalidApiKey, NewApiKey, checksum};
use crate::clock::UnixTime;
use crate::jose::tests::assert_rows;
use crate::jose::{Reason, VerifiedBy};

const SECRET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
/// The key of that secret, its checksum by another program.
const KEY: &str = "bw_shop1_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ0uR5iH";
const HASH: &str = "sha256:46a2199782c8827f0ac56f503be9d39efee97f40a736b92cc7d7c5f825cfd851";

/// 2027-01-15T08:00:00Z.
const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(NOW + seconds)
}

/// A key of this id and secret with the right checksum.
fn key(id: &str, secret: &str) -> String {
    let checked = format!("bw_{id}_{secret}");
    let checksum = checksum::of(&checked);
    checked + &checksum
}

/// The data of a good record.
fn data() -> Vec<(&'static str, &'static str)> {
    vec![
        ("id", "shop1"),
        ("hash", HASH),
        ("notBefore", "2027-01-15T07:00:00Z"),
        ("expiresAt", "2027-01-15T09:00:00Z"),
        ("scopes", "orders:read orders:write"),
        ("owner", "team-shop"),
    ]
}

fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut data = data();
    data.retain(|(own, _)| *own != name);
    data.push((name, value));
    data
}

fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    let mut data = data();
    data.retain(|(own, _)| *own != name);
    data
}

fn parse(data: &[(&str, &str)]) -> Result<ApiKeyRecord, InvalidApiKey> {
    ApiKeyRecord::parse(data.iter().map(|(name, value)| (*name, value.as_bytes())), [])
}

fn record(data: &[(&str, &str)]) -> ApiKeyRecord {
    parse(data).unwrap()
}

fn judge(set: &ApiKeySet, key: &str, now: UnixTime) -> Result<(), Reason> {
    set.verify(&ApiKey::parse(key)?, now).map(|_| ())
}

#[test]
fn a_key_has_one_form() {
    let parse = |text: &str| ApiKey::parse(text).map(|key| key.id().to_owned());
    let (malformed, checksum) = (|| Err(Reason::MalformedToken), || Err(Reason::KeyChecksum));
    let of = |id: &str, secret: &str| parse(&key(id, secret));
    assert_rows([
        ("nothing", parse(""), malformed()),
        ("the prefix", parse("bw_"), malformed()),
        ("another prefix", parse(&KEY.replacen("bw_", "bx_", 1)), malformed()),
        ("the prefix in other case", parse(&KEY.replacen("bw_", "BW_", 1)), malformed()),
        ("no id", of("", SECRET), malformed()),
        ("an id of three", of("abc", SECRET), malformed()),
        ("an id of 33", of(&"a".repeat(33), SECRET), malformed()),
        ("an id with a dash", of("ab-cd", SECRET), malformed()),
        ("an id with an underscore", of("ab_cd", SECRET), malformed()),
        ("a secret of 42", of("shop1", &SECRET[1..]), malformed()),
        ("a secret of 44", of("shop1", &format!("{SECRET}a")), malformed()),
        ("a secret with a dash", of("shop1", &SECRET.replace('a', "-")), malformed()),
        ("a secret with other letters", of("shop1", &SECRET.replace('a', "é")), malformed()),
        ("a space before", parse(&format!(" {KEY}")), malformed()),
        ("a line feed after", parse(&format!("{KEY}\n")), malformed()),
        ("the checksum cut", parse(&KEY[..KEY.len() - 1]), malformed()),
        ("no checksum", parse(&KEY[..KEY.len() - 6]), malformed()),
        ("something after it", parse(&format!("{KEY}a")), malformed()),
        ("a letter of the secret changed", parse(&KEY.replace("abc", "abd")), checksum()),
        ("two letters of the secret exchanged", parse(&KEY.replace("abc", "acb")), checksum()),
        ("the id changed", parse(&KEY.replace("shop1", "shop2")), checksum()),
        ("the checksum changed", parse(&format!("{}0", &KEY[..KEY.len() - 1])), checksum()),
        ("as it was made", parse(KEY), Ok("shop1".to_owned())),
        ("an id of four", of("abcd", SECRET), Ok("abcd".to_owned())),
        ("an id of 32", of(&"a".repeat(32), SECRET), Ok("a".repeat(32))),
        // A checksum with zeros in front keeps them.
        (
            "zeros in the checksum",
            parse("bw_k00259_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ008w9t"),
            Ok("k00259".to_owned()),
        ),
    ]);
    assert!(ApiKey::claims_to_be_one("bw_") && !ApiKey::claims_to_be_one("eyJ") && !ApiKey::claims_to_be_one("Bw_"));
}

#[test]
fn an_unknown_id_and_a_wrong_secret_are_told_apart_by_nobody() {
    let (set, duplicates) = ApiKeySet::new([record(&data())]);
    assert!(duplicates.is_empty());
    let other = SECRET.replace('a', "b");
    let unknown = Err(Reason::KeyUnknown);
    assert_rows([
        ("an unknown id", judge(&set, &key("shop2", SECRET), at(0)), unknown),
        ("an id in other case", judge(&set, &key("SHOP1", SECRET), at(0)), unknown),
        ("a wrong secret", judge(&set, &key("shop1", &other), at(0)), unknown),
        ("a wrong secret of an expired key", judge(&set, &key("shop1", &other), at(7200)), unknown),
        ("an unknown id to an empty set", judge(&ApiKeySet::default(), KEY, at(0)), unknown),
        ("a wrong checksum", judge(&set, &KEY.replace("abc", "abd"), at(0)), Err(Reason::KeyChecksum)),
        ("the key", judge(&set, KEY, at(0)), Ok(())),
    ]);
}

#[test]
fn a_record_whose_hash_is_of_nothing_lets_nobody_in() {
    // What an unknown id is compared with must not be a hash that a record can have and a secret could meet.
    let zeros = with("hash", "sha256:0000000000000000000000000000000000000000000000000000000000000000");
    let (set, _) = ApiKeySet::new([record(&zeros)]);
    assert_eq!(judge(&set, KEY, at(0)), Err(Reason::KeyUnknown));
    assert_eq!(judge(&set, &key("shop2", SECRET), at(0)), Err(Reason::KeyUnknown));
}

#[test]
fn a_key_is_good_from_its_beginning_until_just_before_its_end() {
    let (set, _) = ApiKeySet::new([record(&data())]);
    let (endless, _) = ApiKeySet::new([record(&without("notBefore"))]);
    let judge_at = |seconds: i64| judge(&set, KEY, at(seconds));
    assert_rows([
        ("at its end", judge_at(3600), Err(Reason::KeyExpired)),
        ("long after", judge_at(1_000_000_000), Err(Reason::KeyExpired)),
        ("a second before its beginning", judge_at(-3601), Err(Reason::KeyExpired)),
        (
            "a millisecond before its beginning",
            judge(&set, KEY, UnixTime::from_millis((NOW - 3600) * 1000 - 1)),
            Err(Reason::KeyExpired),
        ),
        ("a millisecond before its end", judge(&set, KEY, UnixTime::from_millis((NOW + 3600) * 1000 - 1)), Ok(())),
        ("at its beginning", judge_at(-3600), Ok(())),
        ("without a beginning, always", judge(&endless, KEY, at(-1_000_000_000)), Ok(())),
    ]);
}

#[test]
fn an_id_that_two_records_have_is_nobodys() {
    let other = with("owner", "team-b");
    let third = with("id", "shop3");
    let (set, duplicates) = ApiKeySet::new([record(&data()), record(&third), record(&other), record(&data())]);
    assert_eq!(duplicates.iter().map(|id| &**id).collect::<Vec<_>>(), ["shop1"]);
    assert_eq!((set.len(), set.is_empty()), (1, false));
    assert_eq!(judge(&set, KEY, at(0)), Err(Reason::KeyUnknown));
    assert_eq!(judge(&set, &key("shop3", SECRET), at(0)), Ok(()));
}

#[test]
fn a_record_is_complete_and_has_nothing_else() {
    use InvalidApiKey as Invalid;
    let outcome = |data: &[(&str, &str)]| parse(data).map(|record| record.id().to_string());
    let bad_time = |name| Err(Invalid::BadTime(name));
    let fine = || Ok("shop1".to_owned());
    assert_rows([
        ("no id", outcome(&without("id")), Err(Invalid::Missing("id"))),
        ("no hash", outcome(&without("hash")), Err(Invalid::Missing("hash"))),
        ("no end", outcome(&without("expiresAt")), Err(Invalid::Missing("expiresAt"))),
        ("no owner", outcome(&without("owner")), Err(Invalid::Missing("owner"))),
        (
            "an unknown member",
            outcome(&with("expires", "2027-01-15T09:00:00Z")),
            Err(Invalid::Unknown("expires".to_owned())),
        ),
        ("a member in other case", outcome(&with("Owner", "x")), Err(Invalid::Unknown("Owner".to_owned()))),
        ("the key beside its hash", outcome(&with("key", KEY)), Err(Invalid::PlainSecret("key".to_owned()))),
        ("the key for its hash", outcome(&with("hash", KEY)), Err(Invalid::PlainSecret("hash".to_owned()))),
        ("the secret for its hash", outcome(&with("hash", SECRET)), Err(Invalid::PlainSecret("hash".to_owned()))),
        (
            "the key among the scopes",
            outcome(&with("scopes", "orders:read bw_shop1_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ0uR5iH")),
            Err(Invalid::PlainSecret("scopes".to_owned())),
        ),
        (
            "a mistyped key",
            outcome(&with("note", "bw_shop1_abddefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ0uR5iH")),
            Err(Invalid::PlainSecret("note".to_owned())),
        ),
        ("an id of three", outcome(&with("id", "abc")), Err(Invalid::BadId)),
        ("an id with a dash", outcome(&with("id", "shop-1")), Err(Invalid::BadId)),
        ("a hash without its kind", outcome(&with("hash", &HASH[7..])), Err(Invalid::BadHash)),
        (
            "a hash of another kind",
            outcome(&with("hash", "sha512:46a2199782c8827f0ac56f503be9d39efee97f40a736b92cc7d7c5f825cfd851")),
            Err(Invalid::BadHash),
        ),
        (
            "a hash in upper case",
            outcome(&with("hash", "sha256:46A2199782C8827F0AC56F503BE9D39EFEE97F40A736B92CC7D7C5F825CFD851")),
            Err(Invalid::BadHash),
        ),
        ("a hash cut", outcome(&with("hash", &HASH[..70])), Err(Invalid::BadHash)),
        (
            "a hash with signs",
            outcome(&with("hash", "sha256:+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1")),
            Err(Invalid::BadHash),
        ),
        ("an end that is a date", outcome(&with("expiresAt", "2027-01-15")), bad_time("expiresAt")),
        ("an end without a zone", outcome(&with("expiresAt", "2027-01-15T09:00:00")), bad_time("expiresAt")),
        ("an end in seconds", outcome(&with("expiresAt", "1800003600")), bad_time("expiresAt")),
        ("never", outcome(&with("expiresAt", "never")), bad_time("expiresAt")),
        ("a beginning that is no time", outcome(&with("notBefore", "")), bad_time("notBefore")),
        ("a beginning at the end", outcome(&with("notBefore", "2027-01-15T09:00:00Z")), Err(Invalid::NeverValid)),
        ("a beginning after the end", outcome(&with("notBefore", "2028-01-15T09:00:00Z")), Err(Invalid::NeverValid)),
        ("a scope in quotes", outcome(&with("scopes", "\"orders:read\"")), Err(Invalid::BadScope)),
        ("a scope with other letters", outcome(&with("scopes", "größe")), Err(Invalid::BadScope)),
        ("an owner of nothing", outcome(&with("owner", " ")), Err(Invalid::BadOwner)),
        ("an owner with a line feed", outcome(&with("owner", "a\nb")), Err(Invalid::BadOwner)),
        ("complete", outcome(&data()), fine()),
        (
            "without scopes and beginning",
            outcome(&without("notBefore").into_iter().filter(|(name, _)| *name != "scopes").collect::<Vec<_>>()),
            fine(),
        ),
        ("with line feeds at the ends", outcome(&with("expiresAt", "2027-01-15T09:00:00Z\n")), fine()),
        ("an end in another zone", outcome(&with("expiresAt", "2027-01-15T11:00:00+02:00")), fine()),
    ]);
    let not_text = [("id", b"shop1".as_slice()), ("owner", b"\xff")];
    assert_eq!(ApiKeyRecord::parse(not_text, []).map(|_| ()), Err(Invalid::NotText("owner")));
}

#[test]
fn a_record_says_what_the_key_may_do() {
    let labels = [
        ("team", "shop"),
        ("sub", "root"),
        ("scope", "admin"),
        ("exp", "9"),
        ("iss", "x"),
        ("aud", "x"),
        ("nbf", "0"),
        ("iat", "0"),
        ("jti", "x"),
        ("cnf", "x"),
    ];
    let data = data();
    let record = ApiKeyRecord::parse(data.iter().map(|(name, value)| (*name, value.as_bytes())), labels).unwrap();
    assert_eq!(record.expires(), at(3600));
    let (set, _) = ApiKeySet::new([record]);
    let claims = set.verify(&ApiKey::parse(KEY).unwrap(), at(0)).unwrap();
    assert_eq!(claims.subject(), Some("team-shop"));
    assert_eq!(claims.scopes().iter().collect::<Vec<_>>(), ["orders:read", "orders:write"]);
    assert_eq!((claims.expires(), claims.not_before(), claims.issued_at()), (at(3600), Some(at(-3600)), None));
    assert_eq!(claims.verified_by(), &VerifiedBy::ApiKey("shop1".into()));
    let expected = serde_json::json!({
        "team": "shop", "sub": "team-shop", "scope": "orders:read orders:write", "exp": NOW + 3600, "nbf": NOW - 3600,
    });
    assert_eq!(&serde_json::Value::from(claims.members().clone()), &expected);
}

#[test]
fn a_record_prints_its_id_alone() {
    let printed = format!("{:?}", record(&data()));
    assert_eq!(printed, "ApiKeyRecord { id: \"shop1\", .. }");
}

#[test]
fn a_new_key_fits_the_record_that_is_made_of_it() {
    let keys: Vec<NewApiKey> = (0..64).map(|_| NewApiKey::generate(&SystemRandom::new()).unwrap()).collect();
    let mut seen = std::collections::BTreeSet::new();
    let mut letters = std::collections::BTreeSet::new();
    for new in &keys {
        let text = std::str::from_utf8(new.text().expose()).unwrap();
        assert_eq!(text.len(), 3 + 12 + 1 + 43 + 6);
        letters.extend(text[16..59].chars());
        let parsed = ApiKey::parse(text).unwrap();
        assert_eq!(parsed.id(), new.id());
        assert!(seen.insert(new.id()) && seen.insert(new.hash()));
        let data = [("id", new.id()), ("hash", new.hash()), ("owner", "a"), ("expiresAt", "2027-01-15T09:00:00Z")];
        let (set, _) = ApiKeySet::new([record(&data)]);
        assert_eq!(judge(&set, text, at(0)), Ok(()));
        assert_eq!(judge(&set, KEY, at(0)), Err(Reason::KeyUnknown));
    }
    assert_eq!(letters.len(), 62, "2,752 draws miss one of 62 letters less than once in 10^17");
}
