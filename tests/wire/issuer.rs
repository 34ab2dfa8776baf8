//! Makes tokens and API keys.

use bearward::clock::UnixTime;
use bearward::jose::{Algorithm, NewApiKey, SigningKey};
use serde_json::{Map, Value, json};

/// The name of the issuer; nothing is served there.
pub(crate) const ISSUER: &str = "https://issuer.example.com/";

/// An issuer whose keys stand in the policy itself.
pub(crate) struct Issuer {
    key: SigningKey,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self { key: SigningKey::generate(Algorithm::ES256).unwrap() }
    }

    /// The key set, as a policy's `keys.inline`.
    pub(crate) fn key_set(&self) -> String {
        json!({"keys": [self.key.public_jwk().unwrap()]}).to_string()
    }

    /// The claims of an access token that is good for a minute, for the audience `orders` with the scope `orders:read`.
    pub(crate) fn claims(now: UnixTime) -> Map<String, Value> {
        let claims = json!({
            "iss": ISSUER,
            "sub": "alice",
            "aud": "orders",
            "client_id": "shop",
            "scope": "orders:read",
            "iat": now.secs(),
            "exp": now.secs() + 60,
            "jti": "1",
        });
        claims.as_object().unwrap().clone()
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Map<String, Value>) -> String {
        self.key.sign("at+jwt", claims).unwrap()
    }

    /// A token with the usual claims, but for one.
    pub(crate) fn token_with(&self, now: UnixTime, name: &str, value: impl Into<Value>) -> String {
        let mut claims = Self::claims(now);
        claims.insert(name.to_owned(), value.into());
        self.sign(&claims)
    }

    /// A good token.
    pub(crate) fn token(&self, now: UnixTime) -> String {
        self.sign(&Self::claims(now))
    }
}

/// The head line that carries a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// A new API key: the Secret that holds its hash, and the key itself.
pub(crate) fn api_key(name: &str, expires: &str) -> (String, String) {
    let key = NewApiKey::generate(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let secret = format!(
        "apiVersion: v1\nkind: Secret\ntype: bearward.dev/api-key\nmetadata:\n  name: {name}\n  namespace: shop\n  \
         labels: {{bearward.dev/use: api-key, team: shop}}\nstringData:\n  id: {}\n  hash: {}\n  owner: batch\n  \
         scopes: orders:read\n  expiresAt: {expires}\n",
        key.id(),
        key.hash(),
    );
    (secret, String::from_utf8(key.text().expose().to_vec()).unwrap())
}
