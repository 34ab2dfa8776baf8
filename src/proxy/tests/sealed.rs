//! Sealed tokens: opaque outside, signed inside, and what upstreams get of them.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use serde_json::json;

use super::gateway::verdicts;
use super::issuer::{CORP, Issuer, api_key, inline, jwt, key_set, policy, token_rule, tokens};
use super::tokens::Guarded;
use crate::finding::Code;
use crate::jose::SealKey;
use crate::snapshot::{
    AcceptedKeys, Access, ApiKeyPlace, AsOf, Credential, Entry, Format, IssuerCell, IssuerKeys, KeyCell, Takes,
};

const OWN: &str = "https://gw.example.com/shop";

/// An issuer of ours: what signs, what seals, and the cell that opens.
struct Own {
    issuer: Issuer,
    keys: Arc<KeyCell>,
    seal: Arc<SealKey>,
    cell: Arc<IssuerCell>,
}

fn seal() -> Arc<SealKey> {
    Arc::new(SealKey::new(&SealKey::generate(&SystemRandom::new()).unwrap()).unwrap())
}

/// The keys of an issuer that can be opened with these.
fn openers(issuer: &Issuer, seals: &[&Arc<SealKey>]) -> IssuerKeys {
    IssuerKeys {
        signer: Err(Code::KeysUnavailable),
        jwks: json!({ "keys": [issuer.jwk()] }).to_string().into(),
        etag: "\"one\"".into(),
        max_age: Duration::from_mins(5),
        set: key_set(&[issuer.jwk()]),
        openers: seals.iter().map(|seal| ("kid".into(), Arc::clone(seal))).collect(),
        kids: [].into(),
        lives: [].into(),
    }
}

impl Own {
    fn new() -> Self {
        let (issuer, seal) = (Issuer::new(OWN), seal());
        // The one before it is still published.
        let cell = IssuerCell::new(openers(&issuer, &[&self::seal(), &seal]));
        Self { keys: inline(&[issuer.jwk()]), issuer, seal, cell }
    }

    fn sealed(&self, token: &str) -> String {
        self.seal.seal(token).unwrap()
    }

    fn entry(&self, format: Format) -> Entry {
        let mut entry = jwt("own", OWN, &self.keys);
        if let Takes::Jwt(jwt) = &mut entry.takes {
            jwt.issued = Some(Arc::clone(&self.cell));
            jwt.format = format;
        }
        entry
    }

    fn access(&self, format: Format, credential: Credential) -> Access {
        access(vec![self.entry(format)], credential)
    }
}

fn access(entries: Vec<Entry>, credential: Credential) -> Access {
    let mut policy = policy("partners", entries);
    policy.forwarding.credential = credential;
    tokens(vec![token_rule(policy)])
}

#[test]
fn a_sealed_token_is_taken_by_the_entry_of_our_own_and_judged_by_what_is_inside() {
    let own = Own::new();
    let corp = Issuer::new(CORP);
    let entries = vec![jwt("corp", CORP, &inline(&[corp.jwk()])), own.entry(Format::Opaque)];
    let mut guarded = Guarded::new(access(entries, Credential::Strip));
    let good = own.sealed(&own.issuer.token());
    let changed = format!("{}{}", &good[..good.len() - 1], if good.ends_with('A') { 'Q' } else { 'A' });
    let expired = own.issuer.token_with(|claims| drop(claims.insert("exp".to_owned(), json!(1))));
    let rows = [
        (seal().seal(&own.issuer.token()).unwrap(), 401, "seal_unknown"),
        (changed, 401, "seal_unknown"),
        ("bwt_".to_owned(), 401, "seal_unknown"),
        (format!("bwt_{}", "A".repeat(12_000)), 401, "token_too_large"),
        (own.sealed("x"), 401, "malformed_token"),
        (own.sealed(&expired), 401, "expired"),
        // Whoever has the seal can make none.
        (own.sealed(&Issuer::new(OWN).token()), 401, "unknown_kid"),
        (own.sealed(&corp.token()), 401, "iss_unknown"),
        (own.sealed(&own.sealed(&own.issuer.token())), 401, "malformed_token"),
        // It has never been outside.
        (own.issuer.token(), 401, "not_sealed"),
        (corp.token(), 200, ""),
        (good.clone(), 200, ""),
    ];
    for (token, status, reason) in &rows {
        let (reply, forwarded) = guarded.ask_for("GET", "/a", &format!("Authorization: Bearer {token}\r\n"));
        assert_eq!(reply.status(), *status, "{reason}");
        assert!(forwarded.is_none_or(|forwarded| forwarded.field("authorization").is_none()), "{reason}");
    }
    let log = guarded.gateway.stop();
    let expected: Vec<_> = rows.iter().map(|(_, status, reason)| (u64::from(*status), *reason)).collect();
    assert_eq!(verdicts(&log), expected);
    assert_eq!(log[11]["policy"], "shop/partners/own");
    assert!(!log.iter().any(|line| line.to_string().contains("bwt_")), "a token is in the log");
}

#[test]
fn a_sealed_token_is_none_where_nobody_can_open_it() {
    let (own, corp) = (Own::new(), Issuer::new(CORP));
    let good = own.sealed(&own.issuer.token());
    let mut guarded = Guarded::new(access(vec![jwt("corp", CORP, &inline(&[corp.jwk()]))], Credential::Strip));
    assert_eq!(guarded.bearer(&good).status(), 401);
    assert_eq!(verdicts(&guarded.gateway.stop()), [(401, "iss_unknown")]);

    let (entry, _) = api_key("keys", &[ApiKeyPlace::XApiKey], "2030-01-01T00:00:00Z");
    let mut guarded = Guarded::new(access(vec![entry, own.entry(Format::Opaque)], Credential::Strip));
    let (reply, _) = guarded.ask_for("GET", "/a", &format!("x-api-key: {good}\r\n"));
    assert_eq!(reply.status(), 401);
    assert_eq!(verdicts(&guarded.gateway.stop()), [(401, "malformed_token")]);

    // What cannot be opened for want of keys may well be good.
    let mut guarded = Guarded::new(own.access(Format::Opaque, Credential::Strip));
    own.cell.store(openers(&own.issuer, &[]));
    own.keys.store(AcceptedKeys::Unavailable { code: Code::SecretNotFound, retry: None });
    let reply = guarded.bearer(&good);
    assert_eq!((reply.status(), reply.field("www-authenticate")), (503, None));
    assert_eq!(verdicts(&guarded.gateway.stop()), [(503, "SecretNotFound")]);
}

#[test]
fn a_sealed_token_that_is_known_is_not_opened_again() {
    let own = Own::new();
    let mut guarded = Guarded::new(own.access(Format::Opaque, Credential::Strip));
    let good = own.sealed(&own.issuer.token());
    assert_eq!(guarded.bearer(&good).status(), 200);
    own.cell.store(openers(&own.issuer, &[]));
    assert_eq!(guarded.bearer(&good).status(), 200);
    let metrics = guarded.gateway.metrics();
    assert!(metrics.contains("bearward_token_cache_total{result=\"hit\"} 1\n"), "{metrics}");
    // A compromised key takes the verdict with it.
    own.keys.store(AcceptedKeys::Known { set: key_set(&[]), as_of: AsOf::Always });
    assert_eq!(guarded.bearer(&good).status(), 401);
    assert_eq!(verdicts(&guarded.gateway.stop()), [(200, ""), (200, ""), (401, "seal_unknown")]);
}

#[test]
fn a_token_that_cannot_be_opened_for_the_upstream_any_more_is_to_be_tried_again() {
    let own = Own::new();
    let mut guarded = Guarded::new(own.access(Format::Opaque, Credential::Sign));
    let good = own.sealed(&own.issuer.token());
    assert_eq!(guarded.bearer(&good).status(), 200);
    own.cell.store(openers(&own.issuer, &[]));
    let reply = guarded.bearer(&good);
    assert_eq!((reply.status(), reply.field("retry-after"), reply.field("www-authenticate")), (503, Some("1"), None));
    assert_eq!(verdicts(&guarded.gateway.stop()), [(200, ""), (503, "keys_unavailable")]);
}

#[test]
fn a_signed_token_that_was_known_is_refused_once_clients_get_sealed_ones_alone() {
    let own = Own::new();
    let mut guarded = Guarded::new(own.access(Format::Jwt, Credential::Strip));
    let token = own.issuer.token();
    assert_eq!(guarded.bearer(&token).status(), 200);
    assert_eq!(guarded.bearer(&own.sealed(&token)).status(), 200, "either is taken");
    let tables = super::tables::Tables::default();
    let unreachable = super::tables::forward("127.0.0.1:1".parse().unwrap());
    let access = own.access(Format::Opaque, Credential::Strip);
    let rule = crate::snapshot::Stages { access, ..super::tables::stages(unreachable) };
    guarded.gateway.publish(tables.rule("/", rule).snapshot());
    assert_eq!(guarded.bearer(&token).status(), 401);
    assert_eq!(verdicts(&guarded.gateway.stop())[2], (401, "not_sealed"));
}

#[test]
fn an_upstream_may_get_what_is_inside() {
    let own = Own::new();
    let corp = Issuer::new(CORP);
    let (entry, key) = api_key("keys", &[ApiKeyPlace::Bearer], "2030-01-01T00:00:00Z");
    let token = own.issuer.token();
    let sealed = own.sealed(&token);
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    for (format, shown, forwarded) in [
        (Format::Opaque, corp.token(), None),
        (Format::Opaque, key, None),
        (Format::Opaque, sealed.clone(), bearer(&token)),
        (Format::Jwt, sealed, bearer(&token)),
        (Format::Jwt, token.clone(), bearer(&token)),
    ] {
        let (keys, _) = api_key("unused", &[ApiKeyPlace::XApiKey], "2030-01-01T00:00:00Z");
        let entries = vec![jwt("corp", CORP, &inline(&[corp.jwk()])), own.entry(format), keys];
        let mut guarded = Guarded::new(access(entries, Credential::Sign));
        if shown.starts_with("bw_") {
            guarded = Guarded::new(access(vec![own.entry(format), entry_of(&entry)], Credential::Sign));
        }
        for _ in 0..2 {
            let (reply, got) = guarded.ask_for("GET", "/a", &format!("Authorization: bearer {shown}\r\n"));
            assert_eq!(reply.status(), 200, "{shown}");
            let got = got.unwrap();
            // A scheme may be written in any case.
            let got = got.field("authorization").map(|field| field.replacen("bearer", "Bearer", 1));
            assert_eq!(got, forwarded, "{format:?}: {shown}");
        }
    }
}

/// The same entry once more.
fn entry_of(entry: &Entry) -> Entry {
    let Takes::ApiKeys(keys) = &entry.takes else { panic!("no keys") };
    let takes =
        Takes::ApiKeys(crate::snapshot::ApiKeyEntry { keys: Arc::clone(&keys.keys), places: keys.places.clone() });
    Entry { name: Arc::clone(&entry.name), label: entry.label.clone(), takes }
}

#[test]
fn an_open_rule_passes_no_sealed_token_on() {
    let mut guarded = Guarded::new(Access::Anonymous);
    for (field, stays) in [("Authorization: Bearer bwt_AAAA", false), ("Authorization: Bearer x", true)] {
        let (_, forwarded) = guarded.ask_for("GET", "/a", &format!("{field}\r\n"));
        assert_eq!(forwarded.unwrap().field("authorization").is_some(), stays, "{field}");
    }
}

#[test]
fn a_source_of_sealed_forgeries_waits_before_another_one_is_opened() {
    let own = Own::new();
    let mut guarded = Guarded::new(own.access(Format::Opaque, Credential::Strip));
    let known = own.sealed(&own.issuer.token());
    assert_eq!(guarded.bearer(&known).status(), 200);
    for _ in 0..50 {
        assert_eq!(guarded.bearer("bwt_AAAA").status(), 401);
    }
    assert_eq!(guarded.bearer("bwt_AAAA").status(), 429);
    assert_eq!(guarded.bearer(&own.sealed(&own.issuer.token())).status(), 429);
    assert_eq!(guarded.bearer(&known).status(), 200, "one that is known is not opened");
    assert!(guarded.gateway.metrics().contains("bearward_signature_checks_limited_total 2\n"));
}
