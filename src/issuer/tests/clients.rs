//! RFC 6749, section 2.3, and RFC 7523, section 2.2: which client sends a request.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::json;

use super::server::{ASSERTION, Server, TOKEN, basic};
use crate::snapshot::Endpoint;

/// Name, fields and parameters; status, error and word.
type Row<'a> = (&'a str, Vec<(&'a str, String)>, Vec<(&'a str, &'a str)>, (u16, &'a str, &'a str));

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[test]
fn a_client_that_does_not_show_who_it_is_is_an_invalid_client() {
    let server = Server::new();
    let (secret, good) = (server.secret.as_str(), server.basic("batch"));
    let (wrong, unknown) = (Server::new().secret, basic("nobody", secret));
    let (not_base64, no_colon) = ("Basic ???".to_owned(), "Basic YmF0Y2g=".to_owned());
    let cut = basic("batch", &secret[..secret.len() - 1]);
    let spelt = format!("Basic {}", STANDARD.encode(format!("batch:{secret}&")));
    let (idle, public, keyed) = (basic("batch", &wrong), basic("spa", secret), basic("keyed", secret));
    let field = |value: &'_ str| vec![("authorization", value.to_owned())];
    let rows: Vec<Row<'_>> = vec![
        ("nothing", vec![], vec![], (401, "invalid_client", "client_missing")),
        ("a secret alone", vec![], vec![("client_secret", secret)], (401, "invalid_client", "client_missing")),
        ("another scheme", field("Bearer x"), vec![], (401, "invalid_client", "client_malformed")),
        ("no scheme", field("Basic"), vec![], (401, "invalid_client", "client_malformed")),
        ("no base64", field(&not_base64), vec![], (401, "invalid_client", "client_malformed")),
        ("no colon", field(&no_colon), vec![], (401, "invalid_client", "client_malformed")),
        ("unknown", field(&unknown), vec![], (401, "invalid_client", "client_unknown")),
        ("a wrong secret", field(&idle), vec![], (401, "invalid_client", "client_secret_wrong")),
        ("another spelling of the secret", field(&spelt), vec![], (401, "invalid_client", "client_malformed")),
        ("half a secret", field(&cut), vec![], (401, "invalid_client", "client_secret_malformed")),
        ("a public one with a secret", field(&public), vec![], (401, "invalid_client", "client_method")),
        ("one with keys and a secret", field(&keyed), vec![], (401, "invalid_client", "client_method")),
        ("one with a secret, and none", vec![], vec![("client_id", "batch")], (401, "invalid_client", "client_method")),
        (
            "two fields",
            vec![("authorization", good.clone()), ("authorization", good.clone())],
            vec![],
            (400, "invalid_request", "client_several"),
        ),
        ("two ways", field(&good), vec![("client_secret", secret)], (400, "invalid_request", "client_several")),
        ("two ids", field(&good), vec![("client_id", "spa")], (400, "invalid_request", "client_several")),
        (
            "a secret and half an assertion",
            field(&good),
            vec![("client_assertion_type", ASSERTION)],
            (400, "invalid_request", "client_several"),
        ),
        (
            "half an assertion",
            vec![],
            vec![("client_assertion", "a.b.c")],
            (400, "invalid_request", "parameter_missing"),
        ),
        (
            "an assertion of another kind",
            vec![],
            vec![
                ("client_assertion", "a.b.c"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
            ],
            (400, "invalid_request", "parameter_invalid"),
        ),
        ("good", field(&good), vec![], (200, "", "")),
        ("good, and its own id", field(&good), vec![("client_id", "batch")], (200, "", "")),
        ("good, in the form", vec![], vec![("client_id", "batch"), ("client_secret", secret)], (200, "", "")),
    ];
    for (name, fields, parameters, expected) in &rows {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let told = server.post(Endpoint::Token, &fields, &[&[GRANT], parameters.as_slice()].concat());
        assert_eq!(told.refusal(), *expected, "{name}");
        let challenge = (told.status == 401).then_some("Basic realm=\"shop/issuer\", charset=\"UTF-8\"");
        assert_eq!(told.field("www-authenticate"), challenge, "{name}");
        assert_eq!(told.client.is_some(), told.status == 200, "{name}");
    }
}

#[test]
fn an_assertion_is_of_the_client_for_us_and_used_once() {
    let server = Server::new();
    let ask = |assertion: &str, id: Option<&str>| {
        let mut parameters = vec![GRANT, ("client_assertion", assertion), ("client_assertion_type", ASSERTION)];
        parameters.extend(id.map(|id| ("client_id", id)));
        server.post(Endpoint::Token, &[], &parameters)
    };
    let stranger = Server::new();
    let rows = [
        ("no token", "a.b".to_owned(), None, (401, "invalid_client", "malformed_token")),
        ("of nobody", server.assertion(json!({"sub": null})), None, (401, "invalid_client", "claim_missing")),
        ("of another", server.assertion(json!({"sub": "nobody"})), None, (401, "invalid_client", "client_unknown")),
        (
            "of a client with a secret",
            server.assertion(json!({"sub": "batch"})),
            None,
            (401, "invalid_client", "client_method"),
        ),
        (
            "for another",
            server.assertion(json!({"aud": "https://a.example"})),
            None,
            (401, "invalid_client", "aud_mismatch"),
        ),
        ("by another key", stranger.assertion(json!({})), None, (401, "invalid_client", "unknown_kid")),
        (
            "ended",
            server.assertion(json!({"exp": 1_799_999_000, "iat": null})),
            None,
            (401, "invalid_client", "expired"),
        ),
        (
            "before the start",
            server.assertion(json!({"iat": 1_799_999_999})),
            None,
            (401, "invalid_client", "assertion_replayed"),
        ),
        ("another id", server.assertion(json!({})), Some("batch"), (400, "invalid_request", "client_several")),
        ("good", server.assertion(json!({})), Some("keyed"), (200, "", "")),
        ("again", server.assertion(json!({})), None, (401, "invalid_client", "assertion_replayed")),
        ("good, for the endpoint", server.assertion(json!({"aud": TOKEN, "jti": "a2"})), None, (200, "", "")),
    ];
    for (name, assertion, id, expected) in &rows {
        assert_eq!(ask(assertion, *id).refusal(), *expected, "{name}");
    }
}

#[test]
fn a_client_that_keeps_failing_waits_and_costs_no_other_client_anything() {
    let server = Server::new();
    let wrong = basic("batch", &Server::new().secret);
    let ask = |field: &str| server.post(Endpoint::Token, &[("authorization", field)], &[GRANT]);
    for _ in 0..20 {
        assert_eq!(ask(&wrong).refusal(), (401, "invalid_client", "client_secret_wrong"));
    }
    let told = ask(&wrong);
    assert_eq!(told.refusal(), (429, "temporarily_unavailable", "client_failing"));
    assert_eq!(told.field("retry-after"), Some("1"));
    // The right secret is not looked at either, or a guess could go on.
    assert_eq!(ask(&server.basic("batch")).refusal(), (429, "temporarily_unavailable", "client_failing"));
    assert_eq!(ask(&server.basic("idle")).refusal(), (400, "unauthorized_client", "grant_not_allowed"));
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&server.basic("batch")).status, 200);
}

#[test]
fn who_fails_is_told_the_same_whether_there_is_such_a_client_or_not() {
    let server = Server::new();
    let wrong = Server::new().secret;
    let ask = |id: &str| {
        let told = server.post(Endpoint::Token, &[("authorization", &basic(id, &wrong))], &[GRANT]);
        (told.status, told.headers, told.body)
    };
    for round in 0..22 {
        assert_eq!(ask("batch"), ask("nobody"), "{round}");
        assert_eq!(ask("batch").0, if round < 10 { 401 } else { 429 }, "{round}");
        let _ = ask("nobody");
    }
    let (status, ..) = ask("another");
    assert_eq!(status, 401, "each id for itself");
    let long = "x".repeat(10_000);
    assert_eq!((0..21).map(|_| ask(&long).0).filter(|status| *status == 401).count(), 20);
}

#[test]
fn a_client_that_asks_too_often_waits() {
    let server = Server::new();
    for _ in 0..500 {
        assert_eq!(
            server.batch(&[("grant_type", "x")]).refusal(),
            (400, "unsupported_grant_type", "grant_unsupported")
        );
    }
    let told = server.batch(&[GRANT]);
    assert_eq!(told.refusal(), (429, "temporarily_unavailable", "client_limited"));
    assert_eq!((told.field("retry-after"), told.client.as_deref()), (Some("1"), Some("batch")));
    server.clock.advance(Duration::from_millis(10));
    assert_eq!(server.batch(&[GRANT]).status, 200);
}

#[test]
fn a_public_client_that_asks_too_often_waits_and_its_others_do_not() {
    let server = Server::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fields = [("content-type", "application/x-www-form-urlencoded")];
    let ask = |address| {
        let asking =
            server.asking_from(address, Endpoint::Token, (&Method::POST, None), &fields, "client_id=spa&grant_type=x");
        runtime.block_on(asking).reason
    };
    for _ in 0..500 {
        assert_eq!(ask("192.0.2.1"), "grant_unsupported");
    }
    assert_eq!((ask("192.0.2.1"), ask("192.0.2.2")), ("client_limited", "grant_unsupported"));
}

#[test]
fn an_assertion_of_a_client_that_asks_too_often_is_not_used_up() {
    let server = Server::new();
    let ask = |number: usize| {
        let assertion = server.assertion(json!({"jti": number.to_string()}));
        let parameters = [GRANT, ("client_assertion", &assertion), ("client_assertion_type", ASSERTION)];
        server.post(Endpoint::Token, &[], &parameters)
    };
    for number in 0..500 {
        assert_eq!(ask(number).status, 200);
    }
    let remembered = server.replays.len();
    assert_eq!(ask(500).refusal(), (429, "temporarily_unavailable", "client_limited"));
    assert_eq!(server.replays.len(), remembered);
    server.clock.advance(Duration::from_millis(10));
    assert_eq!(ask(500).status, 200);
}
