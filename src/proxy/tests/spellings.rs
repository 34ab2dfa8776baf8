//! What a client cannot bring past the gateway by spelling a name in another way, or a method in another place.

use super::gateway::{Gateway, verdicts};
use super::issuer::{CORP, Issuer, api_key, inline, jwt, policy, token_rule, tokens};
use super::tables::{Tables, forward, open_to, stages};
use super::wire::Upstream;
use crate::snapshot::{Access, ApiKeyPlace, Credential, Forwarding, Stages};

/// Names of fields as the upstream gets them, without those that the gateway writes on every request, must be those of
/// each row: `(fields of a request, names that pass)`. The rule of all has this access.
fn assert_passed_on(access: Access, rows: &[(String, &[&str])]) {
    let upstream = Upstream::start();
    let rule = Stages { access, ..stages(forward(upstream.address())) };
    let mut tables = Tables::default().rule("/", rule);
    tables.identity_headers.push(http::HeaderName::from_static("x-subject"));
    let gateway = Gateway::start(tables.snapshot());
    let mut client = gateway.connect();
    let mut server = None;
    for (fields, expected) in rows {
        client.send(format!("GET /a HTTP/1.1\r\nHost: api.example.com\r\n{fields}\r\n"));
        let server = server.get_or_insert_with(|| upstream.accept());
        let got = server.read_message();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.read_message().status(), 200);
        let ours = ["host", "traceparent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"];
        let mut names = got.names();
        names.retain(|name| !ours.contains(name));
        assert_eq!(names, *expected, "{fields}");
    }
}

#[test]
fn no_spelling_of_what_only_the_gateway_may_say_passes() {
    let names = [
        "X-Subject",
        "X_Subject",
        "x.subject",
        "Client_Cert",
        "client.cert",
        "X_Forwarded_For",
        "X.Forwarded.For",
        "x.real.ip",
        "X-Original-URL",
        "X_Original_URL",
        "x.rewrite.url",
        "X-Original-URI",
        "X-HTTP-Method-Override",
        "x_http_method_override",
        "X.HTTP.Method.Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "x_method-override",
        "X-Original-Method",
        "Proxy",
        "Proxy_Authorization",
        "Content_Length",
        "transfer.encoding",
    ];
    assert_passed_on(Access::Anonymous, &names.map(|name| (format!("{name}: 1\r\nX-Kept: 2\r\n"), &["x-kept"][..])));
}

#[test]
fn a_credential_for_the_gateway_goes_no_further_in_any_spelling() {
    let issuer = Issuer::new(CORP);
    let (entry, key) = api_key("keys", &[ApiKeyPlace::XApiKey], "2030-01-01T00:00:00Z");
    let partners = policy("partners", vec![jwt("corp", CORP, &inline(&[issuer.jwk()])), entry]);
    let token = format!("Authorization: Bearer {}\r\n", issuer.token());
    let by_key = format!("X-Api-Key: {key}\r\n");
    let rows = [
        (token.clone(), &[][..]),
        (by_key.clone(), &[]),
        (token.clone() + "x_api_key: a\r\nx.api.key: b\r\n", &[]),
        (by_key + "x_api-key: a\r\n", &[]),
        // No policy of the rule takes keys there, so this one is the upstream's; but not one of ours.
        (token.clone() + "x-goog-api-key: theirs\r\n", &["x-goog-api-key"]),
        (token.clone() + &format!("x-goog-api-key: {key}\r\n"), &[]),
        (token + &format!("api_key: {key}\r\n"), &[]),
    ];
    assert_passed_on(tokens(vec![token_rule(partners)]), &rows);
}

#[test]
fn a_credential_that_is_kept_is_the_one_that_was_judged() {
    let (entry, key) = api_key("keys", &[ApiKeyPlace::XApiKey], "2030-01-01T00:00:00Z");
    let mut keeping = policy("partners", vec![entry]);
    keeping.forwarding = Forwarding { credential: Credential::Keep, claims: [].into() };
    let fields = format!("X-Api-Key: {key}\r\nx_api_key: other\r\nX.Api.Key: other\r\n");
    assert_passed_on(tokens(vec![token_rule(keeping)]), &[(fields, &["x-api-key"])]);
}

#[test]
fn an_open_rule_passes_on_what_is_not_ours() {
    let (_, key) = api_key("keys", &[ApiKeyPlace::XApiKey], "2030-01-01T00:00:00Z");
    let rows = [
        (format!("Authorization: Bearer {key}\r\n"), &[][..]),
        (format!("Authorization: bearer   {key}\r\n"), &[]),
        (format!("Authorization: {key}\r\n"), &[]),
        (format!("Authorization: ApiKey {key}\r\nAuthorization: Basic eA==\r\n"), &[]),
        (format!("X-Api-Key: {key}\r\n"), &[]),
        (format!("x_goog_api_key: {key}\r\napi-key: {key}\r\n"), &[]),
        ("Authorization: Basic eA==\r\n".to_owned(), &["authorization"]),
        ("Authorization: Bearer a.b.c\r\nX-Api-Key: theirs\r\n".to_owned(), &["authorization", "x-api-key"]),
        ("Authorization: Bearer xbw_a\r\n".to_owned(), &["authorization"]),
    ];
    assert_passed_on(Access::Anonymous, &rows);
}

#[test]
fn trace_is_not_served() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send("TRACE /a HTTP/1.1\r\nHost: api.example.com\r\nCookie: secret\r\n\r\n");
    let reply = client.read_message();
    assert_eq!(reply.status(), 405);
    assert!(reply.field("allow").unwrap().contains("OPTIONS"));
    assert!(!reply.text().contains("secret"));
    client.send("trace /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    // Methods are case-sensitive: this is another one, and the upstream's to know.
    let mut server = upstream.accept();
    assert_eq!(server.read_message().start, "trace /a HTTP/1.1");
    server.send("HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 501);
    assert_eq!(verdicts(&gateway.stop()), [(405, "method_not_allowed"), (501, "")]);
}
