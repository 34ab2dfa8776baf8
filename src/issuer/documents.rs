//! What anybody may read: the metadata of an issuer, and its public keys.
//!
//! Both are for every origin, so that a client in a browser can read them, and both may be cached for as long as the
//! rotation counts on. The keys are `application/json` and not `application/jwk-set+json` (RFC 7517, section 8.5.2): all
//! clients take the first, and some refuse the second.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::reply::{self, Answer};
use super::{Request, exchange, grants};
use crate::finding::Code;
use crate::jose::{Algorithm, Family};
use crate::snapshot::{Dpop, Issuer, IssuerKeys};

/// How a client may show who it is.
const METHODS: [&str; 4] = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];

/// The same, where a public one may not ask.
const CONFIDENTIAL: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// The metadata: one document that is both that of OpenID Connect Discovery 1.0, section 3, and that of RFC 8414, section 2.
pub(super) fn metadata(issuer: &Issuer, request: &Request<'_>) -> Answer {
    if !is_read(request) {
        return reply::method_not_allowed(&[Method::GET, Method::HEAD]);
    }
    let keys = issuer.keys.load();
    if let Some(refusal) = without_keys(&keys) {
        return refusal.render(&issuer.name);
    }
    let signing: BTreeSet<&str> =
        keys.set.iter().flat_map(|key| key.algorithms().map(Algorithm::as_str).collect::<Vec<_>>()).collect();
    let mut document = json!({
        "issuer": issuer.url,
        "jwks_uri": issuer.url_of("jwks"),
        "token_endpoint": issuer.url_of("token"),
        "introspection_endpoint": issuer.url_of("introspect"),
        "revocation_endpoint": issuer.url_of("revoke"),
        "grant_types_supported": grant_types(issuer),
        // There is no authorization endpoint, and so no response type. But RFC 8414, section 2, requires the member, its
        // section 3.2 forbids a list without elements, and some clients refuse one: this is the type that gives nothing
        // (OAuth 2.0 Multiple Response Type Encoding Practices, section 4).
        "response_types_supported": ["none"],
        "scopes_supported": scopes(issuer),
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": asymmetric(),
        "introspection_endpoint_auth_methods_supported": CONFIDENTIAL,
        "introspection_endpoint_auth_signing_alg_values_supported": asymmetric(),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": asymmetric(),
        // Discovery requires both, though no ID token is issued.
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": signing,
    });
    if issuer.dpop != Dpop::Disabled
        && let Some(members) = document.as_object_mut()
    {
        members.insert("dpop_signing_alg_values_supported".to_owned(), json!(asymmetric()));
    }
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    public(response.headers_mut(), &keys.max_age);
    Answer::new(response)
}

/// The public keys (RFC 7517, section 5).
pub(super) fn jwks(issuer: &Issuer, request: &Request<'_>) -> Answer {
    if !is_read(request) {
        return reply::method_not_allowed(&[Method::GET, Method::HEAD]);
    }
    let keys = issuer.keys.load();
    if let Some(refusal) = without_keys(&keys) {
        return refusal.render(&issuer.name);
    }
    let is_known = request
        .headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .any(|field| has_tag(field, &keys.etag));
    let mut response = Response::new(if is_known { Bytes::new() } else { keys.jwks.clone() });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    public(headers, &keys.max_age);
    if let Ok(etag) = HeaderValue::from_str(&keys.etag) {
        headers.insert(ETAG, etag);
    }
    if is_known {
        headers.remove(CONTENT_TYPE);
    }
    Answer::new(response)
}

/// While no key is known there is nothing to read: an empty key set would take the place of a good one that a verifier has,
/// and refuse everybody.
fn without_keys(keys: &IssuerKeys) -> Option<Refusal> {
    let code = keys.signer.as_ref().err().copied().unwrap_or(Code::KeysPending);
    keys.kids.is_empty().then(|| Refusal::unresolved(code))
}

fn is_read(request: &Request<'_>) -> bool {
    matches!(*request.method, Method::GET | Method::HEAD)
}

fn public(headers: &mut HeaderMap, max_age: &std::time::Duration) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let control = HeaderValue::try_from(format!("public, max-age={}", max_age.as_secs()));
    headers.insert(CACHE_CONTROL, control.unwrap_or(HeaderValue::from_static("no-cache")));
}

/// Whether `If-None-Match` has this entity tag (RFC 9110, section 13.1.2: by the weak comparison).
fn has_tag(field: &str, etag: &str) -> bool {
    field.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The grants that some client may use, by the names of their requests.
fn grant_types(issuer: &Issuer) -> Vec<&'static str> {
    let may = |grant: fn(&crate::snapshot::Grants) -> bool| issuer.clients.iter().any(|client| grant(&client.grants));
    let grants = [
        (may(|grants| grants.client_credentials), grants::CLIENT_CREDENTIALS),
        (may(|grants| grants.refresh_token), grants::REFRESH_TOKEN),
        (may(|grants| grants.token_exchange), exchange::GRANT_TYPE),
        (may(|grants| grants.jwt_bearer), grants::JWT_BEARER),
    ];
    grants.into_iter().filter(|(is_used, _)| *is_used).map(|(_, name)| name).collect()
}

fn scopes(issuer: &Issuer) -> BTreeSet<&str> {
    issuer.clients.iter().flat_map(|client| client.scopes.iter().map(AsRef::as_ref)).collect()
}

/// What proofs and assertions may be signed by.
fn asymmetric() -> Vec<Value> {
    let algorithms = Algorithm::ALL.into_iter().filter(|algorithm| algorithm.family() != Family::Hmac);
    algorithms.map(|algorithm| algorithm.as_str().into()).collect()
}
