//! Nothing secret of an issuer is written down: every grant and every refusal, with the log told to say all that it can.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bearward::jose::{Algorithm, SigningKey};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{HOST, POLICY, client_secret, post, post_with, route};
use crate::binary::{Served, serve};
use crate::client::{Reply, get};
use crate::issuer::{api_key, bearer};
use crate::upstream::{OK, Upstream};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const API_KEY: &str = "urn:bearward:params:oauth:token-type:api-key";
const PLANTED: &str = "planted-77d1e0";

/// What is asked, what was given, and all that was said in refusals.
struct Asker {
    served: Served,
    refusals: String,
    statuses: Vec<u16>,
    secrets: Vec<String>,
}

impl Asker {
    async fn ask(&mut self, path: &str, fields: &str, form: &str) -> Value {
        let reply = post_with(self.served.http, path, fields, form).await;
        self.take(&reply)
    }

    /// What is refused may say nothing, and what is given is secret.
    fn take(&mut self, reply: &Reply) -> Value {
        self.statuses.push(reply.status);
        let told: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if reply.status != 200 {
            self.refusals += &(reply.head.clone() + reply.text());
        }
        for member in ["access_token", "refresh_token"] {
            self.secrets.extend(told[member].as_str().map(str::to_owned));
        }
        told
    }
}

fn assertion(key: &SigningKey, kind: &str, claims: &Value) -> String {
    key.sign(kind, claims.as_object().unwrap()).unwrap()
}

/// A proof for the token endpoint (RFC 9449, section 4.2).
fn proof(key: &SigningKey, id: &str) -> String {
    let mut header = Map::new();
    let mut public = key.public_jwk().unwrap().clone();
    public.retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
    header.insert("typ".to_owned(), "dpop+jwt".into());
    header.insert("alg".to_owned(), "ES256".into());
    header.insert("jwk".to_owned(), public.into());
    let claims = json!({"jti": id, "htm": "POST", "htu": "https://gw.example.com/shop/token", "iat": now() + 1});
    crate::kit::compact(Value::Object(header).to_string(), claims.to_string(), |message| {
        key.sign_message(message).unwrap()
    })
}

fn now() -> i64 {
    bearward::clock::Clock::system().now().secs()
}

fn set(key: &SigningKey) -> String {
    json!({"keys": [key.public_jwk().unwrap()]}).to_string()
}

/// An issuer with a client of each kind, and subjects of each.
fn policy(corp: &SigningKey, client: &SigningKey, format: &str) -> String {
    let clients = format!(
        "    format: {format}\n    clients:\n    - {{id: asserting, keys: {{inline: '{}'}}, grants: [client_credentials, \
         token_exchange, jwt_bearer, refresh_token], scopes: [orders:read]}}\n    - {{id: terminal, public: true, grants: \
         [token_exchange, refresh_token], scopes: [orders:read]}}\n",
        set(client)
    );
    let subjects = format!(
        "    subjects:\n    - {{name: corp, jwt: {{issuer: \"https://corp\", audiences: [orders, \
         \"https://gw.example.com/shop\"], keys: {{inline: '{}'}}}}}}\n    - {{name: keys, apiKeys: {{selector: \
         {{matchLabels: {{team: shop}}}}}}}}\n    - {{name: own, issued: {{}}}}\n    keysSecretRef:",
        set(corp)
    );
    POLICY.replace("    clients:\n", &clients).replace("    keysSecretRef:", &subjects)
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The encodings in which a private half could be written.
fn encodings(bytes: &[u8]) -> Vec<String> {
    // Without the ends, which differ by what stands around them.
    let inner = |text: String| text.get(4..text.len() - 4).map(str::to_owned);
    [STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)].into_iter().filter_map(inner).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_an_issuer_is_written_anywhere() {
    for format in ["Jwt", "Opaque"] {
        play(format).await;
    }
}

/// The gateway, and those who have something to show to it.
struct Stage {
    folder: TempDir,
    _upstream: Upstream,
    asker: Asker,
    corp: SigningKey,
    client: SigningKey,
    secret: String,
    api_key: String,
    /// The seconds of the beginning.
    began: i64,
}

impl Stage {
    async fn set(format: &str) -> Self {
        let [corp, client] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
        let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::replying(OK).await);
        let (manifest, secret) = client_secret("batch");
        let (key_manifest, api_key) = api_key("batch-key", "\"2099-01-01T00:00:00Z\"");
        let config = folder.path().join("config.yaml");
        let text = [policy(&corp, &client, format), manifest, route(&upstream.url()), key_manifest].concat();
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let flags = ["--log", "trace", "--state", &at("state"), "--access-log", &at("access.log")];
        let served = serve(&config, &flags).await;
        let secrets = vec![PLANTED.to_owned(), secret.clone(), api_key.clone()];
        let asker = Asker { served, refusals: String::new(), statuses: Vec::new(), secrets };
        Self { folder, _upstream: upstream, asker, corp, client, secret, api_key, began: now() }
    }

    fn basic(&self) -> String {
        basic("batch", &self.secret)
    }

    /// A token of the outside issuer. As an assertion it is refused if it is of before the start, and so may this second be.
    fn subject(&self, id: &str) -> String {
        let claims = json!({
            "iss": "https://corp", "sub": "alice", "aud": ["orders", "https://gw.example.com/shop"], "client_id": "x",
            "iat": self.began + 1, "exp": self.began + 200, "jti": id, "scope": "orders:read",
        });
        assertion(&self.corp, "at+jwt", &claims)
    }

    /// A client's own assertion, for which it is the same.
    fn own(&self, id: &str) -> String {
        let claims = json!({
            "iss": "asserting", "sub": "asserting", "aud": "https://gw.example.com/shop", "iat": now() + 1,
            "exp": self.began + 200, "jti": id,
        });
        assertion(&self.client, "JWT", &claims)
    }

    /// Every grant, by every kind of client; an access token and a refresh token of theirs.
    async fn use_grants(&mut self) -> (String, String) {
        let basic = self.basic();
        let given = self.asker.ask("/shop/token", &basic, "grant_type=client_credentials").await;
        let access = given["access_token"].as_str().unwrap().to_owned();
        let mut refresh = String::new();
        for (subject, kind) in
            [(self.subject("s1"), ACCESS_TOKEN), (self.api_key.clone(), API_KEY), (access.clone(), ACCESS_TOKEN)]
        {
            let form =
                format!("grant_type={EXCHANGE}&client_id=terminal&subject_token={subject}&subject_token_type={kind}");
            let told = self.asker.ask("/shop/token", "", &form).await;
            refresh = told["refresh_token"].as_str().map_or(refresh, str::to_owned);
            let shown = self.own(kind);
            let form = format!("{form}&client_assertion_type={ASSERTION}&client_assertion={shown}");
            self.asker.ask("/shop/token", "", &form.replace("client_id=terminal", "client_id=asserting")).await;
            self.asker.secrets.extend([subject, shown]);
        }
        let (shown, grant) = (self.own("b"), self.subject("g"));
        let form =
            format!("grant_type={BEARER}&assertion={grant}&client_assertion_type={ASSERTION}&client_assertion={shown}");
        let proof = proof(&SigningKey::generate(Algorithm::ES256).unwrap(), "p");
        let bound = format!("{basic}dpop: {proof}\r\n");
        for _ in 0..2 {
            // The second time it was used before.
            self.asker.ask("/shop/token", "", &form).await;
            self.asker.ask("/shop/token", &bound, "grant_type=client_credentials").await;
        }
        self.asker.secrets.extend([shown, grant, proof]);
        (access, refresh)
    }

    /// Every endpoint with what is good and what is not.
    async fn look_at(&mut self, access: &str, refresh: &str) {
        let basic = self.basic();
        for token in [refresh, refresh, &format!("{refresh}x"), PLANTED] {
            let form = format!("grant_type=refresh_token&client_id=terminal&refresh_token={token}");
            self.asker.ask("/shop/token", "", &form).await;
        }
        for endpoint in ["/shop/introspect", "/shop/revoke", "/shop/introspect"] {
            for token in [access, refresh, &self.api_key, PLANTED] {
                self.asker.ask(endpoint, &basic, &format!("token={token}")).await;
            }
        }
        for token in [access, PLANTED, refresh, &self.secret] {
            let reply = get(self.asker.served.http, "api.example.com", "/orders", &bearer(token)).await;
            self.asker.statuses.push(reply.status);
        }
    }

    /// Secrets in every place where one could be.
    async fn plant(&mut self) {
        let good = self.basic();
        let grant = "grant_type=client_credentials";
        for (fields, form) in [
            (basic("batch", PLANTED), grant.to_owned()),
            (basic(PLANTED, PLANTED), grant.to_owned()),
            (format!("authorization: Bearer {PLANTED}\r\n"), grant.to_owned()),
            (format!("dpop: {PLANTED}\r\n{good}"), grant.to_owned()),
            (String::new(), format!("{grant}&client_id=batch&client_secret={PLANTED}")),
            (String::new(), format!("client_assertion={PLANTED}.{PLANTED}.AA&client_assertion_type={ASSERTION}")),
            (good.clone(), format!("grant_type={PLANTED}")),
            (good.clone(), format!("{grant}&scope={PLANTED}&{PLANTED}=x")),
            (good.clone(), format!("{grant}&audience={PLANTED}")),
            (
                String::new(),
                format!("grant_type={EXCHANGE}&client_id=terminal&subject_token={PLANTED}&subject_token_type=x"),
            ),
            (good.clone(), PLANTED.repeat(6_000)),
        ] {
            self.asker.ask("/shop/token", &fields, &form).await;
        }
        let encoded = |secret: &str| STANDARD.encode(format!("batch:{secret}"));
        self.asker.secrets.extend([encoded(&self.secret), encoded(PLANTED)]);
        let in_query = post(self.asker.served.http, &format!("/shop/token?client_secret={PLANTED}"), None, "").await;
        self.asker.take(&in_query);
    }

    /// Ends the gateway: all that was written by it and shown, and what may not be there.
    async fn end(self) -> (String, Vec<String>) {
        let Asker { served, refusals, mut secrets, .. } = self.asker;
        let mut written = refusals;
        for (address, host, path) in [
            (served.probes, "localhost", "/metrics"),
            (served.admin, "localhost", "/snapshot"),
            (served.http, HOST, "/shop/jwks"),
            (served.http, HOST, "/shop/.well-known/openid-configuration"),
        ] {
            written += get(address, host, path, "").await.text();
        }
        let (log, code) = served.terminate_and_read_log().await;
        assert_eq!(code, Some(0));
        assert!(log.contains("\"level\":\"DEBUG\""), "the log says all that it can");
        written += &(log + &fs::read_to_string(self.folder.path().join("access.log")).unwrap());
        let mut members = 0;
        for file in files(&self.folder.path().join("state")) {
            let bytes = fs::read(&file).unwrap();
            if file.extension().is_some_and(|extension| extension == "json") {
                let private = private_members(&bytes);
                members += private.len();
                secrets.extend(private.into_iter().flatten());
            } else {
                written += std::str::from_utf8(&bytes).unwrap();
            }
        }
        assert_eq!(members, 4, "two private halves and two seals");
        // Parts of tokens are secret as well: signatures, and what stands behind the public part of refresh tokens.
        let parts = secrets.iter().filter_map(|secret| secret.rsplit(['.', '_']).next());
        let parts: Vec<String> = parts.filter(|part| part.len() > 30).map(str::to_owned).collect();
        secrets.extend(parts);
        (written, secrets)
    }
}

/// What is secret in the file of a ring, of each member in all its spellings.
fn private_members(file: &[u8]) -> Vec<Vec<String>> {
    let ring: Value = serde_json::from_slice(file).unwrap();
    let members = ring["data"].as_object().unwrap().iter().filter(|(member, _)| *member != "ring.json");
    let spellings = members.map(|(member, value)| {
        let bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
        let is_key = Path::new(member).extension().is_some_and(|kind| kind == "key");
        // The scalar of a P-256 key stands in the middle of its PKCS #8 (RFC 5915, section 3).
        encodings(if is_key { &bytes[36..68] } else { &bytes })
    });
    spellings.collect()
}

async fn play(format: &str) {
    let mut stage = Stage::set(format).await;
    let (access, refresh) = stage.use_grants().await;
    stage.look_at(&access, &refresh).await;
    stage.plant().await;
    let asker = &stage.asker;
    for status in [200, 400, 401, 413] {
        assert!(asker.statuses.contains(&status), "{format}: {status} is not among {:?}", asker.statuses);
    }
    assert!(asker.statuses.iter().all(|status| *status < 500), "{format}: {:?}", asker.statuses);
    let metrics = get(asker.served.probes, "localhost", "/metrics", "").await;
    let (written, secrets) = stage.end().await;
    for grant in ["client_credentials", "refresh_token", "token_exchange", "jwt_bearer"] {
        let series = format!("bearward_tokens_issued_total{{policy=\"shop/tokens\",grant=\"{grant}\"}}");
        assert!(metrics.text().contains(&series), "{format}: {grant} was not played");
    }
    for secret in secrets {
        let found = written.find(&secret).map(|at| &written[at.saturating_sub(200)..written.len().min(at + 100)]);
        assert_eq!(found, None, "{format}: {secret} was written");
    }
}

/// The head line by which a client shows its secret.
fn basic(client: &str, secret: &str) -> String {
    format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{client}:{secret}")))
}
