//! Issuers, their tokens, and the policies that take them.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use serde_json::{Map, Value, json};

use super::gateway::START;
use crate::clock::UnixTime;
use crate::jose::{Algorithm, ApiKeyRecord, ApiKeySet, Expectation, KeySet, NewApiKey, Profile, SigningKey, Terms};
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, Access, ApiKeyEntry, ApiKeyPlace, AsOf, Challenges, Entry, Format, Forwarding,
    Identity, JwtEntry, KeyCell, Policy, Takes, TokenRule,
};

/// The issuer of most tests.
pub(super) const CORP: &str = "https://idp.example.com";
/// The audience that is ours.
pub(super) const AUDIENCE: &str = "orders";

/// Somebody who signs tokens.
pub(super) struct Issuer {
    url: &'static str,
    key: SigningKey,
}

impl Issuer {
    pub(super) fn new(url: &'static str) -> Self {
        Self { url, key: SigningKey::generate(Algorithm::ES256).unwrap() }
    }

    /// The public half, as key sets have it.
    pub(super) fn jwk(&self) -> Value {
        Value::Object(self.key.public_jwk().unwrap().clone())
    }

    /// The claims of a good token.
    pub(super) fn claims(&self) -> Map<String, Value> {
        let now = START.secs();
        let claims = json!({
            "iss": self.url, "aud": AUDIENCE, "sub": "alice", "client_id": "app", "jti": "1",
            "iat": now - 10, "exp": now + 600, "scope": "orders:read",
        });
        claims.as_object().unwrap().clone()
    }

    /// A good token.
    pub(super) fn token(&self) -> String {
        self.token_with(|_| {})
    }

    /// A token whose claims are those of a good one but for what `edit` changes.
    pub(super) fn token_with(&self, edit: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut claims = self.claims();
        edit(&mut claims);
        self.key.sign("at+jwt", &claims).unwrap()
    }

    /// A good token of another type.
    pub(super) fn token_typed(&self, typ: &str) -> String {
        self.key.sign(typ, &self.claims()).unwrap()
    }
}

/// What `token` is with its last byte changed: the same text but for the signature.
pub(super) fn forged(token: &str) -> String {
    // The last character of an ES256 signature carries two bits and four zeros: these are both canonical.
    let end = if token.ends_with('A') { 'Q' } else { 'A' };
    format!("{}{end}", &token[..token.len() - 1])
}

pub(super) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap().0
}

/// Keys that were written into the policy.
pub(super) fn inline(keys: &[Value]) -> Arc<KeyCell> {
    KeyCell::new(AcceptedKeys::Known { set: key_set(keys), as_of: AsOf::Always })
}

/// Keys that a fetch brought which began at one time, and after which the next may begin at another.
pub(super) fn fetched(keys: &[Value], began: UnixTime, next: UnixTime) -> AcceptedKeys {
    AcceptedKeys::Known { set: key_set(keys), as_of: AsOf::Fetch { began, next } }
}

/// An entry for the tokens of one issuer, by the strict profile.
pub(super) fn jwt(name: &str, issuer: &str, keys: &Arc<KeyCell>) -> Entry {
    jwt_with(name, issuer, keys, |_| {})
}

/// The same, with other terms.
pub(super) fn jwt_with(name: &str, issuer: &str, keys: &Arc<KeyCell>, edit: impl FnOnce(&mut Terms)) -> Entry {
    let mut terms = Terms {
        issuer: issuer.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        algorithms: vec!["ES256".to_owned()],
        profile: Profile::Rfc9068,
        max_lifetime: None,
        max_age: None,
        leeway: Duration::from_secs(30),
        scope_claim: None,
    };
    edit(&mut terms);
    let expectation = Expectation::new(terms).unwrap();
    Entry {
        name: format!("shop/partners/{name}").into(),
        label: name.into(),
        takes: Takes::Jwt(JwtEntry { expectation, keys: Arc::clone(keys), issued: None, format: Format::Jwt }),
    }
}

/// An entry for one API key in these places, and the key.
pub(super) fn api_key(name: &str, places: &[ApiKeyPlace], expires: &str) -> (Entry, String) {
    let key = NewApiKey::generate(&SystemRandom::new()).unwrap();
    let data = [("id", key.id()), ("hash", key.hash()), ("owner", "team-shop"), ("expiresAt", expires)];
    let data = data.map(|(name, value)| (name, value.as_bytes()));
    let record = ApiKeyRecord::parse(data, [("team", "shop")]).unwrap();
    let (keys, _) = ApiKeySet::new([record]);
    let takes = Takes::ApiKeys(ApiKeyEntry {
        keys: Arc::new(ArcSwap::from_pointee(AcceptedApiKeys::Known(keys))),
        places: places.into(),
    });
    let text = std::str::from_utf8(key.text().expose()).unwrap().to_owned();
    (Entry { name: format!("shop/partners/{name}").into(), label: name.into(), takes }, text)
}

/// A policy of these entries.
pub(super) fn policy(name: &str, entries: Vec<Entry>) -> Policy {
    let mut key_places: Vec<ApiKeyPlace> = entries
        .iter()
        .flat_map(|entry| match &entry.takes {
            Takes::ApiKeys(keys) => keys.places.to_vec(),
            Takes::Jwt(_) => Vec::new(),
        })
        .collect();
    key_places.retain(|place| *place != ApiKeyPlace::Bearer);
    key_places.sort_unstable();
    key_places.dedup();
    Policy {
        name: format!("shop/{name}").into(),
        entries: entries.into(),
        key_places: key_places.into(),
        forwarding: Forwarding::default(),
        identity: Identity::default(),
        challenges: Challenges::new(&format!("shop/{name}")).unwrap(),
    }
}

/// A rule that takes whatever the policy accepts.
pub(super) fn token_rule(policy: Policy) -> TokenRule {
    TokenRule { policy: Arc::new(policy), scopes: [].into(), claims: [].into(), require: None }
}

/// Access by any one of these.
pub(super) fn tokens(rules: Vec<TokenRule>) -> Access {
    Access::Tokens(rules.into())
}
