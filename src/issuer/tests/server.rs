//! An authorization server with one issuer, on a hand-driven clock, and those who ask it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};

use crate::clock::{Clock, ManualClock, UnixTime};
use crate::finding::Code;
use crate::issuer::{Answer, Authority, Parts, Request};
use crate::jose::{
    Algorithm, ApiKeyRecord, ApiKeySet, ClientSecretRecord, Expectation, KeySet, NewApiKey, NewClientSecret, Profile,
    SealKey, Sealed, SigningKey, Terms,
};
use crate::secret::Secret;
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, ApiKeyEntry, AsOf, Authentication, Client, ClientSecrets, Dpop, Endpoint, Entry,
    Format, Grants, Issuer, IssuerCell, IssuerKeys, JwtEntry, KeyCell, Refresh, Signer, Subject, Takes,
};
use crate::state::{FailingSources, Replays};
use crate::store::Store;

/// When every test begins.
pub(super) const START: UnixTime = UnixTime::from_secs(1_800_000_000);
/// The issuer that is asked.
pub(super) const URL: &str = "https://gw.example.com/shop";
/// Its token endpoint.
pub(super) const TOKEN: &str = "https://gw.example.com/shop/token";
/// An issuer outside.
pub(super) const CORP: &str = "https://idp.example.com";
/// Another, whose tokens need no subject.
pub(super) const LAX: &str = "https://lax.example.com";
/// RFC 8693, section 3.
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// RFC 7523, section 2.2.
pub(super) const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a test may change of the issuer.
pub(super) struct Setup {
    pub(super) format: Format,
    pub(super) dpop: Dpop,
    pub(super) lifetime: Duration,
    pub(super) signer: Option<Code>,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) replays: Option<Arc<Replays>>,
    /// Keys of the issuer outside, in place of the right ones.
    pub(super) corp: Option<AcceptedKeys>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            format: Format::Jwt,
            dpop: Dpop::Accept,
            lifetime: Duration::from_mins(10),
            signer: None,
            store: None,
            replays: None,
            corp: None,
        }
    }
}

/// The server, and the secrets of those who ask.
pub(super) struct Server {
    pub(super) clock: Arc<ManualClock>,
    pub(super) authority: Authority,
    pub(super) issuer: Issuer,
    pub(super) sources: FailingSources,
    pub(super) replays: Arc<Replays>,
    pub(super) secret: String,
    pub(super) signing: Arc<SigningKey>,
    pub(super) corp: SigningKey,
    pub(super) corp_keys: Arc<KeyCell>,
    pub(super) own: SigningKey,
    pub(super) api_key: String,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) reason: &'static str,
    pub(super) client: Option<String>,
}

impl Told {
    fn of(answer: Answer) -> Self {
        let (head, body) = answer.response.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            reason: answer.reason,
            client: answer.client.map(|client| client.to_string()),
        }
    }

    /// Status, error and word.
    pub(super) fn refusal(&self) -> (u16, &str, &str) {
        (self.status, self.body["error"].as_str().unwrap_or_default(), self.reason)
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    /// What the access token says, unverified.
    pub(super) fn claims(&self) -> Value {
        claims_of(self.text("access_token"))
    }
}

/// What a token says, unverified.
pub(super) fn claims_of(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap_or_else(|| panic!("{token} is no JWT"));
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn key_set(keys: &[&SigningKey]) -> KeySet {
    let keys: Vec<_> = keys.iter().map(|key| key.public_jwk().unwrap()).collect();
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap().0
}

/// Keys that nobody fetches.
pub(super) fn known(keys: &[&SigningKey]) -> AcceptedKeys {
    AcceptedKeys::Known { set: key_set(keys), as_of: AsOf::Always }
}

fn entry(label: &str, takes: Takes) -> Entry {
    Entry { name: format!("shop/issuer/{label}").into(), label: label.into(), takes }
}

fn jwt(issuer: &str, audiences: &[&str], keys: &Arc<KeyCell>, own: Option<(&Arc<IssuerCell>, Format)>) -> Takes {
    let expectation = Expectation::new(Terms {
        issuer: issuer.to_owned(),
        audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
        algorithms: vec!["ES256".to_owned()],
        profile: Profile::Rfc9068,
        max_lifetime: None,
        max_age: None,
        leeway: Duration::from_secs(30),
        scope_claim: None,
    });
    Takes::Jwt(JwtEntry {
        expectation: expectation.unwrap(),
        keys: Arc::clone(keys),
        issued: own.map(|(cell, _)| Arc::clone(cell)),
        format: own.map(|(_, format)| format).unwrap_or_default(),
    })
}

/// An issuer that says little of its tokens.
fn lax(keys: &Arc<KeyCell>) -> Takes {
    let expectation = Expectation::new(Terms {
        issuer: LAX.to_owned(),
        audiences: vec!["exchange".to_owned()],
        algorithms: vec!["ES256".to_owned()],
        profile: Profile::Generic,
        max_lifetime: None,
        max_age: None,
        leeway: Duration::ZERO,
        scope_claim: None,
    });
    let (expectation, keys) = (expectation.unwrap(), Arc::clone(keys));
    Takes::Jwt(JwtEntry { expectation, keys, issued: None, format: Format::Jwt })
}

fn boxes(names: &[&str]) -> Box<[Box<str>]> {
    names.iter().map(|name| Box::from(*name)).collect()
}

fn client(id: &str, authentication: Authentication, grants: Grants, scopes: &[&str], audiences: &[&str]) -> Client {
    Client { id: id.into(), authentication, grants, scopes: boxes(scopes), audiences: boxes(audiences) }
}

/// Every grant.
pub(super) const ALL: Grants =
    Grants { client_credentials: true, refresh_token: true, token_exchange: true, jwt_bearer: true };

impl Server {
    pub(super) fn new() -> Self {
        Self::with(Setup::default())
    }

    pub(super) fn with(setup: Setup) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let [signing, corp, own] = [(); 3].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
        let signing = Arc::new(signing);
        let seal = SealKey::generate(&SystemRandom::new()).unwrap();
        let seal = Arc::new(SealKey::new(&seal).unwrap());
        let cell = IssuerCell::new(IssuerKeys {
            signer: match setup.signer {
                Some(code) => Err(code),
                None => {
                    Ok(Signer { key: Arc::clone(&signing), longest: Duration::from_hours(1), seal: Arc::clone(&seal) })
                }
            },
            jwks: json!({ "keys": [signing.public_jwk().unwrap()] }).to_string().into(),
            etag: "\"one\"".into(),
            max_age: Duration::from_mins(5),
            set: key_set(&[&signing]),
            openers: [("one".into(), seal)].into(),
            kids: [signing.thumbprint().to_string().into()].into(),
            lives: [].into(),
        });
        let (secret, authentication) = secret();
        let corp_keys = KeyCell::new(setup.corp.unwrap_or_else(|| known(&[&corp])));
        let (api_key, keys) = api_key();
        let subjects = [
            Subject {
                entry: entry("corp", jwt(CORP, &["exchange", URL, TOKEN], &corp_keys, None)),
                scopes: None,
                claims: boxes(&["tenant", "iss", "scope", "active", "cnf"]),
                is_ours: false,
            },
            Subject { entry: entry("lax", lax(&corp_keys)), scopes: None, claims: [].into(), is_ours: false },
            Subject {
                entry: entry("keys", keys),
                scopes: Some(boxes(&["orders:read"])),
                claims: [].into(),
                is_ours: false,
            },
            Subject {
                entry: entry(
                    "own",
                    jwt(URL, &["orders", "billing"], &KeyCell::new(known(&[&signing])), Some((&cell, setup.format))),
                ),
                scopes: None,
                claims: boxes(&["tenant"]),
                is_ours: true,
            },
        ];
        let machine = Grants { client_credentials: true, ..Grants::default() };
        let outward = Grants { token_exchange: true, jwt_bearer: true, refresh_token: true, client_credentials: true };
        let shown = |of: &Authentication| match of {
            Authentication::Secret(secrets) => Authentication::Secret(Arc::clone(secrets)),
            Authentication::Keys(_) | Authentication::Public => Authentication::Public,
        };
        let gone = Arc::new(ArcSwap::from_pointee(ClientSecrets::Unavailable(Code::SecretNotFound)));
        let plain = Grants { token_exchange: true, ..Grants::default() };
        let both = ["orders:read", "orders:write"];
        // Sorted by id.
        let clients = [
            client("batch", shown(&authentication), ALL, &both, &["orders", "billing"]),
            client("gone", Authentication::Secret(gone), ALL, &both, &["orders"]),
            client("idle", shown(&authentication), Grants::default(), &both, &["orders"]),
            client("keyed", Authentication::Keys(KeyCell::new(known(&[&own]))), machine, &both, &["orders"]),
            client("plain", shown(&authentication), plain, &both, &["orders", "billing"]),
            client("spa", Authentication::Public, outward, &["orders:read"], &["orders"]),
        ];
        let issuer = Issuer {
            name: "shop/issuer".into(),
            url: URL.into(),
            origin: "https://gw.example.com".into(),
            host: "gw.example.com".into(),
            path: "/shop".into(),
            audiences: boxes(&["orders", "billing"]),
            lifetime: setup.lifetime,
            format: setup.format,
            dpop: setup.dpop,
            clients: clients.into(),
            refresh: Refresh { lifetime: Duration::from_hours(24), grace: Duration::from_secs(10) },
            subjects: subjects.into(),
            keys: cell,
        };
        let mut parts = Parts::in_memory(Clock::manual(Arc::clone(&clock)));
        if let Some(store) = setup.store {
            parts.store = store;
        }
        if let Some(replays) = setup.replays {
            parts.replays = replays;
        }
        let replays = Arc::clone(&parts.replays);
        let authority = Authority::new(parts);
        let sources = FailingSources::new();
        Self { clock, authority, issuer, sources, replays, secret, signing, corp, corp_keys, own, api_key }
    }

    /// What is answered to a request.
    pub(super) fn ask(
        &self,
        endpoint: Endpoint,
        (method, query): (&Method, Option<&str>),
        fields: &[(&str, &str)],
        body: &str,
    ) -> Told {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.asking(endpoint, (method, query), fields, body))
    }

    pub(super) async fn asking(
        &self,
        endpoint: Endpoint,
        (method, query): (&Method, Option<&str>),
        fields: &[(&str, &str)],
        body: &str,
    ) -> Told {
        self.asking_from("192.0.2.1", endpoint, (method, query), fields, body).await
    }

    pub(super) async fn asking_from(
        &self,
        address: &str,
        endpoint: Endpoint,
        (method, query): (&Method, Option<&str>),
        fields: &[(&str, &str)],
        body: &str,
    ) -> Told {
        let clock = Clock::manual(Arc::clone(&self.clock));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let request = Request {
            method,
            query,
            headers: &headers,
            body: body.as_bytes(),
            client: address.parse().unwrap(),
            time: clock.now(),
            tick: clock.tick(),
            sources: &self.sources,
        };
        Told::of(self.authority.answer(&self.issuer, endpoint, &request).await)
    }

    /// What is answered to a form.
    pub(super) fn post(&self, endpoint: Endpoint, fields: &[(&str, &str)], parameters: &[(&str, &str)]) -> Told {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(fields);
        self.ask(endpoint, (&Method::POST, None), &all, &form(parameters))
    }

    /// What the token endpoint answers to the client `batch`.
    pub(super) fn batch(&self, parameters: &[(&str, &str)]) -> Told {
        self.client("batch", parameters)
    }

    /// What it answers to a client of this id that shows the secret.
    pub(super) fn client(&self, id: &str, parameters: &[(&str, &str)]) -> Told {
        self.post(Endpoint::Token, &[("authorization", &self.basic(id))], parameters)
    }

    /// What it answers to a client without a secret.
    pub(super) fn spa(&self, parameters: &[(&str, &str)]) -> Told {
        let mut all = vec![("client_id", "spa")];
        all.extend_from_slice(parameters);
        self.post(Endpoint::Token, &[], &all)
    }

    /// The field by which a client shows the secret.
    pub(super) fn basic(&self, id: &str) -> String {
        basic(id, &self.secret)
    }

    /// What is inside a sealed token.
    pub(super) fn opened(&self, sealed: &str) -> Option<String> {
        let sealed = Sealed::decode(sealed)?;
        self.issuer.keys.load().open(&sealed).map(|signed| signed.to_string())
    }

    /// A token of the issuer outside, with other claims where `edit` has some; null takes one away.
    pub(super) fn corp_token(&self, edit: Value) -> String {
        corp_token(&self.corp, edit)
    }

    /// An exchange of this token by `batch`, with these parameters besides.
    pub(super) fn exchange(&self, subject: &str, more: &[(&str, &str)]) -> Told {
        let mut all = vec![
            ("grant_type", crate::issuer::exchange::GRANT_TYPE),
            ("subject_token", subject),
            ("subject_token_type", ACCESS_TOKEN),
        ];
        all.extend_from_slice(more);
        self.batch(&all)
    }

    /// An assertion of the client `keyed`.
    pub(super) fn assertion(&self, edit: Value) -> String {
        let now = START.secs();
        let claims = json!({ "iss": "keyed", "sub": "keyed", "aud": URL, "jti": "a1", "iat": now, "exp": now + 60 });
        self.own.sign("JWT", &edited(claims, edit)).unwrap()
    }
}

/// A token that this key signs for the issuer outside.
pub(super) fn corp_token(key: &SigningKey, edit: Value) -> String {
    let now = START.secs();
    let claims = json!({
        "iss": CORP, "aud": "exchange", "sub": "alice", "client_id": "app", "jti": "1", "iat": now, "exp": now + 300,
        "scope": "orders:read orders:write admin", "tenant": "acme",
    });
    key.sign("at+jwt", &edited(claims, edit)).unwrap()
}

fn edited(claims: Value, edit: Value) -> Map<String, Value> {
    let (Value::Object(mut claims), Value::Object(edit)) = (claims, edit) else { panic!("no objects") };
    for (name, value) in edit {
        if value.is_null() {
            claims.remove(&name);
        } else {
            claims.insert(name, value);
        }
    }
    claims
}

pub(super) fn form(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

pub(super) fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(id), encode(secret));
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// A proof by this key; `edit` changes its claims.
pub(super) fn proof(key: &SigningKey, edit: Value) -> String {
    let claims = json!({ "jti": "p1", "htm": "POST", "htu": TOKEN, "iat": START.secs() });
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.public_jwk().unwrap() });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&Value::Object(edited(claims, edit))));
    let signature = key.sign_message(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A secret, and what is known of it.
fn secret() -> (String, Authentication) {
    let secret = NewClientSecret::generate(&SystemRandom::new()).unwrap();
    let record = ClientSecretRecord::parse([("hash", secret.hash().as_bytes())]).unwrap();
    let known = Arc::new(ArcSwap::from_pointee(ClientSecrets::Known(record.into_known())));
    (text(secret.text()), Authentication::Secret(known))
}

/// A key, and what takes it.
fn api_key() -> (String, Takes) {
    let key = NewApiKey::generate(&SystemRandom::new()).unwrap();
    let data = [("id", key.id()), ("hash", key.hash()), ("owner", "team-shop"), ("expiresAt", "2027-06-01T00:00:00Z")];
    let data = data.map(|(name, value)| (name, value.as_bytes()));
    let (set, _) = ApiKeySet::new([ApiKeyRecord::parse(data, []).unwrap()]);
    let keys = Arc::new(ArcSwap::from_pointee(AcceptedApiKeys::Known(set)));
    (text(key.text()), Takes::ApiKeys(ApiKeyEntry { keys, places: [].into() }))
}

fn text(secret: &Secret) -> String {
    std::str::from_utf8(secret.expose()).unwrap().to_owned()
}
