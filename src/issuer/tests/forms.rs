//! RFC 6749, sections 3.2 and 5.2: what the endpoints take, and how they say no.

use http::Method;

use super::server::{Server, form};
use crate::snapshot::Endpoint;

/// Name, fields, query and body; why it is refused.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>, &'a str, &'a str);

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn a_body_that_is_no_single_form_is_an_invalid_request() {
    let server = Server::new();
    let basic = server.basic("batch");
    let good = "grant_type=client_credentials";
    let many = (0..65).map(|number| format!("p{number}=x")).collect::<Vec<_>>().join("&");
    let json = ("content-type", "application/json");
    let charset = ("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8");
    let rows: &[Row<'_>] = &[
        ("no type", &[], None, good, "form_media_type"),
        ("JSON", &[json], None, "{\"grant_type\":\"client_credentials\"}", "form_media_type"),
        ("two types", &[FORM, FORM], None, good, "form_media_type"),
        ("compressed", &[FORM, ("content-encoding", "gzip")], None, good, "form_media_type"),
        ("not UTF-8", &[FORM], None, "grant_type=client_credentials&x=%FF", "form_malformed"),
        ("not UTF-8 in a name", &[FORM], None, "grant_type=client_credentials&%FF=x", "form_malformed"),
        ("65 parameters", &[FORM], None, &many, "form_malformed"),
        ("twice", &[FORM], None, "grant_type=client_credentials&grant_type=client_credentials", "parameter_repeated"),
        ("twice, unknown", &[FORM], None, "grant_type=client_credentials&x=1&x=2", "parameter_repeated"),
        ("twice, once empty", &[FORM], None, "grant_type=&grant_type=client_credentials", "parameter_repeated"),
        ("in the query", &[FORM], Some("grant_type=client_credentials"), "", "parameter_in_query"),
        ("any query", &[FORM], Some("x"), good, "parameter_in_query"),
        ("no grant type", &[FORM], None, "scope=orders:read", "parameter_missing"),
        ("an empty grant type", &[FORM], None, "grant_type=", "parameter_missing"),
        ("good", &[FORM], None, good, ""),
        ("good, with a charset", &[charset], None, good, ""),
        ("good, with what nobody knows", &[FORM], None, "grant_type=client_credentials&x=1", ""),
        ("good, with an empty query", &[FORM], Some(""), good, ""),
    ];
    for (name, fields, query, body, reason) in rows {
        let fields = [*fields, &[("authorization", basic.as_str())]].concat();
        let told = server.ask(Endpoint::Token, (&Method::POST, *query), &fields, body);
        let expected = if reason.is_empty() { (200, "", "") } else { (400, "invalid_request", *reason) };
        assert_eq!(told.refusal(), expected, "{name}");
        assert_eq!(told.field("cache-control"), Some("no-store"), "{name}");
        assert_eq!(told.field("content-type"), Some("application/json"), "{name}");
    }
}

#[test]
fn an_endpoint_that_takes_forms_takes_post_alone() {
    let server = Server::new();
    for endpoint in [Endpoint::Token, Endpoint::Introspection, Endpoint::Revocation] {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS, Method::DELETE] {
            let body = form(&[("grant_type", "client_credentials")]);
            let told = server.ask(endpoint, (&method, None), &[FORM], &body);
            assert_eq!((told.status, told.field("allow"), told.reason), (405, Some("POST"), "method_not_allowed"));
        }
    }
}

#[test]
fn descriptions_never_say_why() {
    let server = Server::new();
    let told = |grant| server.batch(&[("grant_type", grant), ("scope", "admin")]);
    let [one, other] =
        [told("client_credentials"), server.client("batch", &[("grant_type", "client_credentials"), ("scope", "\"")])];
    assert_eq!(one.refusal(), (400, "invalid_scope", "scope_not_allowed"));
    assert_eq!(one.body, other.body);
    assert!(!one.body.to_string().contains("admin"));
}
