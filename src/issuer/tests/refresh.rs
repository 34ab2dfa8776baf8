//! What a family is worth later: by the policy, the keys and the clock of then.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::server::{Server, Told};
use crate::finding::Code;
use crate::issuer::exchange::GRANT_TYPE;
use crate::jose::{ApiKey, ApiKeyRecord, ApiKeySet, NewApiKey};
use crate::snapshot::{AcceptedApiKeys, Endpoint, Subject, Takes};

const API_KEY: &str = "urn:bearward:params:oauth:token-type:api-key";
const GONE: (u16, &str, &str) = (400, "invalid_grant", "refresh_origin");

fn refresh(server: &Server, token: &str, more: &[(&str, &str)]) -> Told {
    server.batch(&[&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat())
}

fn from_corp(server: &Server) -> String {
    server.exchange(&server.corp_token(json!({})), &[]).text("refresh_token").to_owned()
}

fn from_key(server: &Server) -> String {
    let parameters = [("grant_type", GRANT_TYPE), ("subject_token", &*server.api_key), ("subject_token_type", API_KEY)];
    server.batch(&parameters).text("refresh_token").to_owned()
}

/// The keys that are taken from now on.
fn take_keys(server: &Server, keys: AcceptedApiKeys) {
    let Takes::ApiKeys(entry) = &subject(server, "keys").entry.takes else { panic!("no keys") };
    entry.keys.store(Arc::new(keys));
}

fn subject<'s>(server: &'s Server, label: &str) -> &'s Subject {
    server.issuer.subjects.iter().find(|subject| *subject.entry.label == *label).unwrap()
}

fn boxes(names: &[&str]) -> Box<[Box<str>]> {
    names.iter().map(|name| Box::from(*name)).collect()
}

/// The key of the server as a record, with this hash, end and scopes.
fn record(server: &Server, hash: Option<&str>, end: &str, scopes: &str) -> AcceptedApiKeys {
    let key = ApiKey::parse(&server.api_key).unwrap();
    let own = key.hash();
    let data = [
        ("id", key.id()),
        ("hash", hash.unwrap_or(&own)),
        ("owner", "team-shop"),
        ("expiresAt", end),
        ("scopes", scopes),
    ];
    let data = data.map(|(name, value)| (name, value.as_bytes()));
    AcceptedApiKeys::Known(ApiKeySet::new([ApiKeyRecord::parse(data, []).unwrap()]).0)
}

#[test]
fn a_family_whose_entry_is_gone_or_for_another_issuer_gives_nothing_and_loses_nothing() {
    let mut server = Server::new();
    let token = from_corp(&server);
    let key = from_key(&server);
    server.issuer.subjects[0].entry.label = "renamed".into();
    assert_eq!(refresh(&server, &token, &[]).refusal(), GONE);
    // The entry of that name takes the tokens of another issuer.
    server.issuer.subjects[1].entry.label = "corp".into();
    assert_eq!(refresh(&server, &token, &[]).refusal(), GONE);
    // Or keys, and that of the keys takes tokens.
    server.issuer.subjects[1].entry.label = "keys".into();
    server.issuer.subjects[2].entry.label = "corp".into();
    assert_eq!(refresh(&server, &token, &[]).refusal(), GONE);
    assert_eq!(refresh(&server, &key, &[]).refusal(), GONE);
    for (place, label) in ["corp", "lax", "keys"].into_iter().enumerate() {
        server.issuer.subjects[place].entry.label = label.into();
    }
    assert_eq!((refresh(&server, &token, &[]).status, refresh(&server, &key, &[]).status), (200, 200));
}

#[test]
fn an_actor_must_still_be_taken_too() {
    let server = Server::new();
    let subject = server.corp_token(json!({}));
    let told = server.exchange(&subject, &[("actor_token", &server.api_key), ("actor_token_type", API_KEY)]);
    let token = told.text("refresh_token").to_owned();
    let again = refresh(&server, &token, &[]);
    assert_eq!(again.claims()["act"], json!({"sub": "keys|team-shop"}));
    assert_eq!(again.claims()["scope"], "orders:read orders:write", "an actor takes no scopes");
    take_keys(&server, AcceptedApiKeys::Known(ApiKeySet::default()));
    assert_eq!(refresh(&server, again.text("refresh_token"), &[]).refusal(), GONE);
}

#[test]
fn a_family_is_worth_no_more_than_entry_client_and_issuer_say_now() {
    let mut server = Server::new();
    let told = server.exchange(&server.corp_token(json!({})), &[("audience", "orders"), ("audience", "billing")]);
    let mut token = told.text("refresh_token").to_owned();
    let narrowed = |server: &Server, token: &mut String| {
        let told = refresh(server, token, &[]);
        token.replace_range(.., told.text("refresh_token"));
        (told.claims()["scope"].clone(), told.claims()["aud"].clone())
    };
    let both = json!(["orders", "billing"]);
    assert_eq!(narrowed(&server, &mut token), (json!("orders:read orders:write"), both.clone()));
    server.issuer.subjects[0].scopes = Some(boxes(&["orders:read", "admin"]));
    assert_eq!(narrowed(&server, &mut token), (json!("orders:read"), both));
    let told = refresh(&server, &token, &[("scope", "orders:write")]);
    assert_eq!(told.refusal(), (400, "invalid_scope", "scope_not_allowed"));
    server.issuer.audiences = boxes(&["orders"]);
    assert_eq!(narrowed(&server, &mut token), (json!("orders:read"), json!("orders")));
    server.issuer.clients[0].scopes = boxes(&["orders:write"]);
    assert_eq!(narrowed(&server, &mut token), (json!(null), json!("orders")));
    server.issuer.clients[0].audiences = boxes(&["billing"]);
    assert_eq!(refresh(&server, &token, &[]).refusal(), (400, "invalid_target", "target_not_allowed"));
}

#[test]
fn a_family_of_an_api_key_needs_the_key_and_ends_with_it() {
    let mut server = Server::new();
    server.issuer.refresh.lifetime = Duration::from_hours(50_000);
    let token = from_key(&server);
    let end = 1_811_808_000;
    let (basic, asked) = (server.basic("batch"), [("token", token.as_str())]);
    let said = server.post(Endpoint::Introspection, &[("authorization", &basic)], &asked);
    assert_eq!(said.body["exp"], end, "2027-06-01");

    let other = NewApiKey::generate(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let (sooner, later) = ("2027-01-15T08:00:09Z", "2027-06-01T00:00:00Z");
    let keys = [
        ("gone", AcceptedApiKeys::Known(ApiKeySet::default())),
        ("another secret", record(&server, Some(other.hash()), later, "")),
        ("ended", record(&server, None, "2027-01-15T08:00:00Z", "")),
    ];
    for (name, keys) in keys {
        take_keys(&server, keys);
        assert_eq!(refresh(&server, &token, &[]).refusal(), GONE, "{name}");
    }
    take_keys(&server, AcceptedApiKeys::Unavailable(Code::SecretNotFound));
    assert_eq!(refresh(&server, &token, &[]).refusal(), (503, "temporarily_unavailable", "SecretNotFound"));
    // The key ends sooner than it did, and so does what comes of it.
    take_keys(&server, record(&server, None, sooner, "orders:write"));
    let told = refresh(&server, &token, &[]);
    assert_eq!((&told.body["expires_in"], &told.body["scope"]), (&json!(9), &json!("orders:read")));
    // Where the entry says nothing, it is worth what the key is.
    server.issuer.subjects[2].scopes = None;
    assert_eq!(refresh(&server, told.text("refresh_token"), &[]).body.get("scope"), None);
}

#[test]
fn a_family_that_ends_this_second_gives_an_invalid_grant_and_its_token_is_not_used_up() {
    let server = Server::new();
    server.clock.advance(Duration::from_millis(500));
    let token = from_corp(&server);
    server.clock.advance(Duration::from_hours(24).saturating_sub(Duration::from_millis(300)));
    assert_eq!(refresh(&server, &token, &[]).refusal(), (400, "invalid_grant", "subject_ending"));
    let (basic, asked) = (server.basic("batch"), [("token", token.as_str())]);
    let said = server.post(Endpoint::Introspection, &[("authorization", &basic)], &asked);
    assert_eq!(said.body["active"], true);
}

#[test]
fn an_access_token_outlives_no_family_of_its_own() {
    let mut server = Server::new();
    server.issuer.refresh.lifetime = Duration::from_secs(30);
    assert_eq!(server.exchange(&server.corp_token(json!({})), &[]).body["expires_in"], 30);
    server.clock.advance(Duration::from_millis(29_500));
    assert_eq!(server.exchange(&server.corp_token(json!({})), &[]).body["expires_in"], 30);
}

#[test]
fn one_subject_with_one_token_gets_so_many_families_and_no_more() {
    let server = Server::new();
    let tokens: Vec<String> = (0..17).map(|_| from_corp(&server)).collect();
    assert_eq!(refresh(&server, &tokens[0], &[]).refusal(), (400, "invalid_grant", "refresh_unknown"));
    for token in &tokens[1..] {
        assert_eq!(refresh(&server, token, &[]).status, 200);
    }
}
