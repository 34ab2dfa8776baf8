//! Whatever is sent to the endpoints of an issuer is answered, gives nothing to who shows nothing, and repeats no secret.
//!
//! Input: the fields `Authorization`, `Content-Type` and `DPoP`, each on a line of its own and left out where that is empty;
//! then the body. `SECRET` in it is the secret of the client `batch`, `BASIC` the same as `Basic` has it, and `APIKEY` a key
//! that can be exchanged.

#![no_main]

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bearward::clock::{Clock, ManualClock, UnixTime};
use bearward::issuer::{Authority, MAX_BODY, Parts, Request};
use bearward::jose::{
    Algorithm, ApiKeyRecord, ApiKeySet, ClientSecretRecord, KeySet, NewApiKey, NewClientSecret, SealKey, SigningKey,
};
use bearward::secret::Secret;
use bearward::snapshot::{
    AcceptedApiKeys, AcceptedKeys, ApiKeyEntry, AsOf, Authentication, Client, ClientSecrets, Dpop, Endpoint, Entry,
    Format, Grants, Issuer, IssuerCell, IssuerKeys, KeyCell, Refresh, Signer, Subject, Takes,
};
use bearward::state::FailingSources;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const DPOP: HeaderName = HeaderName::from_static("dpop");

struct Server {
    clock: Arc<ManualClock>,
    runtime: tokio::runtime::Runtime,
    authority: Authority,
    issuer: Issuer,
    sources: FailingSources,
    secret: String,
    api_key: String,
}

thread_local! {
    static SERVER: RefCell<Server> = RefCell::new(server());
}

fn text(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).expect("it is ASCII")
}

fn server() -> Server {
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000)));
    let secret = NewClientSecret::generate(&SystemRandom::new()).expect("there is randomness");
    let known = ClientSecretRecord::parse([("hash", secret.hash().as_bytes())]).expect("it is a hash").into_known();
    let known = Arc::new(ArcSwap::from_pointee(ClientSecrets::Known(known)));
    let api_key = NewApiKey::generate(&SystemRandom::new()).expect("there is randomness");
    let data =
        [("id", api_key.id()), ("hash", api_key.hash()), ("owner", "shop"), ("expiresAt", "9999-01-01T00:00:00Z")];
    let data = data.map(|(name, value)| (name, value.as_bytes()));
    let (keys, _) = ApiKeySet::new([ApiKeyRecord::parse(data, []).expect("it is a record")]);
    let keys = Arc::new(ArcSwap::from_pointee(AcceptedApiKeys::Known(keys)));
    let takes = Takes::ApiKeys(ApiKeyEntry { keys, places: [].into() });
    let entry = Entry { name: "shop/issuer/keys".into(), label: "keys".into(), takes };
    let subject = Subject { entry, scopes: Some(["orders".into()].into()), claims: [].into(), is_ours: false };
    let key = SigningKey::generate(Algorithm::ES256).expect("a key can be made");
    let jwks = json!({ "keys": [key.public_jwk()] }).to_string();
    let set = || KeySet::parse(jwks.as_bytes()).expect("it is a key set").0;
    let seal = SealKey::new(&Secret::new(vec![7; 32])).expect("it is a key");
    let cell = IssuerCell::new(IssuerKeys {
        jwks: jwks.clone().into(),
        etag: "\"one\"".into(),
        max_age: Duration::from_mins(5),
        set: set(),
        openers: [].into(),
        kids: ["one".into()].into(),
        lives: [].into(),
        signer: Ok(Signer { key: Arc::new(key), longest: Duration::from_hours(1), seal: Arc::new(seal) }),
    });
    let own = KeyCell::new(AcceptedKeys::Known { set: set(), as_of: AsOf::Always });
    let grants = Grants { client_credentials: true, refresh_token: true, token_exchange: true, jwt_bearer: true };
    let client = |id: &str, authentication| Client {
        id: id.into(),
        authentication,
        grants,
        scopes: ["orders".into()].into(),
        audiences: ["orders".into()].into(),
    };
    let issuer = Issuer {
        name: "shop/issuer".into(),
        url: "https://gw.example.com/shop".into(),
        origin: "https://gw.example.com".into(),
        host: "gw.example.com".into(),
        path: "/shop".into(),
        audiences: ["orders".into()].into(),
        lifetime: Duration::from_mins(10),
        format: Format::Jwt,
        dpop: Dpop::Accept,
        clients: [
            client("batch", Authentication::Secret(known)),
            client("keyed", Authentication::Keys(own)),
            client("spa", Authentication::Public),
        ]
        .into(),
        refresh: Refresh { lifetime: Duration::from_hours(1), grace: Duration::from_secs(10) },
        subjects: [subject].into(),
        keys: cell,
    };
    let authority = Authority::new(Parts::in_memory(Clock::manual(Arc::clone(&clock))));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let (secret, api_key) = (text(secret.text()), text(api_key.text()));
    Server { clock, runtime, authority, issuer, sources: FailingSources::new(), secret, api_key }
}

fuzz_target!(|data: &str| {
    SERVER.with_borrow(|server| {
        // Long enough for whoever failed to be looked at again, and for families to end.
        server.clock.advance(Duration::from_mins(2));
        let basic = STANDARD.encode(format!("batch:{}", server.secret));
        let filled = |part: &str| {
            part.replace("SECRET", &server.secret).replace("BASIC", &basic).replace("APIKEY", &server.api_key)
        };
        let mut parts = data.splitn(4, '\n');
        let mut headers = HeaderMap::new();
        for name in [AUTHORIZATION, CONTENT_TYPE, DPOP] {
            let value = parts.next().filter(|value| !value.is_empty());
            if let Some(Ok(value)) = value.map(|value| HeaderValue::try_from(filled(value))) {
                headers.insert(name, value);
            }
        }
        let body = filled(parts.next().unwrap_or_default());
        if body.len() > MAX_BODY {
            return;
        }
        for endpoint in [Endpoint::Token, Endpoint::Introspection, Endpoint::Revocation] {
            ask(server, endpoint, &headers, &body, data.contains("SECRET") || data.contains("BASIC"));
        }
    });
});

fn ask(server: &Server, endpoint: Endpoint, headers: &HeaderMap, body: &str, is_shown: bool) {
    let clock = Clock::manual(Arc::clone(&server.clock));
    let request = Request {
        method: &Method::POST,
        query: None,
        headers,
        body: body.as_bytes(),
        client: [192, 0, 2, 1].into(),
        time: clock.now(),
        tick: clock.tick(),
        sources: &server.sources,
    };
    let answer = server.runtime.block_on(server.authority.answer(&server.issuer, endpoint, &request));
    let (status, fields) = (answer.response.status(), answer.response.headers());
    assert_eq!(fields.get(CACHE_CONTROL).map(HeaderValue::as_bytes), Some(&b"no-store"[..]));
    assert_eq!(status == StatusCode::UNAUTHORIZED, fields.contains_key(WWW_AUTHENTICATE));
    assert_eq!(status == StatusCode::OK, answer.reason.is_empty(), "{status}: {}", answer.reason);
    let said = String::from_utf8(answer.response.body().to_vec()).expect("what is said is text");
    for secret in [&server.secret, &server.api_key] {
        assert!(!said.contains(secret.as_str()), "a secret is repeated");
    }
    let told: Value = if said.is_empty() { Value::Null } else { serde_json::from_str(&said).expect("it is JSON") };
    if status != StatusCode::OK {
        assert!(told["error"].is_string() && told["error_description"].is_string(), "{said}");
        return;
    }
    match endpoint {
        // A public client has only what its subject is worth.
        Endpoint::Token => assert!(is_shown || body.contains(&server.api_key), "a token for nothing: {said}"),
        Endpoint::Introspection => assert!(is_shown, "a word for nothing: {said}"),
        Endpoint::Revocation | Endpoint::Metadata | Endpoint::Jwks => assert_eq!(told, Value::Null),
    }
}
