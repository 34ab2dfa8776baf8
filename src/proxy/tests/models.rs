//! Routes that lead to models: the provider's credential, its path, and refusals that its SDKs understand.

use std::sync::Arc;

use http::HeaderValue;

use super::gateway::{Gateway, verdicts};
use super::issuer::{CORP, Issuer, api_key, inline, jwt, policy, token_rule, tokens};
use super::tables::{Tables, backend, stages, upstream};
use super::wire::Upstream;
use crate::snapshot::{Access, ApiKeyPlace, Backend, Credential, Dialect, Forwarding, PathRewrite, Protocol, Stages};

/// A rule for models behind `upstream`, with the access of the rule and that of the backend.
fn rule(upstream_end: &Upstream, of_rule: Access, of_backend: Option<Access>) -> Stages {
    let action = backend(Backend::Upstream {
        upstream: upstream(&[upstream_end.address()], Protocol::Http1),
        strip: "/v1".into(),
        base: "/openai/v1".into(),
        credential: Some(Arc::new(HeaderValue::from_static("Bearer sk-provider"))),
        access: of_backend.map(Arc::new),
    });
    Stages { access: of_rule, dialect: Dialect::OpenAi, ..stages(action) }
}

fn corp(issuer: &Issuer) -> Access {
    tokens(vec![token_rule(policy("partners", vec![jwt("corp", CORP, &inline(&[issuer.jwk()]))]))])
}

#[test]
fn the_provider_gets_its_own_credential_and_path_and_nothing_of_the_clients() {
    let issuer = Issuer::new(CORP);
    let (entry, key) = api_key("keys", &[ApiKeyPlace::XApiKey], "2030-01-01T00:00:00Z");
    let token = issuer.token();
    let mut keeping = policy("partners", vec![jwt("corp", CORP, &inline(&[issuer.jwk()])), entry]);
    keeping.forwarding = Forwarding { credential: Credential::Keep, claims: [].into() };
    let rows = [
        (corp(&issuer), format!("Authorization: Bearer {token}\r\nx-goog-api-key: mine\r\napi-key: mine\r\n")),
        (tokens(vec![token_rule(keeping)]), format!("x-api-key: {key}\r\n")),
        (Access::Anonymous, "Authorization: Bearer mine\r\nx-api-key: mine\r\n".to_owned()),
    ];
    for (access, fields) in rows {
        let upstream = Upstream::start();
        let gateway = Gateway::start(Tables::default().rule("/", rule(&upstream, access, None)).snapshot());
        let mut client = gateway.connect();
        client.send(format!(
            "POST /v1/chat/completions?a=b HTTP/1.1\r\nHost: api.example.com\r\n{fields}Content-Length: 2\r\n\r\n{{}}"
        ));
        let mut server = upstream.accept();
        let request = server.read_message();
        assert_eq!(request.start, "POST /openai/v1/chat/completions?a=b HTTP/1.1");
        assert_eq!(request.field("authorization"), Some("Bearer sk-provider"));
        for place in ApiKeyPlace::ALL.into_iter().filter(|place| *place != ApiKeyPlace::Bearer) {
            assert_eq!(request.field(place.header().as_str()), None, "{fields}");
        }
    }
}

#[test]
fn the_rules_own_rewrite_comes_before_the_providers_path() {
    let upstream = Upstream::start();
    let mut rule = rule(&upstream, Access::Anonymous, None);
    rule.path = Some(PathRewrite::Prefix { matched: "/ai".len(), replacement: "".into() });
    let gateway = Gateway::start(Tables::default().rule("/ai", rule).snapshot());
    let mut client = gateway.connect();
    let mut server = None;
    for (path, expected) in [
        ("/ai/v1/models", "/openai/v1/models"),
        ("/ai/v1", "/openai/v1/"),
        ("/ai/v10/models", "/openai/v1/v10/models"),
        ("/ai/models", "/openai/v1/models"),
    ] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: api.example.com\r\n\r\n"));
        let server = server.get_or_insert_with(|| upstream.accept());
        assert_eq!(server.read_message().start, format!("GET {expected} HTTP/1.1"));
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.read_message().status(), 200);
    }
}

#[test]
fn rule_and_backend_must_both_let_a_request_in() {
    let (issuer, stranger) = (Issuer::new(CORP), Issuer::new(CORP));
    for (of_rule, of_backend, expected) in [
        (corp(&issuer), corp(&stranger), 401),
        (corp(&stranger), corp(&issuer), 401),
        (Access::Anonymous, corp(&stranger), 401),
        (corp(&stranger), Access::Anonymous, 401),
        (corp(&issuer), corp(&issuer), 200),
        (Access::Anonymous, corp(&issuer), 200),
        (corp(&issuer), Access::Anonymous, 200),
    ] {
        let upstream = Upstream::start();
        let rule = rule(&upstream, of_rule, Some(of_backend));
        let gateway = Gateway::start(Tables::default().rule("/", rule).snapshot());
        let mut client = gateway.connect();
        let token = issuer.token();
        client.send(format!("GET /v1/a HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer {token}\r\n\r\n"));
        if expected == 200 {
            let mut server = upstream.accept();
            assert_eq!(server.read_message().field("authorization"), Some("Bearer sk-provider"));
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
        assert_eq!(client.read_message().status(), expected);
        assert!(!upstream.is_called());
    }
}

#[test]
fn refusals_are_in_the_form_of_openais_api() {
    let issuer = Issuer::new(CORP);
    let upstream = Upstream::start();
    let gateway = Gateway::start(Tables::default().rule("/", rule(&upstream, corp(&issuer), None)).snapshot());
    let mut client = gateway.connect();
    client.send("GET /v1/a HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer a.b\r\n\r\n");
    let reply = client.read_message();
    assert_eq!((reply.status(), reply.field("content-type")), (401, Some("application/json")));
    assert!(reply.field("www-authenticate").is_some());
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["error"]["code"], "invalid_api_key");
    let token = issuer.token();
    client.send(format!("GET /v1/a HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer {token}\r\n\r\n"));
    let mut server = upstream.accept();
    server.read_message();
    drop(server);
    let reply = client.read_message();
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((reply.status(), &body["error"]["type"]), (502, &"server_error".into()));
    assert_eq!(verdicts(&gateway.stop()), [(401, "malformed_token"), (502, "upstream_broken")]);
}
