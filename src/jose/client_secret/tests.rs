//! Which secrets of clients are taken, and what is kept of them.

use aws_lc_rs::rand::SystemRandom;

use super::{ClientSecret, ClientSecretRecord, InvalidClientSecret, NewClientSecret, checksum};
use crate::clock::UnixTime;
use crate::jose::api_key::parse_hash;
use crate::jose::tests::assert_rows;
use crate::jose::{NewApiKey, Reason, base64url};

/// 32 bytes of 0xfb: all that base64url has beyond letters and digits.
const SECRET: &str = "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s";
const HASH: &str = "sha256:d11835ca7edbd11d612c89ccda97f8054dde4f78485ff5b589336e8bd9e35315";
const OTHER_HASH: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// 2027-01-15T08:00:00Z.
const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(NOW + seconds)
}

/// A secret of this random part with the right checksum.
fn text(secret: &str) -> String {
    let checked = format!("bws_{secret}");
    let checksum = checksum::of(&checked);
    checked + &checksum
}

fn parse(text: &str) -> Result<String, Reason> {
    ClientSecret::parse(text).map(|secret| secret.hash())
}

#[test]
fn a_secret_has_one_form() {
    let good = text(SECRET);
    let malformed = || Err(Reason::ClientSecretMalformed);
    assert_rows([
        ("nothing", parse(""), malformed()),
        ("the prefix", parse("bws_"), malformed()),
        ("another prefix", parse(&good.replacen("bws_", "bwx_", 1)), malformed()),
        ("an API key's prefix", parse(&good.replacen("bws_", "bw_", 1)), malformed()),
        ("the prefix in other case", parse(&good.replacen("bws_", "BWS_", 1)), malformed()),
        ("a secret of 42", parse(&text(&SECRET[1..])), malformed()),
        ("a secret of 44", parse(&text(&format!("{SECRET}A"))), malformed()),
        ("a secret with a plus", parse(&text(&SECRET.replacen('-', "+", 1))), malformed()),
        ("a secret with other letters", parse(&text(&SECRET.replacen("-_", "é", 1))), malformed()),
        ("a bit set that stands for nothing", parse(&text(&SECRET.replace("-_s", "-_t"))), malformed()),
        ("a space before", parse(&format!(" {good}")), malformed()),
        ("a line feed after", parse(&format!("{good}\n")), malformed()),
        ("no checksum", parse(&good[..good.len() - 6]), malformed()),
        ("the checksum cut", parse(&good[..good.len() - 1]), malformed()),
        ("something after it", parse(&format!("{good}0")), malformed()),
        ("a letter changed", parse(&good.replacen('v', "w", 1)), malformed()),
        ("two letters exchanged", parse(&good.replacen("v7", "7v", 1)), malformed()),
        ("as it was made", parse(&good), Ok(HASH.to_owned())),
    ]);
    assert!(ClientSecret::claims_to_be_one("bws_") && !ClientSecret::claims_to_be_one("bw_s"));
}

#[test]
fn a_secret_is_taken_until_just_before_its_end() {
    let (good, other) = (text(SECRET), text(&base64url::encode([7; 32])));
    let hash = |text: &str| parse_hash(text).unwrap();
    let judge = |text: &str, known: &[([u8; 32], Option<UnixTime>)], now: UnixTime| {
        ClientSecret::parse(text).unwrap().verify(known, now)
    };
    let own = |until: Option<i64>| (hash(HASH), until.map(at));
    let zeros = |until: Option<i64>| (hash(OTHER_HASH), until.map(at));
    let (wrong, expired) = (Err(Reason::ClientSecretWrong), Err(Reason::ClientSecretExpired));
    let last = UnixTime::from_millis((NOW + 60) * 1000 - 1);
    assert_rows([
        ("none is known", judge(&good, &[], at(0)), wrong),
        ("another is known", judge(&good, &[zeros(None)], at(0)), wrong),
        ("another is presented", judge(&other, &[own(None), zeros(None)], at(0)), wrong),
        ("another is presented after the end", judge(&other, &[own(Some(60))], at(61)), wrong),
        ("at its end", judge(&good, &[own(Some(60))], at(60)), expired),
        ("long after", judge(&good, &[own(Some(60)), zeros(None)], at(1_000_000)), expired),
        ("both times over", judge(&good, &[own(Some(60)), own(Some(50))], at(60)), expired),
        ("just before its end", judge(&good, &[own(Some(60))], last), Ok(())),
        ("without an end", judge(&good, &[own(None)], at(1_000_000_000)), Ok(())),
        ("the one before, in its time", judge(&good, &[zeros(None), own(Some(60))], last), Ok(())),
        ("the one before, at its end", judge(&good, &[zeros(None), own(Some(60))], at(60)), expired),
        ("twice, one ended", judge(&good, &[own(Some(0)), own(None)], at(60)), Ok(())),
        ("twice, the other ended", judge(&good, &[own(None), own(Some(0))], at(60)), Ok(())),
    ]);
}

type Known = Vec<([u8; 32], Option<UnixTime>)>;

/// What the record of these members knows.
fn record(data: &[(&str, &str)]) -> Result<Known, InvalidClientSecret> {
    let data = data.iter().map(|(name, value)| (*name, value.as_bytes()));
    ClientSecretRecord::parse(data).map(|record| record.into_known().into_vec())
}

#[test]
fn a_record_is_complete_and_has_nothing_else() {
    use InvalidClientSecret as Invalid;
    let (own, other) = (parse_hash(HASH).unwrap(), parse_hash(OTHER_HASH).unwrap());
    let with = |name: &str, value: &str| record(&[("hash", HASH), (name, value)]);
    let plain = |name: &str| Err(Invalid::PlainSecret(name.to_owned()));
    let (good, end) = (text(SECRET), "2027-01-15T09:00:00Z");
    let api_key = NewApiKey::generate(&SystemRandom::new()).unwrap();
    let api_key = std::str::from_utf8(api_key.text().expose()).unwrap();
    let overlap = |data: &[(&str, &str)]| record(&[&[("hash", HASH)], data].concat());
    assert_rows([
        ("nothing", record(&[]), Err(Invalid::Missing("hash"))),
        ("an end alone", record(&[("expiresAt", end)]), Err(Invalid::Missing("hash"))),
        ("an unknown member", with("expires", end), Err(Invalid::Unknown("expires".to_owned()))),
        ("a member in other case", with("expiresat", end), Err(Invalid::Unknown("expiresat".to_owned()))),
        ("a hash without its kind", record(&[("hash", &HASH[7..])]), Err(Invalid::BadHash("hash"))),
        ("a hash in upper case", record(&[("hash", &HASH.to_uppercase())]), Err(Invalid::BadHash("hash"))),
        ("a hash cut", record(&[("hash", &HASH[..70])]), Err(Invalid::BadHash("hash"))),
        ("the secret for its hash", record(&[("hash", &good)]), plain("hash")),
        ("its random part for its hash", record(&[("hash", SECRET)]), plain("hash")),
        ("a mistyped secret", with("note", &good.replacen('v', "w", 1)), plain("note")),
        ("the secret beside its hash", with("secret", &format!("it is {good}")), plain("secret")),
        ("an API key", with("note", api_key), plain("note")),
        ("an end that is a date", with("expiresAt", "2027-01-15"), Err(Invalid::BadTime("expiresAt"))),
        ("never", with("expiresAt", "never"), Err(Invalid::BadTime("expiresAt"))),
        ("the one before without an end", with("previousHash", OTHER_HASH), Err(Invalid::Missing("previousExpiresAt"))),
        ("an end of nothing", with("previousExpiresAt", end), Err(Invalid::Missing("previousHash"))),
        (
            "the hash of the one before is none",
            overlap(&[("previousHash", "sha256:"), ("previousExpiresAt", end)]),
            Err(Invalid::BadHash("previousHash")),
        ),
        (
            "the end of the one before is none",
            overlap(&[("previousHash", OTHER_HASH), ("previousExpiresAt", "soon")]),
            Err(Invalid::BadTime("previousExpiresAt")),
        ),
        ("a hash", record(&[("hash", HASH)]), Ok(vec![(own, None)])),
        (
            "with line feeds",
            record(&[("hash", &format!("{HASH}\n")), ("expiresAt", "2027-01-15T09:00:00Z\n")]),
            Ok(vec![(own, Some(at(3600)))]),
        ),
        (
            "two, while one replaces the other",
            overlap(&[("previousHash", OTHER_HASH), ("previousExpiresAt", end)]),
            Ok(vec![(own, None), (other, Some(at(3600)))]),
        ),
    ]);
    let not_text = [("hash", b"\xff".as_slice())];
    assert_eq!(ClientSecretRecord::parse(not_text).map(|_| ()), Err(Invalid::NotText("hash")));
}

#[test]
fn a_record_says_when_the_secret_ends_and_prints_nothing() {
    let parse = |data: &[(&str, &str)]| {
        ClientSecretRecord::parse(data.iter().map(|(name, value)| (*name, value.as_bytes()))).unwrap()
    };
    let end = "2027-01-15T09:00:00Z";
    let endless = parse(&[("hash", HASH), ("previousHash", OTHER_HASH), ("previousExpiresAt", end)]);
    assert_eq!(endless.expires(), None);
    let record = parse(&[("hash", HASH), ("expiresAt", end)]);
    assert_eq!(record.expires(), Some(at(3600)));
    assert_eq!(format!("{record:?}"), "ClientSecretRecord { .. }");
}

#[test]
fn a_new_secret_is_taken_by_its_record_alone() {
    let secrets: Vec<NewClientSecret> =
        (0..32).map(|_| NewClientSecret::generate(&SystemRandom::new()).unwrap()).collect();
    let mut hashes = std::collections::BTreeSet::new();
    for new in &secrets {
        let text = std::str::from_utf8(new.text().expose()).unwrap();
        assert_eq!(text.len(), 4 + 43 + 6);
        let secret = ClientSecret::parse(text).unwrap();
        assert_eq!(secret.hash(), new.hash());
        assert_eq!(secret.verify(&record(&[("hash", new.hash())]).unwrap(), at(0)), Ok(()));
        assert_eq!(secret.verify(&record(&[("hash", HASH)]).unwrap(), at(0)), Err(Reason::ClientSecretWrong));
        assert!(hashes.insert(new.hash()));
    }
}
