//! Makes tokens byte by byte, so that whatever can be wrong with one can be made, and the resources that judge them.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bearward::jose::{Algorithm, SigningKey};
use bearward::secret::Secret;
use serde_json::Value;

use crate::gateway::START;
use crate::issuer::ISSUER;

/// The members of a JSON object in order, each value raw JSON text, so that both may be as wrong as a test likes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Json {
    members: Vec<(String, String)>,
}

impl Json {
    /// With this member in place of the one of its name, or at the end.
    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
    pub(crate) fn with(mut self, name: &str, raw: impl ToString) -> Self {
        match self.members.iter_mut().find(|(own, _)| own == name) {
            Some((_, value)) => *value = raw.to_string(),
            None => self.members.push((name.to_owned(), raw.to_string())),
        }
        self
    }

    /// With a member whose value is this string.
    pub(crate) fn with_text(self, name: &str, text: &str) -> Self {
        self.with(name, Value::from(text))
    }

    /// With one more member at the end, whatever is there already.
    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
    pub(crate) fn and(mut self, name: &str, raw: impl ToString) -> Self {
        self.members.push((name.to_owned(), raw.to_string()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        let before = self.members.len();
        self.members.retain(|(own, _)| own != name);
        assert!(self.members.len() < before, "no member {name} to leave out");
        self
    }

    pub(crate) fn text(&self) -> String {
        let members: Vec<String> = self.members.iter().map(|(name, raw)| format!("\"{name}\":{raw}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// Somebody who signs, with one key.
pub(crate) struct Signer {
    key: SigningKey,
}

/// The issuer of most tests.
pub(crate) static ES256: LazyLock<Signer> = LazyLock::new(|| Signer::new(Algorithm::ES256));
/// Somebody else, with a key of the same kind.
pub(crate) static STRANGER: LazyLock<Signer> = LazyLock::new(|| Signer::new(Algorithm::ES256));
/// The key of RFC 7517, appendix A.2: its private half is known in numbers.
pub(crate) static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa(Algorithm::RS256));

/// The private half of [`RSA`].
pub(crate) const RSA_JWK: &str = include_str!("../../src/jose/tests/rsa_key.json");

impl Signer {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self { key: SigningKey::generate(algorithm).unwrap() }
    }

    /// The one RSA key, for this algorithm.
    pub(crate) fn rsa(algorithm: Algorithm) -> Self {
        let mut jwk: Value = serde_json::from_str(RSA_JWK).unwrap();
        jwk["alg"] = algorithm.as_str().into();
        Self { key: SigningKey::from_jwk(&Secret::new(jwk.to_string().into_bytes()), None).unwrap() }
    }

    pub(crate) fn kid(&self) -> String {
        self.key.thumbprint().to_string()
    }

    /// The public key as a key set publishes it.
    pub(crate) fn jwk(&self) -> Json {
        let members = self.key.public_jwk().unwrap();
        Json { members: members.iter().map(|(name, value)| (name.clone(), value.to_string())).collect() }
    }

    /// The bytes of a member of the public key.
    pub(crate) fn member(&self, name: &str) -> Vec<u8> {
        decode(self.key.public_jwk().unwrap()[name].as_str().unwrap())
    }

    /// The header of a good access token.
    pub(crate) fn header(&self) -> Json {
        Json::default()
            .with_text("alg", self.key.algorithm().as_str())
            .with_text("typ", "at+jwt")
            .with_text("kid", &self.kid())
    }

    pub(crate) fn sign_message(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign_message(message).unwrap()
    }

    /// A token of these two texts.
    pub(crate) fn sign(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        compact(header, claims, |message| self.sign_message(message))
    }

    /// A token that is good but for what the header or the claims say.
    pub(crate) fn token(&self, header: &Json, claims: &Json) -> String {
        self.sign(header.text(), claims.text())
    }

    /// A token whose header is good.
    pub(crate) fn token_of(&self, claims: &Json) -> String {
        self.token(&self.header(), claims)
    }

    /// A token whose claims are good.
    pub(crate) fn token_under(&self, header: &Json) -> String {
        self.token(header, &claims())
    }

    /// A token whose signature is made of the right one.
    pub(crate) fn token_signed(&self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
        compact(self.header().text(), claims().text(), |message| change(self.sign_message(message)))
    }
}

/// When tests begin, in seconds.
pub(crate) const NOW: i64 = START.secs();

/// The claims of a good access token, in the order of RFC 9068, section 2.2.
pub(crate) fn claims() -> Json {
    claims_at(NOW)
}

/// The same, issued ten seconds before this time and good for five minutes after it.
pub(crate) fn claims_at(now: i64) -> Json {
    Json::default()
        .with_text("iss", ISSUER)
        .with("exp", now + 300)
        .with_text("aud", "orders")
        .with_text("sub", "alice")
        .with_text("client_id", "shop")
        .with("iat", now - 10)
        .with_text("jti", "1")
        .with_text("scope", "orders:read")
}

/// A compact JWS of any bytes, signed anyhow.
pub(crate) fn compact(
    header: impl AsRef<[u8]>,
    claims: impl AsRef<[u8]>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let signed = [encode(header), encode(claims)].join(".");
    let signature = encode(sign(signed.as_bytes()));
    [signed, signature].join(".")
}

/// The segments of a token.
pub(crate) fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A key set of these keys.
pub(crate) fn key_set<const COUNT: usize>(keys: [Json; COUNT]) -> String {
    format!("{{\"keys\":[{}]}}", keys.map(|key| key.text()).join(","))
}

/// A route of the host `api.example.com`; each rule has a path prefix, which names it too, and who may use it.
pub(crate) fn route(upstream: &str, rules: &[(&str, String)]) -> String {
    let rules: Vec<_> = rules
        .iter()
        .map(|(name, auth)| {
            format!(
                "  - name: {name}\n    matches: [{{path: {{value: /{name}}}}}]\n    auth: {auth}\n    backends: [{{url: \
                 \"{upstream}\"}}]\n"
            )
        })
        .collect();
    format!(
        "apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute\nmetadata: {{name: orders, namespace: shop}}\nspec:\n  hosts: \
         [api.example.com]\n  rules:\n{}---\n",
        rules.concat()
    )
}

/// A route of the host `api.example.com` with one rule, open to everybody, for what is below `path`.
pub(crate) fn open_route(upstream: &str, path: &str) -> String {
    format!(
        "apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute\nmetadata: {{name: shop, namespace: shop}}\nspec:\n  hosts: \
         [api.example.com]\n  rules:\n  - name: open\n    matches: [{{path: {{value: {path}}}}}]\n    auth: {{anonymous: \
         true}}\n    backends: [{{url: \"{upstream}\"}}]\n"
    )
}

/// Whoever has a token of one of these policies.
pub(crate) fn tokens(policies: &[&str]) -> String {
    let rules: Vec<_> = policies.iter().map(|policy| format!("{{policyRef: {{name: {policy}}}}}")).collect();
    format!("{{tokens: [{}]}}", rules.join(", "))
}

/// A policy with these entries, each the rest of a line.
pub(crate) fn policy(name: &str, entries: &[String]) -> String {
    let entries: Vec<_> =
        entries.iter().enumerate().map(|(place, entry)| format!("  - {{name: e{place}, {entry}}}\n")).collect();
    format!(
        "apiVersion: bearward.dev/v1alpha1\nkind: TokenPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         accept:\n{}---\n",
        entries.concat()
    )
}

/// An entry for tokens of the usual issuer. `more` may follow the keys, each member after a comma.
pub(crate) fn jwt(keys: &str, more: &str) -> String {
    jwt_of(ISSUER, &format!("{{inline: '{keys}'}}"), more)
}

/// An entry for tokens of this issuer.
pub(crate) fn jwt_of(issuer: &str, keys: &str, more: &str) -> String {
    format!("jwt: {{issuer: \"{issuer}\", audiences: [orders], keys: {keys}{more}}}")
}

/// Nothing but what the token itself says decides.
pub(crate) const STRICT: &str = ", leeway: 0s";
