//! RFC 7662 and RFC 7009: asking of tokens, and taking them back.

use std::time::Duration;

use serde_json::{Value, json};

use super::server::{START, Server, Setup, Told, URL, basic, proof};
use crate::jose::{Algorithm, SigningKey};
use crate::snapshot::{Endpoint, Format};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn ask(server: &Server, endpoint: Endpoint, id: &str, token: &str) -> Told {
    server.post(endpoint, &[("authorization", &server.basic(id))], &[("token", token), ("token_type_hint", "x")])
}

fn introspect(server: &Server, token: &str) -> Value {
    let told = ask(server, Endpoint::Introspection, "plain", token);
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(told.field("cache-control"), Some("no-store"));
    told.body
}

fn inactive() -> Value {
    json!({ "active": false })
}

#[test]
fn only_a_client_that_shows_who_it_is_may_ask() {
    let server = Server::new();
    let wrong = basic("batch", &Server::new().secret);
    let ask = |fields: &[(&str, &str)], parameters: &[(&str, &str)]| {
        server.post(Endpoint::Introspection, fields, parameters).refusal().2.to_owned()
    };
    assert_eq!(ask(&[], &[("token", "x")]), "client_missing");
    assert_eq!(ask(&[], &[("token", "x"), ("client_id", "spa")]), "client_method");
    assert_eq!(ask(&[("authorization", &wrong)], &[("token", "x")]), "client_secret_wrong");
    assert_eq!(ask(&[("authorization", &server.basic("batch"))], &[]), "parameter_missing");
    assert_eq!(ask(&[("authorization", &server.basic("batch"))], &[("token", "x")]), "");
}

#[test]
fn a_token_is_active_for_as_long_as_it_is_ours_and_in_force() {
    for format in [Format::Jwt, Format::Opaque] {
        let server = Server::with(Setup { format, ..Setup::default() });
        let given = server.batch(&[GRANT]);
        let token = given.text("access_token");
        let mut said = introspect(&server, token);
        let id = said.as_object_mut().unwrap().remove("jti");
        assert!(id.is_some_and(|id| id.is_string()));
        assert_eq!(
            said,
            json!({
                "active": true, "token_type": "Bearer", "iss": URL, "sub": "batch", "client_id": "batch", "aud": "orders",
                "iat": START.secs(), "exp": START.secs() + 600, "scope": "orders:read orders:write",
            }),
            "{format:?}"
        );
        let other = Server::with(Setup { format, ..Setup::default() });
        let foreign = other.batch(&[GRANT]);
        for (name, token) in [
            ("nothing", "x"),
            ("cut", &token[..token.len() - 4]),
            ("another installation's", foreign.text("access_token")),
            ("of another issuer", &server.corp_token(json!({"aud": "orders"}))),
            ("a key", &server.api_key),
            ("a refresh token that there is not", "bwr_x"),
            ("too long", &"a".repeat(20_000)),
        ] {
            assert_eq!(introspect(&server, token), inactive(), "{name}");
        }
        server.clock.advance(Duration::from_mins(10));
        assert_eq!(introspect(&server, token), inactive(), "it has ended");
    }
}

#[test]
fn a_compromised_key_makes_its_tokens_inactive() {
    let server = Server::new();
    let given = server.batch(&[GRANT]);
    let keys = server.issuer.keys.load();
    let set = keys.set.clone().revoking([server.signing.thumbprint().to_string().into()]);
    let (signer, jwks, etag) = (keys.signer.clone(), keys.jwks.clone(), keys.etag.clone());
    let (max_age, openers, kids) = (keys.max_age, keys.openers.clone(), keys.kids.clone());
    server.issuer.keys.store(crate::snapshot::IssuerKeys {
        signer,
        jwks,
        etag,
        max_age,
        set,
        openers,
        kids,
        lives: [].into(),
    });
    assert_eq!(introspect(&server, given.text("access_token")), inactive());
}

#[test]
fn a_bound_token_says_so() {
    let server = Server::new();
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let proof = proof(&key, json!({}));
    let fields = [("authorization", server.basic("batch")), ("dpop", proof)];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let given = server.post(Endpoint::Token, &fields, &[GRANT]);
    let said = introspect(&server, given.text("access_token"));
    assert_eq!((&said["token_type"], &said["cnf"]["jkt"]), (&json!("DPoP"), &json!(key.thumbprint().to_string())));
}

#[test]
fn a_refresh_token_is_active_for_its_client_alone() {
    let server = Server::new();
    let given = server.exchange(&server.corp_token(json!({})), &[]);
    let token = given.text("refresh_token");
    let said = ask(&server, Endpoint::Introspection, "batch", token).body;
    assert_eq!(
        said,
        json!({
            "active": true, "iss": URL, "sub": "corp|alice", "client_id": "batch", "aud": ["orders"],
            "scope": "orders:read orders:write", "iat": START.secs(), "exp": START.secs() + 86_400,
        })
    );
    assert_eq!(introspect(&server, token), inactive(), "asked by another");
}

#[test]
fn rfc_7009_an_access_token_is_revoked_by_whom_it_was_given_to() {
    let server = Server::new();
    let [one, other] = [(); 2].map(|()| server.batch(&[GRANT]).text("access_token").to_owned());
    let revoke = |id, token: &str| ask(&server, Endpoint::Revocation, id, token);
    assert_eq!(revoke("plain", &one).refusal(), (400, "unauthorized_client", "token_of_other"));
    assert_eq!(revoke("batch", "").refusal(), (400, "invalid_request", "parameter_missing"));
    assert_eq!(introspect(&server, &one)["active"], true);
    assert_eq!(revoke("batch", &one).refusal(), (200, "", ""));
    assert_eq!((introspect(&server, &one), introspect(&server, &other)["active"].clone()), (inactive(), json!(true)));
    assert_eq!(server.exchange(&one, &[]).refusal(), (400, "invalid_request", "subject_revoked"));
    // Again, and of nothing: there is none afterwards either.
    for token in [one.as_str(), "x", "bwr_x", &server.api_key] {
        assert_eq!(revoke("batch", token).refusal(), (200, "", ""), "{token}");
    }
}

#[test]
fn rfc_7009_section_2_1_a_refresh_token_is_revoked_with_all_of_its_family() {
    let server = Server::new();
    let given = server.exchange(&server.corp_token(json!({})), &[]);
    let (refresh, access) = (given.text("refresh_token"), given.text("access_token"));
    let revoke = |id| ask(&server, Endpoint::Revocation, id, refresh);
    assert_eq!(revoke("plain").refusal(), (400, "unauthorized_client", "token_of_other"));
    assert_eq!(introspect(&server, access)["active"], true);
    assert_eq!(revoke("batch").refusal(), (200, "", ""));
    assert_eq!(introspect(&server, access), inactive(), "its access tokens");
    assert_eq!(ask(&server, Endpoint::Introspection, "batch", refresh).body, inactive());
    let told = server.batch(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
    assert_eq!(told.refusal(), (400, "invalid_grant", "refresh_revoked"));
    assert_eq!(server.exchange(access, &[]).refusal(), (400, "invalid_request", "subject_revoked"));
    // A public client may take back its own.
    let grant = ("grant_type", crate::issuer::exchange::GRANT_TYPE);
    let subject = server.corp_token(json!({}));
    let kind = ("subject_token_type", super::server::ACCESS_TOKEN);
    let spa = server.spa(&[grant, ("subject_token", &subject), kind]);
    let told = server.post(Endpoint::Revocation, &[], &[("client_id", "spa"), ("token", spa.text("refresh_token"))]);
    assert_eq!(told.refusal(), (200, "", ""));
    assert_eq!(introspect(&server, spa.text("access_token")), inactive());
}
