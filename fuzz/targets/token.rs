//! Credentials of any form are refused, but for those that were issued, byte for byte as they were issued.
//!
//! Input: a token, an API key, or a key set; or, after a byte 1, the header and the claims of a token in JSON with a line
//! feed between, so that what lies beneath base64url is reached as well.

#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bearward::clock::UnixTime;
use bearward::jose::{ApiKey, ApiKeyRecord, ApiKeySet, Expectation, KeySet, Profile, Terms, Token};
use libfuzzer_sys::fuzz_target;

const KEYS: &str = include_str!("../corpus/token/key-set");
const TOKENS: [&str; 3] = [
    include_str!("../corpus/token/es256"),
    include_str!("../corpus/token/ed25519"),
    include_str!("../corpus/token/ps256"),
];
const API_KEY: &str = include_str!("../corpus/token/api-key");
const API_KEY_HASH: &[u8] = b"sha256:6396e1ae4b5d5da20ee655c170ceb4579cbad14fadc57824be509954c96a852a";
/// Within the time of the tokens above.
const NOW: UnixTime = UnixTime::from_secs(1_700_000_060);

struct Known {
    keys: KeySet,
    expectations: [Expectation; 2],
    api_keys: ApiKeySet,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let (keys, skipped) = KeySet::parse(KEYS.as_bytes()).expect("the corpus has a key set");
    assert!(skipped.is_empty() && keys.len() == TOKENS.len());
    let record = [
        ("id", &b"GSSPUUwR3B4B"[..]),
        ("hash", API_KEY_HASH),
        ("expiresAt", b"2030-01-01T00:00:00Z"),
        ("owner", b"alice"),
    ];
    let record = ApiKeyRecord::parse(record, []).expect("the record is well-formed");
    let known = Known {
        keys,
        expectations: [Profile::Rfc9068, Profile::Generic].map(expectation),
        api_keys: ApiKeySet::new([record]).0,
    };
    // Were these refused, the target would prove nothing.
    for token in TOKENS {
        for expectation in &known.expectations {
            assert!(is_accepted(&known, expectation, token));
        }
    }
    let key = ApiKey::parse(API_KEY).expect("the corpus has an API key");
    assert!(known.api_keys.verify(&key, NOW).is_ok());
    known
});

fn expectation(profile: Profile) -> Expectation {
    let terms = Terms {
        issuer: "https://idp.example.com".to_owned(),
        audiences: vec!["orders".to_owned()],
        algorithms: ["ES256", "Ed25519", "EdDSA", "PS256", "RS256"].map(str::to_owned).into(),
        profile,
        max_lifetime: None,
        max_age: None,
        leeway: std::time::Duration::from_secs(30),
        scope_claim: None,
    };
    Expectation::new(terms).expect("the terms are safe")
}

fn is_accepted(known: &Known, expectation: &Expectation, text: &str) -> bool {
    Token::parse(text).and_then(|token| expectation.verify(token, &known.keys, NOW)).is_ok()
}

fuzz_target!(|data: &[u8]| {
    let known = &*KNOWN;
    if let Some(parts) = data.strip_prefix(b"\x01") {
        let (header, claims) = split(parts);
        let text = [header, claims, b"signature"].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        present(known, &text);
        return;
    }
    if let Ok((keys, skipped)) = KeySet::parse(data) {
        assert!(keys.len() + skipped.len() <= data.len());
        let (again, _) = KeySet::parse(data).expect("it was parsed before");
        assert_eq!(keys.content_hash(), again.content_hash());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        present(known, text);
    }
});

fn split(parts: &[u8]) -> (&[u8], &[u8]) {
    let place = parts.iter().position(|byte| *byte == b'\n').unwrap_or(parts.len());
    let (header, rest) = parts.split_at(place);
    (header, rest.get(1..).unwrap_or_default())
}

fn present(known: &Known, text: &str) {
    if let Ok(key) = ApiKey::parse(text) {
        assert!(known.api_keys.verify(&key, NOW).is_err() || text == API_KEY, "an API key that was not issued");
    }
    let Ok(token) = Token::parse(text) else { return };
    for expectation in &known.expectations {
        let checked = expectation.check(&token, NOW);
        let accepted = is_accepted(known, expectation, text);
        assert!(!accepted || checked.is_ok(), "verified, although its claims do not pass");
        assert!(!accepted || TOKENS.contains(&text), "a token that nobody signed in this form");
    }
}
