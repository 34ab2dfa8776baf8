//! `bearward keys` beside a running gateway, and what becomes of a gateway that is killed: the built binary on real time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::{HOST, POLICY, Token, client_secret, post, route};
use crate::binary::{FREE, Served, output, serve, text};
use crate::client::{get, within};
use crate::issuer::bearer;
use crate::upstream::{OK, Upstream};

/// A gateway as a process, its folder, and a client of its issuer.
struct Process {
    folder: TempDir,
    client: String,
    served: Served,
    _upstream: Upstream,
}

/// A policy whose next key may sign a few seconds after it was made.
fn quick() -> String {
    POLICY.replace("jwksMaxAge: 30s", "jwksMaxAge: 1s").replace("publishAhead: 1m", "publishAhead: 4s")
}

impl Process {
    async fn start(policy: &str) -> Self {
        let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::replying(OK).await);
        let (manifest, secret) = client_secret("batch");
        let config = folder.path().join("config.yaml");
        fs::write(&config, [policy, &manifest, &route(&upstream.url())].concat()).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        let served = Self::serve(folder.path()).await;
        Self { folder, client: format!("batch:{secret}"), served, _upstream: upstream }
    }

    async fn serve(folder: &Path) -> Served {
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (state, log) = (at("state"), at("access.log"));
        serve(&folder.join("config.yaml"), &["--state", &state, "--access-log", &log]).await
    }

    /// Kills it, and starts another.
    async fn killed(self) -> Self {
        let Self { folder, client, served, _upstream: upstream } = self;
        served.kill().await;
        let served = Self::serve(folder.path()).await;
        Self { folder, client, served, _upstream: upstream }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    async fn ask(&self) -> crate::client::Reply {
        post(self.served.http, "/shop/token", Some(&self.client), "grant_type=client_credentials").await
    }

    async fn token(&self) -> Token {
        let reply = self.ask().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Token::given(&reply)
    }

    async fn status_of(&self, token: &Token) -> u16 {
        get(self.served.http, "api.example.com", "/orders", &bearer(&token.text)).await.status
    }

    /// `bearward keys` with these words, and the folder.
    async fn keys(&self, words: &[&str]) -> (Option<i32>, String, String) {
        keys(&[words, &["--state", self.state().to_str().unwrap()]].concat()).await
    }

    /// Waits for a token of another key.
    async fn another(&self, before: &str) -> Token {
        within(async {
            loop {
                let reply = self.ask().await;
                if reply.status == 200 && Token::given(&reply).kid != before {
                    return Token::given(&reply);
                }
            }
        })
        .await
    }
}

async fn keys(words: &[&str]) -> (Option<i32>, String, String) {
    let output = output(&[&["keys"], words].concat()).await;
    (output.status.code(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_rotated_and_compromised_while_the_gateway_runs() {
    let process = Process::start(&quick()).await;
    let first = process.token().await;
    let (code, listed, _) = process.keys(&["list"]).await;
    assert_eq!(code, Some(0));
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["POLICY", "KID", "ALGORITHM", "STATE", "SINCE", "NEXT"]);
    assert_eq!(rows[1][..4], ["shop/tokens", &first.kid, "ES256", "Active"], "{listed}");
    assert_eq!((rows[2][3], rows.len()), ("Pending", 3), "{listed}");
    assert!(rows[1][5..].starts_with(&["signs", "until"]), "{listed}");

    // Twice, and nothing of before is refused.
    let (code, said, _) = process.keys(&["rotate", "tokens", "-n", "shop"]).await;
    assert_eq!((code, said.contains("keys list")), (Some(0), true), "{said}");
    let second = process.another(&first.kid).await;
    assert_eq!(process.keys(&["rotate", "tokens", "-n", "shop"]).await.0, Some(0));
    let third = process.another(&second.kid).await;
    assert_ne!(third.kid, first.kid);
    for token in [&first, &second, &third] {
        assert_eq!(process.status_of(token).await, 200);
    }

    let (code, said, _) = process.keys(&["compromise", "tokens", &third.kid, "-n", "shop"]).await;
    assert_eq!((code, said.contains("compromised")), (Some(0), true), "{said}");
    within(async { while process.status_of(&third).await == 200 {} }).await;
    assert_eq!(process.status_of(&third).await, 401);
    assert_eq!((process.status_of(&first).await, process.status_of(&second).await), (200, 200));
    let fourth = process.another(&third.kid).await;
    assert!(![&first.kid, &second.kid].contains(&&fourth.kid));
    assert_eq!(process.status_of(&fourth).await, 200);
    let jwks = get(process.served.http, HOST, "/shop/jwks", "").await;
    assert!(!jwks.text().contains(&third.kid) && jwks.text().contains(&fourth.kid), "{}", jwks.text());
    let (_, listed, _) = process.keys(&["list", "tokens", "-n", "shop"]).await;
    let row = listed.lines().find(|line| line.contains(&third.kid)).unwrap();
    assert!(row.contains("Compromised"), "{listed}");

    // It stays so over a restart.
    let process = process.killed().await;
    assert_eq!((process.status_of(&third).await, process.status_of(&second).await), (401, 200));
    assert_eq!(process.token().await.kid, fourth.kid);
    let access = process.folder.path().join("access.log");
    let (_, code) = process.served.terminate_and_read_log().await;
    assert_eq!(code, Some(0));
    let log = fs::read_to_string(access).unwrap();
    let revoked = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(revoked.filter(|line| line["reason"] == "key_revoked").all(|line| line["status"] == 401));
    assert!(log.contains("key_revoked"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_call_of_keys_changes_nothing_and_says_what_is_there() {
    let process = Process::start(&quick()).await;
    let kid = process.token().await.kid;
    let other = "k3Vx8cQb0m1n2o3p4q5r6s7t8u9v0w1x2y3z4A5B6C7";
    let elsewhere = tempfile::tempdir().unwrap();
    let (empty, missing) = (elsewhere.path().to_str().unwrap(), elsewhere.path().join("no").display().to_string());
    let state = process.state().display().to_string();
    for (words, code, expected) in [
        (&["compromise", "tokens", other, "-n", "shop", "--state", &state][..], 1, kid.as_str()),
        (&["compromise", "other", &kid, "-n", "shop", "--state", &state], 1, "it has: shop/tokens"),
        (&["compromise", "tokens", "no kid", "-n", "shop", "--state", &state], 2, "invalid value"),
        (&["rotate", "tokens", "--state", &state], 1, "has no TokenPolicy default/tokens"),
        (&["rotate", "other", "-n", "shop", "--state", &state], 1, "it has: shop/tokens"),
        (&["rotate", "tokens", "-n", "shop", "--despite", "pod-1", "--state", &state], 2, "--despite"),
        (&["rotate", "-n", "shop", "--state", &state], 2, "<POLICY>"),
        (&["list", "other", "-n", "shop", "--state", &state], 1, "it has: shop/tokens"),
        (&["list", "--state", empty], 1, "is not the folder of a gateway"),
        (&["rotate", "tokens", "-n", "shop", "--state", empty], 1, "is not the folder of a gateway"),
        (&["list", "--state", &missing], 1, "is not the folder of a gateway"),
    ] {
        let (found, out, error) = keys(words).await;
        assert_eq!((found, out.as_str()), (Some(code), ""), "{words:?}: {error}");
        assert!(error.contains(expected), "{words:?}: {error}");
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0, "nothing is written where no gateway is");
    let written = fs::read_dir(process.state()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(written.into_iter().all(|name| !name.to_str().unwrap().contains("wishes")));
    let (code, listed, _) = process.keys(&["list", "-n", "other"]).await;
    assert_eq!((code, listed.lines().count()), (Some(0), 1), "another namespace has none: {listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_users_own_are_listed_and_not_rotated() {
    let key = bearward::jose::SigningKey::generate(bearward::jose::Algorithm::ES256).unwrap();
    let der = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, key.to_pkcs8().unwrap().expose());
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: own, namespace: shop, labels: {{bearward.dev/use: \
         signing-key}}}}\ndata: {{der: {der}}}\n---\n"
    );
    let policy = quick()
        .replace("    rotation: {every: 10m, publishAhead: 4s}\n", "")
        .replace("keysSecretRef: {name: shop-keys}", "ownKeys: [{name: own, key: der}]");
    let process = Process::start(&(policy + &secret)).await;
    let token = process.token().await;
    assert_eq!(token.kid, key.thumbprint().to_string());
    assert_eq!(process.status_of(&token).await, 200);
    let listed = within(async {
        loop {
            let (code, listed, _) = process.keys(&["list"]).await;
            if code == Some(0) {
                return listed;
            }
        }
    })
    .await;
    assert!(listed.contains(&token.kid) && listed.contains("Active"), "{listed}");
    for words in [&["rotate", "tokens", "-n", "shop"][..], &["compromise", "tokens", &token.kid, "-n", "shop"]] {
        let (code, _, error) = process.keys(words).await;
        assert_eq!((code, error.contains("ownKeys")), (Some(1), true), "{words:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_loses_no_key_and_gives_the_folder_up() {
    let mut process = Process::start(&quick()).await;
    let mut tokens = vec![process.token().await];
    for _ in 0..3 {
        // Killed while it does what it is asked for, or before, or after.
        assert_eq!(process.keys(&["rotate", "tokens", "-n", "shop"]).await.0, Some(0));
        process = process.killed().await;
        for token in &tokens {
            assert_eq!(process.status_of(token).await, 200);
        }
        tokens.push(process.token().await);
    }
    let last = tokens.last().unwrap().clone();
    tokens.push(process.another(&tokens[0].kid).await);
    for token in &tokens {
        assert_eq!(process.status_of(token).await, 200, "{token:?} {last:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_of_one_process_and_of_its_owner_alone() {
    let process = Process::start(&quick()).await;
    let (state, config) = (process.state(), process.folder.path().join("config.yaml"));
    let (shown, config) = (state.to_str().unwrap(), config.to_str().unwrap());
    let arguments = [&["serve", config, "--state", shown], &FREE[..]].concat();
    let second = output(&arguments).await;
    assert_eq!(second.status.code(), Some(1));
    let said = text(&second.stderr);
    assert!(said.contains("in use by another process") && said.contains(shown), "{said}");
    assert_eq!(process.ask().await.status, 200, "the first goes on");
    let (folder, served) = (process.folder, process.served);
    served.kill().await;
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    let open = output(&arguments).await;
    assert_eq!(open.status.code(), Some(1));
    let said = text(&open.stderr);
    assert!(said.contains("can be read by others") && said.contains("chmod 700"), "{said}");
    // A journal of records that is damaged is left as it is, and named.
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    let journal = state.join("records/records.journal");
    let mut bytes = fs::read(&journal).unwrap();
    bytes.extend_from_slice(b"nothing\nof ours\n");
    fs::write(&journal, &bytes).unwrap();
    let damaged = output(&arguments).await;
    assert_eq!(damaged.status.code(), Some(1));
    let said = text(&damaged.stderr);
    assert!(said.contains("records.journal") && said.contains("line 2"), "{said}");
    assert_eq!(fs::read(&journal).unwrap(), bytes);
    // A file in its place is no folder.
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let arguments = [&["serve", config, "--state", file.to_str().unwrap()], &FREE[..]].concat();
    let refused = output(&arguments).await;
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
}
