//! A token issuer: metadata, keys, and tokens good and bad.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::clock::UnixTime;
use crate::jose::{Algorithm, SigningKey, SigningKeyError};

/// An issuer with one key, made when it was.
pub(super) struct Issuer {
    url: String,
    key: SigningKey,
}

/// What differs between the tokens of the demo.
pub(super) struct Claims<'a> {
    /// `jti`: what the token is for.
    pub(super) id: &'a str,
    pub(super) audience: &'a str,
    pub(super) scope: &'a str,
    pub(super) issued: UnixTime,
    pub(super) lifetime: Duration,
}

impl Issuer {
    /// An issuer that is served at this address.
    pub(super) fn new(address: SocketAddr) -> Result<Self, SigningKeyError> {
        Ok(Self { url: format!("http://{address}"), key: SigningKey::generate(Algorithm::ES256)? })
    }

    /// Its name, which is where it is served.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// An access token (RFC 9068).
    pub(super) fn token(&self, claims: &Claims<'_>) -> Result<String, SigningKeyError> {
        let members = json!({
            "iss": self.url,
            "sub": "alice",
            "aud": claims.audience,
            "client_id": "curl",
            "scope": claims.scope,
            "iat": claims.issued.secs(),
            "exp": claims.issued.plus(claims.lifetime).secs(),
            "jti": claims.id,
        });
        let Value::Object(members) = members else { return Err(SigningKeyError::Failed) };
        self.key.sign("at+jwt", &members)
    }

    /// Answers a request for metadata (OpenID Connect Discovery, section 4; RFC 8414, section 3) or keys.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server" => reply(&json!({
                "issuer": self.url,
                "jwks_uri": format!("{}/keys", self.url),
                "response_types_supported": ["none"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [self.key.algorithm().as_str()],
            })),
            "/keys" => reply(&json!({"keys": self.key.public_jwk().map_or_else(Vec::new, |key| vec![key])})),
            _ => {
                let mut reply = Response::new(Full::default());
                *reply.status_mut() = StatusCode::NOT_FOUND;
                reply
            }
        }
    }
}

fn reply(value: &Value) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::from(value.to_string()));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
