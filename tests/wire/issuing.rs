//! A gateway that issues tokens, without a cluster: from YAML and a folder alone, with the clock in hand.

mod commands;
mod edits;
mod hygiene;
mod opaque;
mod refresh;
mod rotation;
mod seen;
mod state;
mod walk;

use std::cell::Cell;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bearward::clock::UnixTime;
use bearward::jose::NewClientSecret;
use bearward::rotation::{Ring, RingKey, State};
use serde_json::Value;

use crate::client::{Client, Reply, get, within};
use crate::gateway::Rig;
use crate::issuer::bearer;
use crate::kit::{decode, segments};
use crate::upstream::{OK, Upstream};

/// The host of the issuer.
pub(crate) const HOST: &str = "gw.example.com";

/// How long past its end a token is taken.
const LEEWAY: i64 = 30;

/// How far time goes on while somebody waits, and how long that takes: what is written to a disk takes its time, which on
/// this clock is as long as the steps that are made meanwhile.
const STEP: Duration = Duration::from_millis(200);
const PACE: Duration = Duration::from_millis(10);

/// A policy that takes what it issues: tokens of two minutes, keys of ten.
pub(crate) const POLICY: &str = "\
apiVersion: bearward.dev/v1alpha1
kind: TokenPolicy
metadata: {name: tokens, namespace: shop}
spec:
  accept:
  - {name: own, issued: {}}
  issue:
    issuer: https://gw.example.com/shop
    audiences: [orders]
    algorithm: ES256
    lifetime: 2m
    jwksMaxAge: 30s
    clients:
    - {id: batch, secretRef: {name: batch}, grants: [client_credentials], scopes: [orders:read]}
    rotation: {every: 10m, publishAhead: 1m}
    keysSecretRef: {name: shop-keys}
---
";

/// The Secret of a client, and what the client knows.
pub(crate) fn client_secret(name: &str) -> (String, String) {
    let secret = NewClientSecret::generate(&SystemRandom::new()).unwrap();
    let manifest = format!(
        "apiVersion: v1\nkind: Secret\ntype: bearward.dev/client-secret\nmetadata: {{name: {name}, namespace: shop, \
         labels: {{bearward.dev/use: credentials}}}}\nstringData: {{hash: \"{}\"}}\n---\n",
        secret.hash()
    );
    (manifest, String::from_utf8(secret.text().expose().to_vec()).unwrap())
}

/// A route for tokens of the policy `tokens`.
pub(crate) fn route(upstream: &str) -> String {
    format!(
        "apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute\nmetadata: {{name: orders, namespace: shop}}\nspec:\n  hosts: \
         [api.example.com]\n  rules:\n  - name: orders\n    auth: {{tokens: [{{policyRef: {{name: tokens}}}}]}}\n    \
         backends: [{{url: \"{upstream}\"}}]\n---\n"
    )
}

/// A gateway with an issuer, a route that takes its tokens, and a client of it.
pub(crate) struct Shop {
    pub(crate) rig: Rig,
    pub(crate) upstream: Upstream,
    pub(crate) secret: String,
    /// What is in force besides the policy.
    rest: String,
    /// The policies in force.
    policy: String,
    /// How often they were written.
    writes: Cell<u32>,
}

/// A token, and what it says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) kid: String,
    pub(crate) algorithm: String,
    pub(crate) expires: i64,
    pub(crate) lives: i64,
}

impl Shop {
    pub(crate) async fn serve(policy: &str) -> Self {
        let upstream = Upstream::replying(OK).await;
        let (manifest, secret) = client_secret("batch");
        let rest = manifest + &route(&upstream.url());
        let rig = Rig::serve_with_state(&(policy.to_owned() + &rest)).await;
        let shop = Self { rig, upstream, secret, rest, policy: policy.to_owned(), writes: Cell::new(0) };
        if policy.contains("keysSecretRef") {
            shop.settled().await;
        }
        shop
    }

    /// Replaces a part of the policy.
    pub(crate) async fn edit(&mut self, from: &str, to: &str) {
        assert_eq!(self.policy.matches(from).count(), 1, "{from} is not in the policy once");
        self.policy = self.policy.replace(from, to);
        self.write(&self.policy.clone()).await;
    }

    /// Puts these policies in place of those in force, and waits until they are.
    pub(crate) async fn write(&self, policies: &str) {
        self.writes.set(self.writes.get() + 1);
        // Keys alone change no table: something beside them shows that the file was read.
        let mark = format!("write-{}", self.writes.get());
        let marked = format!(
            "apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute\nmetadata: {{name: mark, namespace: shop}}\nspec:\n  \
             hosts: [mark.example.com]\n  rules:\n  - {{name: {mark}, auth: {{anonymous: true}}, backends: [{{url: \
             \"http://127.0.0.1:9\"}}]}}\n---\n"
        );
        self.rig.replace(&[policies, &self.rest, &marked].concat());
        self.until(async |shop| shop.rig.shown().await.to_string().contains(&mark)).await;
    }

    pub(crate) async fn restart(mut self, meanwhile: impl FnOnce(&std::path::Path)) -> Self {
        self.rig = self.rig.restart_with_state(meanwhile).await;
        self
    }

    /// The keys as they were remembered last.
    pub(crate) fn ring(&self) -> Option<Ring> {
        Ring::parse(&std::fs::read(self.rig.state().join("shop.shop-keys.last")).ok()?).ok()
    }

    /// Since when a key is in the state in which it is.
    pub(crate) fn since(&self, kid: &str) -> UnixTime {
        self.ring().unwrap().key(kid).unwrap().since()
    }

    /// Waits until only time is missing for the next step, so that nothing is being written.
    pub(crate) async fn settled(&self) {
        self.until(async |shop| {
            let Some(ring) = shop.ring() else { return false };
            let waits = |key: &RingKey| match key.state {
                State::Pending { confirmed } => confirmed.is_some(),
                State::Retiring { settled, .. } => settled.is_some(),
                State::Active { .. } | State::Compromised { .. } => true,
            };
            ring.active().is_some() && ring.pending().is_some() && ring.keys.iter().all(waits)
        })
        .await;
    }

    /// Waits until something is so, while time goes on.
    pub(crate) async fn until(&self, is_so: impl AsyncFn(&Self) -> bool) {
        within(async {
            while !is_so(self).await {
                self.step().await;
            }
        })
        .await;
    }

    /// Asks the token endpoint for a token of the client's own.
    pub(crate) async fn ask(&self) -> Reply {
        self.post("/shop/token", "grant_type=client_credentials").await
    }

    /// A form of the client.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Reply {
        post(self.rig.http(), path, Some(&format!("batch:{}", self.secret)), form).await
    }

    pub(crate) async fn token(&self) -> Token {
        let reply = self.ask().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Token::given(&reply)
    }

    /// What a route answers to a token.
    pub(crate) async fn status_of(&self, token: &str) -> u16 {
        self.rig.get("/orders", &bearer(token)).await.status
    }

    /// The keys that are published, by id.
    pub(crate) async fn kids(&self) -> Vec<String> {
        let reply = get(self.rig.http(), HOST, "/shop/jwks", "").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let set: Value = serde_json::from_slice(&reply.body).unwrap();
        let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
        set["keys"].as_array().unwrap().iter().map(kid).collect()
    }

    /// The codes of the findings in force.
    pub(crate) async fn codes(&self) -> Vec<String> {
        let shown = self.rig.shown().await;
        let code = |finding: &Value| finding["code"].as_str().unwrap().to_owned();
        shown["findings"].as_array().unwrap().iter().map(code).collect()
    }

    /// Waits until nothing is found fault with. What takes a moment on a disk takes long on this clock, so that it may be
    /// told that a step is late.
    pub(crate) async fn quiet(&self) {
        self.until(async |shop| shop.codes().await.is_empty()).await;
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.rig.now()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.rig.clock.advance(time);
    }

    /// Each token is taken until its end and refused from then on, and its key is published for as long.
    pub(crate) async fn hold(&self, tokens: &[Token]) {
        let now = self.now().secs();
        let kids = self.kids().await;
        for token in tokens {
            let is_good = now < token.expires + LEEWAY;
            assert!(!is_good || kids.contains(&token.kid), "{token:?} is good at {now}, and published is {kids:?}");
            let expected = if is_good { 200 } else { 401 };
            assert_eq!(self.status_of(&token.text).await, expected, "{token:?} at {now}");
        }
    }

    /// Waits until another key than this one signs, and holds these tokens to what they promise meanwhile.
    pub(crate) async fn until_another_signs(&self, before: &str, tokens: &mut Vec<Token>) -> Token {
        loop {
            let token = self.token().await;
            if token.kid != before {
                tokens.push(token.clone());
                self.hold(tokens).await;
                self.settled().await;
                return token;
            }
            self.hold(tokens).await;
            self.step().await;
        }
    }

    /// Lets a little time go on, not faster than files are written.
    pub(crate) async fn step(&self) {
        self.pass(STEP);
        tokio::time::sleep(PACE).await;
    }

    pub(crate) async fn end(self) {
        self.rig.drain().await;
    }
}

impl Token {
    /// The token that a reply gives.
    pub(crate) fn given(reply: &Reply) -> Self {
        let given: Value = serde_json::from_slice(&reply.body).unwrap();
        Self::of(given["access_token"].as_str().unwrap_or_else(|| panic!("{given}")))
    }

    pub(crate) fn of(text: &str) -> Self {
        let [header, claims, _] = segments(text);
        let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)).unwrap();
        let (header, claims) = (json(header), json(claims));
        let expires = claims["exp"].as_i64().unwrap();
        Self {
            text: text.to_owned(),
            kid: header["kid"].as_str().unwrap().to_owned(),
            algorithm: header["alg"].as_str().unwrap().to_owned(),
            expires,
            lives: expires - claims["iat"].as_i64().unwrap(),
        }
    }
}

/// Sends a form to the issuer's host; `client` is an id and a secret.
pub(crate) async fn post(address: std::net::SocketAddr, path: &str, client: Option<&str>, form: &str) -> Reply {
    let fields = client.map(|client| format!("authorization: Basic {}\r\n", STANDARD.encode(client)));
    post_with(address, path, &fields.unwrap_or_default(), form).await
}

/// The same with these lines of the head.
pub(crate) async fn post_with(address: std::net::SocketAddr, path: &str, fields: &str, form: &str) -> Reply {
    let mut client = Client::connect(address).await;
    let length = form.len();
    client
        .send(format!(
            "POST {path} HTTP/1.1\r\nhost: {HOST}\r\n{fields}content-type: application/x-www-form-urlencoded\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{form}"
        ))
        .await;
    client.reply().await
}
