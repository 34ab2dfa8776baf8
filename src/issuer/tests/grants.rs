//! The grants but for the exchange: what each gives, and to whom.

use std::time::Duration;

use serde_json::json;

use super::server::{START, Server, Setup, TOKEN, URL};
use crate::issuer::grants::JWT_BEARER;
use crate::snapshot::Format;

/// Name, client and parameters; status, error and word.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], (u16, &'a str, &'a str));

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[test]
fn rfc_6749_section_4_4_a_client_gets_what_it_may_have_and_no_more() {
    let server = Server::new();
    let rows: &[Row<'_>] = &[
        ("no such grant", "batch", &[("grant_type", "password")], (400, "unsupported_grant_type", "grant_unsupported")),
        ("not its grant", "idle", &[GRANT], (400, "unauthorized_client", "grant_not_allowed")),
        (
            "a scope too much",
            "batch",
            &[GRANT, ("scope", "orders:read admin")],
            (400, "invalid_scope", "scope_not_allowed"),
        ),
        ("no scope", "batch", &[GRANT, ("scope", " ")], (400, "invalid_scope", "scope_not_allowed")),
        ("a scope that is none", "batch", &[GRANT, ("scope", "\"")], (400, "invalid_scope", "scope_not_allowed")),
        (
            "an audience too much",
            "batch",
            &[GRANT, ("audience", "admin")],
            (400, "invalid_target", "target_not_allowed"),
        ),
        (
            "a resource too much",
            "batch",
            &[GRANT, ("audience", "orders"), ("resource", "https://a.example")],
            (400, "invalid_target", "target_not_allowed"),
        ),
        ("all", "batch", &[GRANT], (200, "", "")),
        (
            "less",
            "batch",
            &[GRANT, ("scope", "orders:read"), ("audience", "billing"), ("audience", "orders")],
            (200, "", ""),
        ),
    ];
    for (name, id, parameters, expected) in rows {
        assert_eq!(server.client(id, parameters).refusal(), *expected, "{name}");
    }
    assert_eq!(server.spa(&[GRANT]).refusal(), (400, "unauthorized_client", "grant_not_allowed"));
}

#[test]
fn rfc_9068_a_token_says_what_it_is() {
    let server = Server::new();
    let told = server.batch(&[GRANT]);
    let claims = told.claims();
    let id = claims["jti"].as_str().unwrap();
    assert_eq!(id.len(), 22, "{id}");
    assert_eq!(
        claims,
        json!({
            "iss": URL, "sub": "batch", "client_id": "batch", "aud": "orders", "jti": id,
            "iat": START.secs(), "exp": START.secs() + 600, "scope": "orders:read orders:write",
        })
    );
    let given = json!({
        "access_token": told.text("access_token"), "token_type": "Bearer", "expires_in": 600,
        "scope": "orders:read orders:write",
    });
    assert_eq!(told.body, given);
    assert_ne!(server.batch(&[GRANT]).claims()["jti"], claims["jti"]);
    let less =
        server.batch(&[GRANT, ("scope", "orders:write"), ("resource", "billing"), ("audience", "orders")]).claims();
    assert_eq!((&less["scope"], &less["aud"]), (&json!("orders:write"), &json!(["orders", "billing"])));
}

#[test]
fn a_token_lives_no_longer_than_its_key_may_sign_for() {
    let server = Server::with(Setup { lifetime: Duration::from_hours(3), ..Setup::default() });
    assert_eq!(server.batch(&[GRANT]).body["expires_in"], 3_600);
}

#[test]
fn an_opaque_token_is_sealed_and_has_the_same_inside() {
    let server = Server::with(Setup { format: Format::Opaque, ..Setup::default() });
    let told = server.batch(&[GRANT]);
    let text = told.text("access_token");
    assert!(text.starts_with("bwt_"), "{text}");
    let inside = server.opened(text).unwrap();
    assert_eq!(super::server::claims_of(&inside)["sub"], "batch");
}

#[test]
fn rfc_7523_section_2_1_an_assertion_is_meant_for_us_and_used_once() {
    let server = Server::new();
    let stranger = Server::new();
    let good = server.corp_token(json!({"aud": [URL, "exchange"]}));
    let rows = [
        ("none", String::new(), (400, "invalid_request", "parameter_missing")),
        ("no token", "a.b".to_owned(), (400, "invalid_grant", "malformed_token")),
        ("a key", server.api_key.clone(), (400, "invalid_grant", "malformed_token")),
        ("a sealed one", "bwt_AAAA".to_owned(), (400, "invalid_grant", "malformed_token")),
        (
            "of nobody known",
            server.corp_token(json!({"iss": "https://a.example"})),
            (400, "invalid_grant", "iss_unknown"),
        ),
        ("of nobody", server.corp_token(json!({"iss": null})), (400, "invalid_grant", "iss_invalid")),
        ("by another key", stranger.corp_token(json!({"aud": URL})), (400, "invalid_grant", "unknown_kid")),
        ("for the exchange alone", server.corp_token(json!({})), (400, "invalid_grant", "grant_audience")),
        ("for another", server.corp_token(json!({"aud": "a"})), (400, "invalid_grant", "aud_mismatch")),
        ("ended", server.corp_token(json!({"aud": URL, "exp": START.secs() - 31})), (400, "invalid_grant", "expired")),
        (
            "ending",
            server.corp_token(json!({"aud": URL, "exp": START.secs(), "jti": "9"})),
            (400, "invalid_grant", "subject_ending"),
        ),
        (
            "before the start",
            server.corp_token(json!({"aud": URL, "iat": START.secs() - 1})),
            (400, "invalid_grant", "grant_replayed"),
        ),
        ("good", good.clone(), (200, "", "")),
        ("again", good, (400, "invalid_grant", "grant_replayed")),
        ("good, for the endpoint", server.corp_token(json!({"aud": TOKEN, "jti": "2"})), (200, "", "")),
    ];
    for (name, assertion, expected) in &rows {
        let told = server.batch(&[("grant_type", JWT_BEARER), ("assertion", assertion)]);
        assert_eq!(told.refusal(), *expected, "{name}");
    }
    let told =
        server.spa(&[("grant_type", JWT_BEARER), ("assertion", &server.corp_token(json!({"aud": URL, "jti": "3"})))]);
    let claims = told.claims();
    assert_eq!(
        (&claims["sub"], &claims["scope"], &claims["client_id"]),
        (&json!("corp|alice"), &json!("orders:read"), &json!("spa"))
    );
    assert_eq!(claims["exp"], START.secs() + 300, "no later than the assertion");
}

#[test]
fn rfc_6749_section_6_a_refresh_token_gives_the_same_or_less_and_is_replaced() {
    let server = Server::new();
    let first = server.exchange(&server.corp_token(json!({})), &[]);
    let token = first.text("refresh_token").to_owned();
    assert!(token.starts_with("bwr_"), "{:?}", first.body);
    let refresh = |token: &str, more: &[(&str, &str)]| {
        server.batch(&[&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat())
    };
    let spa = |token: &str| server.spa(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    assert_eq!(refresh("", &[]).refusal(), (400, "invalid_request", "parameter_missing"));
    assert_eq!(refresh("bwr_x", &[]).refusal(), (400, "invalid_grant", "refresh_unknown"));
    assert_eq!(spa(&token).refusal(), (400, "invalid_grant", "refresh_unknown"));
    assert_eq!(refresh(&token, &[("scope", "admin")]).refusal(), (400, "invalid_scope", "scope_not_allowed"));
    assert_eq!(refresh(&token, &[("audience", "billing")]).refusal(), (400, "invalid_target", "target_not_allowed"));
    // Having asked for too much cost nothing.
    let second = refresh(&token, &[("scope", "orders:read")]);
    assert_eq!((second.status, second.claims()["scope"].as_str()), (200, Some("orders:read")));
    let same = |claim: &str| assert_eq!(second.claims()[claim], first.claims()[claim], "{claim}");
    ["iss", "sub", "aud", "client_id", "tenant"].into_iter().for_each(same);
    let third = second.text("refresh_token").to_owned();
    assert_ne!(third, token);
    // The answer was lost: the same again.
    assert_eq!(refresh(&token, &[]).text("refresh_token"), third);
    let fourth = refresh(&third, &[]);
    assert_eq!(fourth.claims()["scope"], "orders:read orders:write", "the family keeps all");
    server.clock.advance(Duration::from_secs(11));
    assert_eq!(refresh(&token, &[]).refusal(), (400, "invalid_grant", "refresh_reused"));
    assert_eq!(refresh(fourth.text("refresh_token"), &[]).refusal(), (400, "invalid_grant", "refresh_revoked"));
}

#[test]
fn a_family_ends_and_outlives_no_token_of_its_end() {
    let server = Server::new();
    let first = server.exchange(&server.corp_token(json!({})), &[]);
    let refresh = |token: &str| server.batch(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    server.clock.advance(Duration::from_hours(24).saturating_sub(Duration::from_mins(1)));
    let last = refresh(first.text("refresh_token"));
    assert_eq!(last.body["expires_in"], 60);
    server.clock.advance(Duration::from_mins(1));
    assert_eq!(refresh(last.text("refresh_token")).refusal(), (400, "invalid_grant", "refresh_unknown"));
}

#[test]
fn a_client_without_the_grant_gets_no_refresh_token() {
    let server = Server::new();
    let exchange = |id| {
        let token = server.corp_token(json!({}));
        let parameters = [
            ("grant_type", crate::issuer::exchange::GRANT_TYPE),
            ("subject_token", token.as_str()),
            ("subject_token_type", super::server::ACCESS_TOKEN),
        ];
        server.client(id, &parameters)
    };
    assert_eq!(exchange("plain").body.get("refresh_token"), None);
    assert!(exchange("batch").body.get("refresh_token").is_some());
    assert_eq!(server.batch(&[GRANT]).body.get("refresh_token"), None);
}

#[test]
fn a_family_is_worth_what_its_entry_is_worth_now() {
    let mut server = Server::new();
    let refresh = |server: &Server, token: &str, more: &[(&str, &str)]| {
        server.batch(&[&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat())
    };
    let first = server.exchange(&server.corp_token(json!({})), &[]);
    let corp = server.issuer.subjects.iter_mut().find(|subject| &*subject.entry.label == "corp").unwrap();
    corp.scopes = Some(["orders:read".into()].into());
    let second = refresh(&server, first.text("refresh_token"), &[]);
    assert_eq!(second.claims()["scope"], "orders:read");
    // What is not taken any more goes on in no family. It costs no token, should that have been a mistake.
    let all = std::mem::take(&mut server.issuer.subjects);
    let told = refresh(&server, second.text("refresh_token"), &[]);
    assert_eq!(told.refusal(), (400, "invalid_grant", "refresh_origin"));
    server.issuer.subjects = all;
    assert_eq!(refresh(&server, second.text("refresh_token"), &[]).status, 200);
}
