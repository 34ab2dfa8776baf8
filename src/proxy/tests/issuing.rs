//! The endpoints of an issuer over a socket: how they are found, how much is read, and what is written down of it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::gateway::{Gateway, verdicts};
use super::issuer::key_set;
use super::tables::{HOST, Tables, forward, stages};
use super::wire::{End, Message, Upstream};
use crate::finding::Code;
use crate::jose::{Algorithm, ClientSecretRecord, NewClientSecret, SealKey, SigningKey};
use crate::snapshot::{
    Authentication, Client, ClientSecrets, Dpop, Format, Grants, Issuer, IssuerCell, IssuerKeys, Issuers, Refresh,
    Signer, Snapshot,
};

/// An issuer at the host of the routes, and the secret of its one client `batch`.
fn issuer() -> (Arc<Issuer>, String) {
    let secret = NewClientSecret::generate(&SystemRandom::new()).unwrap();
    let known = ClientSecretRecord::parse([("hash", secret.hash().as_bytes())]).unwrap().into_known();
    let key = Arc::new(SigningKey::generate(Algorithm::ES256).unwrap());
    let seal = SealKey::generate(&SystemRandom::new()).unwrap();
    let jwk = Value::Object(key.public_jwk().unwrap().clone());
    let keys = IssuerCell::new(IssuerKeys {
        jwks: json!({ "keys": [jwk] }).to_string().into(),
        etag: "\"one\"".into(),
        max_age: Duration::from_mins(5),
        set: key_set(&[jwk]),
        openers: [].into(),
        kids: ["one".into()].into(),
        lives: [].into(),
        signer: Ok(Signer { key, longest: Duration::from_hours(1), seal: Arc::new(SealKey::new(&seal).unwrap()) }),
    });
    let client = Client {
        id: "batch".into(),
        authentication: Authentication::Secret(Arc::new(ArcSwap::from_pointee(ClientSecrets::Known(known)))),
        grants: Grants { client_credentials: true, ..Grants::default() },
        scopes: ["orders:read".into()].into(),
        audiences: ["orders".into()].into(),
    };
    let issuer = Issuer {
        name: "shop/issuer".into(),
        url: format!("https://{HOST}/shop").into(),
        origin: format!("https://{HOST}").into(),
        host: HOST.into(),
        path: "/shop".into(),
        audiences: ["orders".into()].into(),
        lifetime: Duration::from_mins(10),
        format: Format::Jwt,
        dpop: Dpop::Accept,
        clients: [client].into(),
        refresh: Refresh { lifetime: Duration::from_hours(1), grace: Duration::from_secs(10) },
        subjects: [].into(),
        keys,
    };
    (Arc::new(issuer), std::str::from_utf8(secret.text().expose()).unwrap().to_owned())
}

/// A gateway with that issuer, and a route that would take all of its host.
struct Issuing {
    gateway: Gateway,
    client: End,
    secret: String,
    upstream: Upstream,
}

impl Issuing {
    fn new() -> Self {
        let (issuer, secret) = issuer();
        let mut issuers = Issuers::default();
        issuers.insert(&issuer);
        let upstream = Upstream::start();
        let tables = Tables::default().rule("/", stages(forward(upstream.address()))).snapshot();
        let gateway = Gateway::start(Snapshot { issuers: Arc::new(issuers), ..tables });
        let client = gateway.connect();
        Self { gateway, client, secret, upstream }
    }

    fn ask(&mut self, line: &str, fields: &str, body: &str) -> Message {
        self.client.send(format!("{line} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n{body}"));
        self.reply(line.starts_with("HEAD"))
    }

    fn reply(&mut self, is_head: bool) -> Message {
        let reply = if is_head { self.client.read_head() } else { self.client.read_message() };
        if reply.field("connection") == Some("close") {
            self.client = self.gateway.connect();
        }
        reply
    }

    /// A form to this endpoint, by the client and this secret.
    fn post(&mut self, endpoint: &str, secret: &str, body: &str) -> Message {
        let basic = STANDARD.encode(format!("batch:{secret}"));
        let length = body.len();
        let fields = format!(
            "Authorization: Basic {basic}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"
        );
        self.ask(&format!("POST /shop/{endpoint}"), &fields, body)
    }
}

fn json_of(reply: &Message) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

#[test]
fn the_endpoints_precede_every_route_of_their_host_and_no_other_path_is_theirs() {
    let mut issuing = Issuing::new();
    for path in [
        "/shop/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/shop",
        "/shop/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/shop",
        "/shop//.well-known/./openid-configuration",
    ] {
        let reply = issuing.ask(&format!("GET {path}"), "", "");
        assert_eq!((reply.status(), json_of(&reply)["issuer"].as_str()), (200, Some("https://api.example.com/shop")));
    }
    let keys = issuing.ask("GET /shop/jwks", "", "");
    let head = issuing.ask("HEAD /shop/jwks", "", "");
    assert_eq!((head.status(), head.field("content-length")), (200, keys.field("content-length")));
    let same = issuing.ask("GET /shop/jwks", "If-None-Match: \"one\"\r\n", "");
    assert_eq!((same.status(), same.text(), same.field("content-length")), (304, "", None));
    let get = issuing.ask("GET /shop/token", "", "");
    assert_eq!((get.status(), get.field("allow"), get.field("content-length")), (405, Some("POST"), Some("0")));
    let post = issuing.ask("POST /shop/jwks", "Content-Length: 0\r\n", "");
    assert_eq!((post.status(), post.field("allow")), (405, Some("GET, HEAD")));
    assert!(!issuing.upstream.is_called());

    issuing.client.send(format!("GET /shop/other HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let mut server = issuing.upstream.accept();
    assert_eq!(server.read_head().start, "GET /shop/other HTTP/1.1");
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(issuing.reply(false).status(), 204);
    let log = issuing.gateway.stop();
    assert_eq!(log.len(), 11);
    assert!(log[..10].iter().all(|line| line["policy"] == "shop/issuer" && line["rule"] == Value::Null), "{log:?}");
    assert_eq!(verdicts(&log)[8..], [(405, "method_not_allowed"), (405, "method_not_allowed"), (204, "")]);
}

#[test]
fn a_token_is_given_counted_and_logged_and_no_secret_is_written() {
    let mut issuing = Issuing::new();
    let secret = issuing.secret.clone();
    let given = issuing.post("token", &secret, "grant_type=client_credentials");
    assert_eq!((given.status(), given.field("cache-control")), (200, Some("no-store")));
    let token = json_of(&given)["access_token"].as_str().unwrap().to_owned();
    let said = issuing.post("introspect", &secret, &format!("token={token}"));
    assert_eq!(json_of(&said)["active"], true);
    let planted = "bws_planted-secret-that-nobody-may-write";
    let refused = issuing.post("token", planted, "grant_type=client_credentials&scope=planted-scope");
    assert_eq!((refused.status(), json_of(&refused)["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(refused.field("www-authenticate"), Some("Basic realm=\"shop/issuer\", charset=\"UTF-8\""));
    let refused = issuing.post("token", &secret, "grant_type=client_credentials&scope=planted-scope");
    assert_eq!((refused.status(), json_of(&refused)["error"].as_str()), (400, Some("invalid_scope")));
    let revoked = issuing.post("revoke", &secret, &format!("token={token}"));
    assert_eq!((revoked.status(), revoked.text()), (200, ""));
    let query = issuing.ask("POST /shop/token?client_secret=planted-secret", "Content-Length: 0\r\n", "");
    assert_eq!(query.status(), 400);

    let metrics = issuing.gateway.metrics();
    for line in [
        "bearward_tokens_issued_total{policy=\"shop/issuer\",grant=\"client_credentials\"} 1\n",
        "bearward_refusals_total{reason=\"client_secret_malformed\"} 1\n",
        "bearward_refusals_total{reason=\"scope_not_allowed\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let log = issuing.gateway.stop();
    let reasons = [(200, ""), (200, ""), (401, "client_secret_malformed"), (400, "scope_not_allowed"), (200, "")];
    assert_eq!(verdicts(&log), [&reasons[..], &[(400, "parameter_in_query")]].concat());
    let clients: Vec<_> = log.iter().map(|line| line["client_id"].as_str()).collect();
    assert_eq!(clients, [Some("batch"), Some("batch"), None, Some("batch"), Some("batch"), None]);
    assert_eq!(log[0]["received"], 29);
    let written = format!("{metrics}{}", json!(log));
    for secret in [token.as_str(), secret.as_str(), "planted", &STANDARD.encode(format!("batch:{secret}"))] {
        assert!(!written.contains(secret), "{secret} was written");
    }
}

#[test]
fn a_body_is_read_within_bounds_of_size_and_time() {
    let mut issuing = Issuing::new();
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let announced = issuing.ask("POST /shop/token", &format!("{kind}Content-Length: 65537\r\n"), "");
    assert_eq!((announced.status(), announced.field("connection")), (413, Some("close")));
    let chunk = format!("10001\r\n{}\r\n", "a".repeat(65_537));
    let chunked = issuing.ask("POST /shop/token", &format!("{kind}Transfer-Encoding: chunked\r\n"), &chunk);
    assert_eq!((chunked.status(), chunked.field("connection")), (413, Some("close")));
    let whole = format!("grant_type=x&y={}", "a".repeat(65_521));
    let fits = issuing.ask("POST /shop/token", &format!("{kind}Content-Length: 65536\r\n"), &whole);
    assert_eq!((fits.status(), json_of(&fits)["error"].as_str()), (401, Some("invalid_client")));

    issuing.client.send(format!("POST /shop/token HTTP/1.1\r\nHost: {HOST}\r\n{kind}Content-Length: 9\r\n\r\nx"));
    let passed = {
        let Issuing { gateway, client, .. } = &mut issuing;
        gateway.advance_until_answered(client, Duration::from_secs(11))
    };
    assert!(passed >= Duration::from_secs(10), "{passed:?}");
    assert_eq!(issuing.reply(false).status(), 408);

    issuing.client.send(format!("POST /shop/token HTTP/1.1\r\nHost: {HOST}\r\n{kind}Content-Length: 9\r\n\r\nx"));
    issuing.client.finish();
    issuing.client.read_to_close();
    let log = issuing.gateway.stop();
    let expected = [
        (413, "body_too_large"),
        (413, "body_too_large"),
        (401, "client_missing"),
        (408, "body_timeout"),
        (400, "client_broke_off"),
    ];
    assert_eq!(verdicts(&log), expected);
    assert!(log.iter().all(|line| line["policy"] == "shop/issuer"));
}

#[test]
fn secrets_for_an_issuer_that_is_not_in_force_reach_no_route() {
    let mut issuing = Issuing::new();
    let mut issuers = Issuers::default();
    issuers.refuse(&HOST.into(), "/shop", Code::InvalidValue);
    let tables = Tables::default().rule("/", stages(forward(issuing.upstream.address()))).snapshot();
    issuing.gateway.publish(Snapshot { issuers: Arc::new(issuers), ..tables });
    let secret = issuing.secret.clone();
    for endpoint in ["token", "introspect", "revoke", "./token", "/token"] {
        let reply = issuing.post(endpoint, &secret, "grant_type=client_credentials");
        assert_eq!((reply.status(), reply.field("retry-after")), (503, Some("10")), "{endpoint}");
        assert_eq!(json_of(&reply)["code"], "InvalidValue", "{endpoint}");
    }
    assert_eq!(issuing.ask("GET /shop/jwks", "", "").status(), 503);
    assert!(!issuing.upstream.is_called());
    let log = issuing.gateway.stop();
    assert!(verdicts(&log).iter().all(|verdict| *verdict == (503, "InvalidValue")), "{log:?}");
    assert!(!json!(log).to_string().contains(&secret));
}
