//! A gateway that issues tokens, by the machine's clock, and takes them at its routes; and what its clients are given.

use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bearward::clock::Clock;
use bearward::jose::{Algorithm, NewApiKey, NewClientSecret, SigningKey};
use bearward::run;
use bearward::secret::Secret;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::connection::within;
use crate::gateway::{self, Line};

/// How long a refresh token that was replaced is answered once more.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// An issuer outside, whose access tokens can be exchanged.
const CORP: &str = "https://corp.example.com/";

/// Another, whose assertions are grants.
const PARTNER: &str = "https://partner.example.com/";

/// How often is looked whether what is awaited is there.
const PAUSE: Duration = Duration::from_millis(50);

/// A running gateway with an issuer for each name.
pub(crate) struct Issuing {
    running: run::Gateway,
    folder: TempDir,
    http: SocketAddr,
    secret: String,
    signer: SigningKey,
    corp: SigningKey,
    partner: SigningKey,
    api_key: NewApiKey,
}

impl Issuing {
    /// A gateway before this upstream, whose issuers are `/NAME`; what each has besides is given with its name. All are
    /// ready to sign.
    pub(crate) async fn start(upstream: SocketAddr, issuers: &[(&str, Value)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The names of the issuers have the port, which nobody knows before the gateway listens.
        gateway::write(&folder, &documents(&[route(upstream, &[])]));
        let state = folder.path().join("state");
        let clock = Clock::system();
        let began = clock.now().secs();
        let flags = ["--state", state.to_str().unwrap(), "--threads", "2"];
        let running = gateway::launch(&folder, clock.clone(), &flags).await;
        let [signer, corp, partner] = [(); 3].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
        let secret = NewClientSecret::generate(&SystemRandom::new()).unwrap();
        let api_key = NewApiKey::generate(&SystemRandom::new()).unwrap();
        let http = running.http();
        let issuing = Self { running, folder, http, secret: exposed(secret.text()), signer, corp, partner, api_key };
        let names: Vec<&str> = issuers.iter().map(|(name, _)| *name).collect();
        let mut objects = vec![route(upstream, &names), client_secret(&secret), issuing.api_key_secret()];
        objects.extend(issuers.iter().map(|(name, more)| issuing.policy(name, more)));
        gateway::write(&issuing.folder, &documents(&objects));
        for name in names {
            within(async {
                while issuing.token(name).await.is_none() {
                    tokio::time::sleep(PAUSE).await;
                }
            })
            .await;
        }
        // What was made in the second in which the gateway began may have been used before it.
        within(async {
            while clock.now().secs() <= began {
                tokio::time::sleep(PAUSE).await;
            }
        })
        .await;
        issuing
    }

    /// The URL of an issuer.
    pub(crate) fn issuer(&self, name: &str) -> String {
        format!("http://{}/{name}", self.http)
    }

    /// A token of the client `batch`, once there is a key to sign it with.
    pub(crate) async fn token(&self, name: &str) -> Option<String> {
        let form = format!("grant_type=client_credentials&client_id=batch&client_secret={}", self.secret);
        let (status, body) = self.ask("POST", &format!("/{name}/token"), "", &form).await;
        let reply: Option<Value> = serde_json::from_str(&body).ok();
        (status == 200).then(|| reply.unwrap()["access_token"].as_str().unwrap().to_owned())
    }

    /// What the route of an issuer answers to who has this token.
    pub(crate) async fn status_with(&self, name: &str, token: &str) -> u16 {
        self.ask("GET", &format!("/api/{name}"), &format!("authorization: Bearer {token}\r\n"), "").await.0
    }

    /// The ids of the keys that are published.
    pub(crate) async fn published(&self, name: &str) -> Vec<String> {
        let (_, body) = self.ask("GET", &format!("/{name}/jwks"), "", "").await;
        let set: Value = serde_json::from_str(&body).unwrap();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    async fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> (u16, String) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: \
             application/x-www-form-urlencoded\r\ncontent-length: {}\r\n{fields}\r\n",
            self.http,
            body.len()
        );
        let mut stream = within(TcpStream::connect(self.http)).await.unwrap();
        within(stream.write_all(format!("{head}{body}").as_bytes())).await.unwrap();
        let mut reply = String::new();
        within(stream.read_to_string(&mut reply)).await.unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// What a script of grants is given.
    pub(crate) fn given(&self, name: &str) -> Value {
        let now = Clock::system().now().secs();
        let subject = |expires: i64| {
            let claims = json!({
                "iss": CORP, "sub": "alice", "aud": "exchange", "client_id": "desk", "team": "shop", "scope": "everything",
                "iat": now - 120, "exp": now + expires, "jti": "1",
            });
            self.corp.sign("at+jwt", claims.as_object().unwrap()).unwrap()
        };
        let other = NewClientSecret::generate(&SystemRandom::new()).unwrap();
        json!({
            "issuer": self.issuer(name),
            "api": format!("http://{}/api/{name}", self.http),
            "secret": self.secret,
            "wrong_secret": exposed(other.text()),
            "signer_key": pem(&self.signer),
            "partner": PARTNER,
            "partner_key": pem(&self.partner),
            "subject": subject(600),
            "expired_subject": subject(-60),
            "api_key": exposed(self.api_key.text()),
            "grace_ms": u64::try_from(GRACE.as_millis()).unwrap(),
        })
    }

    /// Ends it in order, and reads its access log.
    pub(crate) async fn end(self) -> Vec<Line> {
        gateway::end(self.running, &self.folder).await
    }

    fn policy(&self, name: &str, more: &Value) -> Value {
        let inline = |key: &SigningKey| json!({"inline": json!({"keys": [key.public_jwk().unwrap()]}).to_string()});
        let grants = ["client_credentials", "token_exchange", "jwt_bearer", "refresh_token"];
        let both = ["stock:read", "stock:write"];
        let mut issue = json!({
            "issuer": self.issuer(name),
            "audiences": ["stock", "orders"],
            "clients": [
                {"id": "batch", "secretRef": {"name": "batch-client"}, "grants": grants, "scopes": both},
                {"id": "signer", "keys": inline(&self.signer), "grants": grants, "scopes": both},
                {"id": "terminal", "public": true, "grants": &grants[1..3], "scopes": both},
            ],
            "subjects": [
                {
                    "name": "corp", "scopes": ["stock:read"], "claims": ["team"],
                    "jwt": {"issuer": CORP, "audiences": ["exchange"], "keys": inline(&self.corp)},
                },
                {
                    "name": "partner", "scopes": both,
                    "jwt": {
                        "issuer": PARTNER, "audiences": [self.issuer(name)], "profile": "Generic",
                        "keys": inline(&self.partner),
                    },
                },
                {"name": "keys", "scopes": ["stock:read"], "apiKeys": {"selector": {"matchLabels": {"team": "shop"}}}},
            ],
            "refresh": {"lifetime": "1h", "grace": format!("{}s", GRACE.as_secs())},
            "keysSecretRef": {"name": format!("{name}-keys")},
        });
        let more: &Map<String, Value> = more.as_object().unwrap();
        issue.as_object_mut().unwrap().extend(more.clone());
        json!({
            "apiVersion": "bearward.dev/v1alpha1", "kind": "TokenPolicy",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"accept": [{"name": "own", "issued": {"audiences": ["stock"]}}], "issue": issue},
        })
    }

    fn api_key_secret(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "bearward.dev/api-key",
            "metadata": {
                "name": "pipeline", "namespace": "shop", "labels": {"bearward.dev/use": "api-key", "team": "shop"},
            },
            "stringData": {
                "id": self.api_key.id(), "hash": self.api_key.hash(), "owner": "pipeline", "scopes": "stock:read",
                "expiresAt": "2099-01-01T00:00:00Z",
            },
        })
    }
}

/// A route for the tokens of each issuer, and below it one that needs a scope which nobody has.
fn route(upstream: SocketAddr, names: &[&str]) -> Value {
    let backends = json!([{"url": format!("http://{upstream}")}]);
    let rule = |name: &str, policy: &str, path: &str, scope: &str| {
        let tokens = json!([{"policyRef": {"name": policy}, "scopes": [scope]}]);
        json!({"name": name, "matches": [{"path": {"value": path}}], "auth": {"tokens": tokens}, "backends": backends})
    };
    let mut rules = vec![json!({
        "name": "open", "matches": [{"path": {"value": "/open"}}], "auth": {"anonymous": true}, "backends": backends,
    })];
    for name in names {
        rules.push(rule(name, name, &format!("/api/{name}"), "stock:read"));
        rules.push(rule(&format!("{name}-admin"), name, &format!("/api/{name}/admin"), "admin"));
    }
    json!({
        "apiVersion": "bearward.dev/v1alpha1", "kind": "ApiRoute",
        "metadata": {"name": "stock", "namespace": "shop"},
        "spec": {"hosts": ["127.0.0.1"], "rules": rules},
    })
}

fn client_secret(secret: &NewClientSecret) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "bearward.dev/client-secret",
        "metadata": {"name": "batch-client", "namespace": "shop", "labels": {"bearward.dev/use": "credentials"}},
        "stringData": {"hash": secret.hash()},
    })
}

fn documents(objects: &[Value]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n")
}

fn exposed(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).unwrap()
}

fn pem(key: &SigningKey) -> String {
    let text = STANDARD.encode(key.to_pkcs8().unwrap().expose());
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}
