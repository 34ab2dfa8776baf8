//! What anybody may read.

use http::Method;
use serde_json::{Value, json};

use super::server::{Server, Setup, URL};
use crate::finding::Code;
use crate::jose::KeySet;
use crate::snapshot::{Dpop, Endpoint};

#[test]
fn the_metadata_says_what_both_standards_require() {
    let server = Server::new();
    let told = server.ask(Endpoint::Metadata, (&Method::GET, None), &[], "");
    assert_eq!((told.status, told.reason), (200, ""));
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "public, max-age=300"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(told.field(name), Some(value), "{name}");
    }
    let expected: &[(&str, Value)] = &[
        ("issuer", json!(URL)),
        ("jwks_uri", json!(format!("{URL}/jwks"))),
        ("token_endpoint", json!(format!("{URL}/token"))),
        ("introspection_endpoint", json!(format!("{URL}/introspect"))),
        ("revocation_endpoint", json!(format!("{URL}/revoke"))),
        (
            "grant_types_supported",
            json!([
                "client_credentials",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:token-exchange",
                "urn:ietf:params:oauth:grant-type:jwt-bearer"
            ]),
        ),
        ("response_types_supported", json!(["none"])),
        ("scopes_supported", json!(["orders:read", "orders:write"])),
        ("subject_types_supported", json!(["public"])),
        ("id_token_signing_alg_values_supported", json!(["ES256"])),
        (
            "token_endpoint_auth_methods_supported",
            json!(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]),
        ),
        (
            "introspection_endpoint_auth_methods_supported",
            json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]),
        ),
    ];
    for (name, value) in expected {
        assert_eq!(told.body[*name], *value, "{name}");
    }
    for name in [
        "token_endpoint_auth_signing_alg_values_supported",
        "introspection_endpoint_auth_signing_alg_values_supported",
        "revocation_endpoint_auth_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ] {
        let algorithms = told.body[name].as_array().unwrap();
        assert!(algorithms.contains(&json!("ES256")), "{name}");
        assert!(!algorithms.iter().any(|name| name == "none" || name.as_str().unwrap().starts_with("HS")), "{name}");
    }
    let without = Server::with(Setup { dpop: Dpop::Disabled, ..Setup::default() });
    let told = without.ask(Endpoint::Metadata, (&Method::GET, None), &[], "");
    assert_eq!(told.body.get("dpop_signing_alg_values_supported"), None);
}

#[test]
fn the_keys_are_the_bytes_of_the_cell_and_may_be_asked_for_again() {
    let server = Server::new();
    let get = |tags: &[&str]| {
        let fields: Vec<_> = tags.iter().map(|tag| ("if-none-match", *tag)).collect();
        server.ask(Endpoint::Jwks, (&Method::GET, None), &fields, "")
    };
    let told = get(&[]);
    assert_eq!(told.body["keys"][0]["kid"], server.signing.thumbprint().to_string());
    assert!(told.body["keys"][0].get("d").is_none());
    assert_eq!((told.field("etag"), told.field("cache-control")), (Some("\"one\""), Some("public, max-age=300")));
    for tags in [&["\"two\""][..], &["one"], &["\"on\""]] {
        assert_eq!(get(tags).status, 200, "{tags:?}");
    }
    for tags in [&["\"one\""][..], &["W/\"one\""], &["*"], &["\"two\", \"one\""], &["\"two\"", "\"one\""]] {
        let told = get(tags);
        assert_eq!((told.status, told.field("etag")), (304, Some("\"one\"")), "{tags:?}");
        assert_eq!((&told.body, told.field("cache-control").is_some()), (&Value::Null, true));
    }
}

#[test]
fn documents_are_read_and_nothing_else() {
    let server = Server::new();
    for endpoint in [Endpoint::Metadata, Endpoint::Jwks] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let told = server.ask(endpoint, (&method, None), &[], "");
            assert_eq!((told.status, told.field("allow")), (405, Some("GET, HEAD")), "{method}");
        }
        assert_eq!(server.ask(endpoint, (&Method::HEAD, Some("x")), &[], "").status, 200);
    }
}

#[test]
fn without_a_published_key_nothing_is_said_of_keys_rather_than_that_there_are_none() {
    let server = Server::new();
    let keys = crate::snapshot::IssuerKeys {
        signer: Err(Code::SecretsNotGranted),
        jwks: json!({"keys": []}).to_string().into(),
        etag: "\"none\"".into(),
        max_age: std::time::Duration::ZERO,
        set: KeySet::parse(br#"{"keys": []}"#).unwrap().0,
        openers: [].into(),
        kids: [].into(),
        lives: [].into(),
    };
    server.issuer.keys.store(keys);
    for endpoint in [Endpoint::Metadata, Endpoint::Jwks] {
        let told = server.ask(endpoint, (&Method::GET, None), &[], "");
        assert_eq!((told.status, told.reason), (503, "SecretsNotGranted"), "{endpoint:?}");
        assert_eq!((told.field("cache-control"), told.field("retry-after")), (Some("no-store"), Some("10")));
    }
}
