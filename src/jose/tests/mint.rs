//! Makes tokens byte by byte, so that whatever can be wrong with one can be made.

use std::sync::LazyLock;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::jose::{Algorithm, Expectation, KeySet, Profile, Reason, SigningKey, Terms, Token, base64url};

/// What the clock shows in every test, in seconds.
pub(in crate::jose) const NOW: i64 = 1_800_000_000;
pub(in crate::jose) const ISSUER: &str = "https://issuer.example";
pub(in crate::jose) const AUDIENCE: &str = "orders";

/// The members of a JSON object in order, each value raw JSON text, so that both may be as wrong as a test likes.
#[derive(Clone, Debug)]
pub(in crate::jose) struct Json {
    members: Vec<(String, String)>,
}

impl Json {
    pub(in crate::jose) fn new(members: &[(&str, &str)]) -> Self {
        let members = members.iter().map(|(name, raw)| ((*name).to_owned(), (*raw).to_owned()));
        Self { members: members.collect() }
    }

    /// With this member in place of the one of its name, or at the end.
    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
    pub(in crate::jose) fn with(mut self, name: &str, raw: impl ToString) -> Self {
        match self.members.iter_mut().find(|(own, _)| own == name) {
            Some((_, value)) => *value = raw.to_string(),
            None => self.members.push((name.to_owned(), raw.to_string())),
        }
        self
    }

    /// With a member whose value is this string.
    pub(in crate::jose) fn with_text(self, name: &str, text: &str) -> Self {
        self.with(name, serde_json::Value::from(text))
    }

    /// With one more member at the end, whatever is there already.
    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
    pub(in crate::jose) fn and(mut self, name: &str, raw: impl ToString) -> Self {
        self.members.push((name.to_owned(), raw.to_string()));
        self
    }

    pub(in crate::jose) fn without(mut self, name: &str) -> Self {
        let before = self.members.len();
        self.members.retain(|(own, _)| own != name);
        assert!(self.members.len() < before, "no member {name} to leave out");
        self
    }

    pub(in crate::jose) fn text(&self) -> String {
        let members: Vec<String> = self.members.iter().map(|(name, raw)| format!("\"{name}\":{raw}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// An issuer with one key.
pub(in crate::jose) struct Issuer {
    pub(in crate::jose) key: SigningKey,
    pub(in crate::jose) keys: KeySet,
}

impl Issuer {
    pub(in crate::jose) fn new(algorithm: Algorithm) -> Self {
        Self::with_key(SigningKey::generate(algorithm).unwrap())
    }

    pub(in crate::jose) fn with_key(key: SigningKey) -> Self {
        let keys = key_set([&serde_json::to_string(key.public_jwk().unwrap()).unwrap()]);
        Self { key, keys }
    }

    pub(in crate::jose) fn kid(&self) -> String {
        self.key.thumbprint().to_string()
    }

    /// The public key as a key set publishes it.
    pub(in crate::jose) fn jwk(&self) -> Json {
        let members = self.key.public_jwk().unwrap();
        Json { members: members.iter().map(|(name, value)| (name.clone(), value.to_string())).collect() }
    }

    /// The header of a good access token.
    pub(in crate::jose) fn header(&self) -> Json {
        Json::new(&[])
            .with_text("alg", self.key.algorithm().as_str())
            .with_text("typ", "at+jwt")
            .with_text("kid", &self.kid())
    }

    /// A token of these two texts, signed by this issuer.
    pub(in crate::jose) fn sign(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        compact(header, claims, |message| self.key.sign_message(message).unwrap())
    }

    /// A token that is good but for what the header or the claims say.
    pub(in crate::jose) fn token(&self, header: &Json, claims: &Json) -> String {
        self.sign(header.text(), claims.text())
    }

    /// A token whose header is good.
    pub(in crate::jose) fn token_of(&self, claims: &Json) -> String {
        self.token(&self.header(), claims)
    }

    /// What comes of a token under these terms, with this issuer's keys.
    pub(in crate::jose) fn judge(&self, token: &str, terms: Terms) -> Result<(), Reason> {
        judge(token, &self.keys, terms)
    }
}

/// The issuer of most tests.
pub(in crate::jose) static ES256: LazyLock<Issuer> = LazyLock::new(|| Issuer::new(Algorithm::ES256));
/// Somebody else, with a key of the same kind.
pub(in crate::jose) static STRANGER: LazyLock<Issuer> = LazyLock::new(|| Issuer::new(Algorithm::ES256));
/// RSA keys take a while to make, so this one is that of RFC 7517, appendix A.2.
pub(in crate::jose) static RSA: LazyLock<Issuer> = LazyLock::new(|| {
    let text = include_bytes!("rsa_key.json").to_vec();
    let key = SigningKey::from_jwk(&crate::secret::Secret::new(text), Some(Algorithm::RS256)).unwrap();
    Issuer::with_key(key)
});

/// The claims of a good access token, in the order of RFC 9068, section 2.2.
pub(in crate::jose) fn claims() -> Json {
    Json::new(&[])
        .with_text("iss", ISSUER)
        .with("exp", NOW + 300)
        .with_text("aud", AUDIENCE)
        .with_text("sub", "alice")
        .with_text("client_id", "shop")
        .with("iat", NOW - 10)
        .with_text("jti", "1")
}

/// Terms that the good token meets, with no leeway and no limit.
pub(in crate::jose) fn terms() -> Terms {
    Terms {
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        algorithms: vec!["ES256".to_owned()],
        profile: Profile::Rfc9068,
        max_lifetime: None,
        max_age: None,
        leeway: Duration::ZERO,
        scope_claim: None,
    }
}

/// The same for issuers that do not type their tokens.
pub(in crate::jose) fn generic_terms() -> Terms {
    Terms { profile: Profile::Generic, ..terms() }
}

/// The same for these algorithms.
pub(in crate::jose) fn terms_for(algorithms: &[&str]) -> Terms {
    Terms { algorithms: algorithms.iter().map(|name| (*name).to_owned()).collect(), ..terms() }
}

pub(in crate::jose) fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

/// What comes of a token under these terms.
pub(in crate::jose) fn judge(token: &str, keys: &KeySet, terms: Terms) -> Result<(), Reason> {
    Expectation::new(terms).unwrap().verify(Token::parse(token)?, keys, now()).map(|_| ())
}

/// Why a text is no token, or that it is one.
pub(in crate::jose) fn parse(token: &str) -> Result<(), Reason> {
    Token::parse(token).map(|_| ())
}

/// A compact JWS of any bytes, signed anyhow.
pub(in crate::jose) fn compact(
    header: impl AsRef<[u8]>,
    claims: impl AsRef<[u8]>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let signed = [base64url::encode(header), base64url::encode(claims)].join(".");
    let signature = base64url::encode(sign(signed.as_bytes()));
    [signed, signature].join(".")
}

/// The segments of a token.
pub(in crate::jose) fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// A key set of these keys, of which each must be usable.
pub(in crate::jose) fn key_set<'j>(jwks: impl IntoIterator<Item = &'j String>) -> KeySet {
    let jwks: Vec<&str> = jwks.into_iter().map(String::as_str).collect();
    let (keys, skipped) = KeySet::parse(format!("{{\"keys\":[{}]}}", jwks.join(",")).as_bytes()).unwrap();
    assert_eq!(skipped, []);
    keys
}
