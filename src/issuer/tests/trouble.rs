//! What is our trouble, or our environment's, is a 503 and never a 4xx.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::server::{ACCESS_TOKEN, ASSERTION, START, Server, Setup, URL, form, known, proof};
use crate::clock::UnixTime;
use crate::finding::Code;
use crate::issuer::exchange::GRANT_TYPE;
use crate::issuer::grants::JWT_BEARER;
use crate::jose::{Algorithm, KeySet, SigningKey};
use crate::snapshot::{AcceptedKeys, AsOf, Endpoint, Format};
use crate::state::Replays;
use crate::store::{Answer, Record, Store, StoreError, Version};
use crate::telemetry::Denial;

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// A store that cannot be reached.
struct Away;

impl Store for Away {
    fn get<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(std::future::ready(Err(StoreError::Unavailable("away".to_owned()))))
    }

    fn put<'a>(&'a self, _: &'a str, _: Bytes, _: Option<Version>, _: UnixTime) -> Answer<'a, Version> {
        Box::pin(std::future::ready(Err(StoreError::Full)))
    }
}

#[test]
fn without_a_key_to_sign_with_the_answer_names_the_finding() {
    let server = Server::with(Setup { signer: Some(Code::SecretNotFound), ..Setup::default() });
    let told = server.batch(&[GRANT]);
    assert_eq!(told.refusal(), (503, "temporarily_unavailable", "SecretNotFound"));
    assert_eq!((told.text("code"), told.field("retry-after")), ("SecretNotFound", Some("10")));
    // Whoever may have nothing anyway is told so.
    assert_eq!(server.client("idle", &[GRANT]).refusal(), (400, "unauthorized_client", "grant_not_allowed"));
}

#[test]
fn a_secret_that_cannot_be_read_is_nobodys_wrong_secret() {
    let server = Server::new();
    let told = server.client("gone", &[GRANT]);
    assert_eq!(told.refusal(), (503, "temporarily_unavailable", "SecretNotFound"));
    assert_eq!((told.field("retry-after"), told.field("www-authenticate")), (Some("10"), None));
}

#[test]
fn without_a_store_nothing_is_said_that_it_would_have_to_say() {
    let server = Server::with(Setup { store: Some(Arc::new(Away)), ..Setup::default() });
    let unavailable = (503, "temporarily_unavailable", "store_unavailable");
    let access = server.batch(&[GRANT]).text("access_token").to_owned();
    let told = server.exchange(&server.corp_token(json!({})), &[]);
    assert_eq!((told.refusal(), told.field("retry-after")), (unavailable, Some("1")));
    assert_eq!(server.exchange(&access, &[]).refusal(), unavailable);
    for endpoint in [Endpoint::Introspection, Endpoint::Revocation] {
        let fields = [("authorization", server.basic("batch"))];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(server.post(endpoint, &fields, &[("token", &access)]).refusal(), unavailable);
    }
    // A client that has no refresh tokens needs no store for an outside subject.
    let subject = server.corp_token(json!({}));
    let parameters = [("grant_type", GRANT_TYPE), ("subject_token", &subject), ("subject_token_type", ACCESS_TOKEN)];
    assert_eq!(server.client("plain", &parameters).status, 200);
}

#[test]
fn what_cannot_be_remembered_is_not_taken() {
    let replays = Replays::new(START);
    let mut key = [0; 32];
    // Half of sixty-four shards of 2,048 is the issuer's, and chance decides which one it is.
    for number in 0..200_000_u32 {
        key[..4].copy_from_slice(&number.to_le_bytes());
        let _ = replays.first("shop/issuer", &key, START, START.plus(Duration::from_hours(1)), START);
    }
    let server = Server::with(Setup { replays: Some(Arc::new(replays)), ..Setup::default() });
    let full = (503, "temporarily_unavailable", "replays_full");
    let holder = SigningKey::generate(Algorithm::ES256).unwrap();
    let (basic, proof) = (server.basic("batch"), proof(&holder, json!({})));
    let fields = [("authorization", basic.as_str()), ("dpop", proof.as_str())];
    assert_eq!(server.post(Endpoint::Token, &fields, &[GRANT]).refusal(), full);
    let assertion = server.assertion(json!({}));
    let parameters = [GRANT, ("client_assertion", &assertion), ("client_assertion_type", ASSERTION)];
    assert_eq!(server.post(Endpoint::Token, &[], &parameters).refusal(), full);
    let grant = server.corp_token(json!({"aud": URL}));
    assert_eq!(server.batch(&[("grant_type", JWT_BEARER), ("assertion", &grant)]).refusal(), full);
}

#[test]
fn every_denial_is_produced_by_a_test() {
    let tests = [
        include_str!("clients.rs"),
        include_str!("dpop.rs"),
        include_str!("exchange.rs"),
        include_str!("forms.rs"),
        include_str!("grants.rs"),
        include_str!("inspection.rs"),
        include_str!("refresh.rs"),
        include_str!("trouble.rs"),
    ]
    .concat();
    for denial in Denial::ALL {
        // Its cause cannot be made: the library takes no other source of randomness than its own.
        let is_tested = *denial == Denial::SigningFailed || tests.contains(&format!("\"{}\"", denial.as_str()));
        assert!(is_tested, "{denial:?}");
    }
}

#[test]
fn keys_that_are_not_there_are_waited_for_once() {
    let fetched = |server: &Server, began: UnixTime, next: UnixTime, keys: &AcceptedKeys| match keys {
        AcceptedKeys::Known { set, .. } => {
            server.corp_keys.store(AcceptedKeys::Known { set: set.clone(), as_of: AsOf::Fetch { began, next } });
        }
        AcceptedKeys::Unavailable { .. } => panic!("no keys"),
    };
    let none = || AcceptedKeys::Known { set: KeySet::default(), as_of: AsOf::Always };
    let server = Server::new();
    let subject = server.corp_token(json!({}));
    let unavailable = |word| (503, "temporarily_unavailable", word);

    // Fetched after the token was made: there is no such key.
    fetched(&server, START.plus(Duration::from_secs(1)), START, &none());
    assert_eq!(server.exchange(&subject, &[]).refusal(), (400, "invalid_request", "unknown_kid"));
    // The next fetch is too far away to wait for.
    fetched(&server, START, START.plus(Duration::from_secs(9)), &none());
    let told = server.exchange(&subject, &[]);
    assert_eq!((told.refusal(), told.field("retry-after")), (unavailable("key_not_fetched_yet"), Some("9")));
    // None that anybody will fetch.
    server.corp_keys.store(AcceptedKeys::Unavailable { code: Code::SecretNotFound, retry: None });
    assert_eq!(server.exchange(&subject, &[]).refusal(), unavailable("SecretNotFound"));
    // What is wrong without any key is wrong with it now.
    let ended = server.corp_token(json!({"exp": START.secs() - 31}));
    assert_eq!(server.exchange(&ended, &[]).refusal(), (400, "invalid_request", "expired"));

    // The fetch that the request asks for brings the key, or does not.
    for brings in [true, false] {
        fetched(&server, START, START, &none());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let basic = server.basic("batch");
        let body =
            form(&[("grant_type", GRANT_TYPE), ("subject_token", &subject), ("subject_token_type", ACCESS_TOKEN)]);
        let fields = [("content-type", "application/x-www-form-urlencoded"), ("authorization", basic.as_str())];
        let told = runtime.block_on(async {
            let asking = server.asking(Endpoint::Token, (&Method::POST, None), &fields, &body);
            let fetching = async {
                server.corp_keys.asked().await;
                if brings {
                    fetched(&server, START, START, &known(&[&server.corp]));
                } else {
                    server.clock.advance(Duration::from_secs(2));
                }
            };
            tokio::join!(asking, fetching).0
        });
        let expected = if brings { (200, "", "") } else { unavailable("key_not_fetched_yet") };
        assert_eq!(told.refusal(), expected);
    }
}

#[test]
fn a_sealed_token_that_cannot_be_opened_is_a_forgery() {
    let server = Server::with(Setup { format: Format::Opaque, ..Setup::default() });
    let given = server.exchange(&server.corp_token(json!({})), &[]);
    let good = given.text("access_token");
    for _ in 0..50 {
        assert_eq!(server.exchange("bwt_AAAA", &[]).reason, "seal_unknown");
    }
    let limited = (429, "temporarily_unavailable", "source_limited");
    assert_eq!(server.exchange("bwt_AAAA", &[]).refusal(), limited);
    assert_eq!(server.exchange(good, &[]).refusal(), limited);
    server.clock.advance(Duration::from_millis(100));
    assert_eq!(server.exchange(good, &[]).status, 200);
}

#[test]
fn a_source_of_forgeries_waits_before_another_signature_is_checked() {
    let server = Server::new();
    let good = server.corp_token(json!({}));
    let end = if good.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{end}", &good[..good.len() - 1]);
    for _ in 0..50 {
        assert_eq!(server.exchange(&forged, &[]).reason, "bad_signature");
    }
    let told = server.exchange(&good, &[]);
    assert_eq!(told.refusal(), (429, "temporarily_unavailable", "source_limited"));
    assert_eq!(server.exchange(&server.corp_token(json!({"aud": "x"})), &[]).reason, "aud_mismatch");
    // As on routes: what no signature is needed for is said.
    assert_eq!(server.exchange(&Server::new().corp_token(json!({})), &[]).reason, "unknown_kid");
    assert_eq!(server.exchange("bwt_AAAA", &[]).reason, "source_limited");
    assert_eq!(server.batch(&[GRANT]).status, 200, "who needs none is not concerned");
}
