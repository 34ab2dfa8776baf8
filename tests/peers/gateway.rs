//! The gateway in this process, before an upstream, and the lines of its access log.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use bearward::cli::{self, Command};
use bearward::clock::{Clock, ManualClock, UnixTime};
use bearward::jose::{Algorithm, FingerprintKey, SigningKey};
use bearward::run::{self, Objects, Parts};
use bearward::secret::Secret;
use bearward::transport::FixedNames;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::connection::within;
use crate::seen::text;

/// The first segment of all paths that ask for a token.
pub(crate) const GUARDED: &str = "guarded";

/// The header by which the upstream is told who asks.
pub(crate) const IDENTITY: &str = "x-subject";

/// The names of its files.
const CONFIG: &str = "config.yaml";
const LOG: &str = "access.log";

const START: UnixTime = UnixTime::from_secs(1_800_000_000);
const ISSUER: &str = "https://issuer.example.com/";

/// A running gateway.
pub(crate) struct Gateway {
    running: run::Gateway,
    folder: TempDir,
    /// One that opens what is guarded.
    pub(crate) token: String,
}

/// One line of the access log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) client: String,
    pub(crate) id: String,
    pub(crate) status: u16,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Bytes of the request's body.
    pub(crate) received: usize,
    /// The entry of the policy that verified its credential.
    pub(crate) policy: Option<String>,
    /// It was sent on.
    pub(crate) has_upstream: bool,
}

impl Gateway {
    /// A gateway of one data thread: all requests share the connections to the upstream, so that what one leaves behind
    /// on a connection would be the beginning of another.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write(&folder, &yaml(upstream, &key));
        let clock = Clock::manual(Arc::new(ManualClock::new(START)));
        let running = launch(&folder, clock, &["--threads", "1"]).await;
        Self { running, folder, token: token(&key) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.http()
    }

    /// Ends it in order: its connections have ended then, and all requests are in its log.
    pub(crate) async fn end(self) -> Vec<Line> {
        end(self.running, &self.folder).await
    }
}

/// Puts the resources in place, or in the place of those that were there.
pub(crate) fn write(folder: &TempDir, yaml: &str) {
    let [config, new] = [CONFIG, "config.new"].map(|name| folder.path().join(name));
    std::fs::write(&new, yaml).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(new, config).unwrap();
}

/// Starts a gateway with the resources in this folder, on ports that are free.
pub(crate) async fn launch(folder: &TempDir, clock: Clock, flags: &[&str]) -> run::Gateway {
    let [config, log] = [CONFIG, LOG].map(|name| folder.path().join(name));
    let mut line = vec!["bearward", "serve", config.to_str().unwrap(), "--access-log", log.to_str().unwrap()];
    line.extend(["--http", "127.0.0.1:0", "--probes", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    line.extend(flags);
    let Ok(Command::Serve { files, settings }) = cli::parse(line) else { panic!("the command line is refused") };
    let parts = Parts {
        clock,
        seed: 1,
        fingerprints: FingerprintKey::new(&Secret::new(vec![1; 32])),
        resolver: Arc::new(FixedNames::new()),
        objects: Objects::Files(files),
    };
    let running = within(Box::pin(run::start(settings, parts))).await.unwrap();
    within(running.ready()).await;
    running
}

/// Ends a gateway in order, and reads its access log.
pub(crate) async fn end(running: run::Gateway, folder: &TempDir) -> Vec<Line> {
    within(Box::pin(running.drain())).await;
    let log = std::fs::read_to_string(folder.path().join(LOG)).unwrap();
    log.lines().map(read).collect()
}

fn read(line: &str) -> Line {
    let line: Value = serde_json::from_str(line).unwrap();
    Line {
        client: text(&line, "client"),
        id: text(&line, "request_id"),
        status: line["status"].as_u64().unwrap().try_into().unwrap(),
        method: text(&line, "method"),
        path: text(&line, "path"),
        received: line["received"].as_u64().unwrap().try_into().unwrap(),
        policy: line["policy"].as_str().map(str::to_owned),
        has_upstream: line["upstream"].is_string(),
    }
}

/// Everything is open but for what is below the guarded path.
fn yaml(upstream: SocketAddr, key: &SigningKey) -> String {
    let keys = json!({"keys": [key.public_jwk().unwrap()]});
    let rule = |name: &str, path: &str, auth: &str| {
        format!(
            "  - {{name: {name}, matches: [{{path: {{value: {path}}}}}], auth: {auth}, backends: [{{url: \
             \"http://{upstream}\"}}]}}\n"
        )
    };
    let open = rule("open", "/", "{anonymous: true}");
    let guarded = rule("guarded", &format!("/{GUARDED}"), "{tokens: [{policyRef: {name: partners}}]}");
    format!(
        "apiVersion: bearward.dev/v1alpha1\nkind: TokenPolicy\nmetadata: {{name: partners, namespace: shop}}\nspec:\n  \
         accept:\n  - {{name: corp, jwt: {{issuer: \"{ISSUER}\", audiences: [orders], keys: {{inline: '{keys}'}}}}}}\n  \
         forward: {{claims: [{{claim: sub, header: {IDENTITY}}}]}}\n---\napiVersion: bearward.dev/v1alpha1\nkind: \
         ApiRoute\nmetadata: {{name: orders, namespace: shop}}\nspec:\n  hosts: [api.example.com]\n  \
         rules:\n{open}{guarded}"
    )
}

fn token(key: &SigningKey) -> String {
    let (issued, expires) = (START.secs(), START.secs() + 300);
    let claims = json!({
        "iss": ISSUER, "sub": "alice", "aud": "orders", "client_id": "shop", "iat": issued, "exp": expires, "jti": "1",
    });
    key.sign("at+jwt", claims.as_object().unwrap()).unwrap()
}
