//! Every file of `examples/` is played: each of its lines `#>` is a request, and what comes of it.
//!
//! ```text
//! #> METHOD URL [as CREDENTIAL] [chat|chat-stream] => STATUS [location "…"] [body "…"]
//! CREDENTIAL: api-key "NAME", or claims NAME=JSON, with blanks between them
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bearward::clock::{Clock, ManualClock};
use bearward::command::keys::api_key::{self, ApiKeyArgs};
use serde_json::{Map, Value, json};

use crate::client::{Client, Reply};
use crate::gateway::{Rig, START};
use crate::issuer::{Issuer, bearer};
use crate::servers::{self, ServedIssuer, Server};

/// The Secret of a client, as `bearward keys generate client-secret` makes it; of no secret.
const CLIENT_SECRET: &str = "\
apiVersion: v1
kind: Secret
type: bearward.dev/client-secret
metadata: {name: batch-client, labels: {bearward.dev/use: credentials}}
stringData: {hash: \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}
";

/// One line, read.
#[derive(Debug, PartialEq)]
struct Play {
    method: String,
    host: String,
    target: String,
    credential: Credential,
    chat: Option<Chat>,
    status: u16,
    location: Option<String>,
    body: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Credential {
    None,
    /// What differs from the usual claims.
    Token(Map<String, Value>),
    ApiKey(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Chat {
    Whole,
    Streamed,
}

impl Play {
    fn parse(line: &str) -> Self {
        let words = words(line);
        let mut words = words.iter().map(String::as_str).peekable();
        let mut next = |what: &str| words.next().unwrap_or_else(|| panic!("{line}: {what} is missing"));
        let method = next("the method").to_owned();
        let url = next("the URL").strip_prefix("http://").unwrap_or_else(|| panic!("{line}: the URL is not http"));
        let (host, path) = url.split_once('/').unwrap_or_else(|| panic!("{line}: the URL has no path"));
        let mut play = Self {
            method,
            host: host.to_owned(),
            target: format!("/{path}"),
            credential: Credential::None,
            chat: None,
            status: 0,
            location: None,
            body: None,
        };
        while let Some(word) = words.next() {
            match word {
                "as" if words.next_if_eq(&"api-key").is_some() => {
                    play.credential = Credential::ApiKey(text(words.next().unwrap()));
                }
                "as" => {
                    let mut claims = Map::new();
                    while let Some((name, value)) =
                        words.next_if(|word| is_claim(word)).and_then(|word| word.split_once('='))
                    {
                        claims.insert(name.to_owned(), json(value));
                    }
                    assert!(!claims.is_empty(), "{line}: as whom?");
                    play.credential = Credential::Token(claims);
                }
                "chat" => play.chat = Some(Chat::Whole),
                "chat-stream" => play.chat = Some(Chat::Streamed),
                "=>" => play.status = words.next().unwrap().parse().unwrap(),
                "location" if play.status > 0 => play.location = words.next().map(text),
                "body" if play.status > 0 => play.body = words.next().map(text),
                other => panic!("{line}: {other} means nothing here"),
            }
        }
        assert!(play.status > 0, "{line}: no status");
        play
    }

    async fn run(&self, stage: &Stage, rig: &Rig) -> Reply {
        let Self { method, host, target, .. } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        match &self.credential {
            Credential::None => {}
            Credential::Token(claims) => head.push_str(&bearer(&stage.token(claims))),
            Credential::ApiKey(name) => write!(head, "x-api-key: {}\r\n", stage.keys[name]).unwrap(),
        }
        let body = match self.chat {
            None => String::new(),
            Some(chat) => {
                head += "content-type: application/json\r\n";
                let messages = json!([{"role": "user", "content": "Count."}]);
                json!({"model": "simulated", "stream": chat == Chat::Streamed, "messages": messages}).to_string()
            }
        };
        if method == "POST" {
            write!(head, "content-length: {}\r\n", body.len()).unwrap();
        }
        let mut client = Client::connect(rig.http()).await;
        client.send(format!("{head}\r\n{body}")).await;
        client.reply().await
    }
}

/// Splits at blanks that are not in quotes; quotes stay.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for character in line.trim().chars() {
        match character {
            ' ' if !is_quoted => words.push(String::new()),
            character => words.last_mut().unwrap().push(character),
        }
        is_quoted ^= character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
    }
    assert!(!is_quoted, "a quote is open: {line}");
    words.retain(|word| !word.is_empty());
    words
}

fn is_claim(word: &str) -> bool {
    word != "=>" && word.contains('=')
}

/// What is no JSON is text.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn text(word: &str) -> String {
    serde_json::from_str(word).unwrap_or_else(|_| panic!("{word} is not in quotes"))
}

/// What stands around the gateway, at the ports that the examples name.
struct Stage {
    echo: Server,
    issuer: ServedIssuer,
    model: Server,
    /// API keys by the names that the lines give them.
    keys: BTreeMap<String, String>,
}

impl Stage {
    async fn open() -> Self {
        let issuer = ServedIssuer::start().await;
        let (echo, model) = (servers::echo().await, servers::model("simulated-provider-key").await);
        Self { echo, issuer, model, keys: BTreeMap::new() }
    }

    /// The text with the addresses of this stage.
    fn set(&self, text: &str) -> String {
        text.replace("127.0.0.1:9000", &self.echo.address.to_string())
            .replace("127.0.0.1:9001", &self.issuer.server.address.to_string())
            .replace("127.0.0.1:9002", &self.model.address.to_string())
            .replace("port: 9000}", &format!("port: {}}}", self.echo.address.port()))
    }

    /// Makes the API keys that the lines name as `bearward keys generate api-key` does; their Secrets.
    fn make_keys(&mut self, plays: &[Play]) -> Vec<String> {
        let mut secrets = Vec::new();
        for play in plays {
            let Credential::ApiKey(name) = &play.credential else { continue };
            if self.keys.contains_key(name) {
                continue;
            }
            let hour = Duration::from_hours(1);
            let not_before = match name.as_str() {
                "reader" => START,
                "expired" => START.minus(2 * hour),
                other => panic!("there is no API key {other}"),
            };
            let args = ApiKeyArgs {
                name: Some(name.clone()),
                namespace: None,
                owner: name.clone(),
                scopes: vec!["reports:read".to_owned()],
                not_before: Some(not_before),
                lifetime: hour,
                labels: vec![("team".to_owned(), "reports".to_owned())],
                secret: None,
            };
            let (mut secret, mut key) = (Vec::new(), Vec::new());
            let clock = Clock::manual(Arc::new(ManualClock::new(START)));
            let random = aws_lc_rs::rand::SystemRandom::new();
            api_key::run(&args, &clock, &random, &mut secret, &mut key).unwrap();
            let key = String::from_utf8(key).unwrap();
            self.keys.insert(name.clone(), key.lines().next().unwrap().to_owned());
            secrets.push(String::from_utf8(secret).unwrap());
        }
        secrets
    }

    fn token(&self, differences: &Map<String, Value>) -> String {
        let mut claims = Issuer::claims(START);
        claims.remove("scope");
        claims.insert("iss".to_owned(), self.issuer.url().into());
        claims.extend(differences.clone());
        self.issuer.sign(&claims)
    }
}

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 6, "{paths:?}");
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_every_example_is_so() {
    for path in files() {
        let file = path.file_name().unwrap().to_str().unwrap();
        let example = std::fs::read_to_string(&path).unwrap();
        let plays: Vec<_> = example.lines().filter_map(|line| line.strip_prefix("#>")).map(Play::parse).collect();
        assert!(!plays.is_empty(), "{file} has no line `#>`: nothing holds it to what it says");

        let mut stage = Stage::open().await;
        let mut documents = stage.make_keys(&plays);
        if example.contains("secretRef: {name: batch-client}") {
            documents.push(CLIENT_SECRET.to_owned());
        }
        documents.insert(0, stage.set(&example));
        let rig = Rig::serve(&documents.join("---\n")).await;
        let mut findings: Vec<Value> = serde_json::from_str(&rig.findings_now().await).unwrap();
        // Nobody keeps signing keys for this gateway: it was given no place for them.
        findings.retain(|finding| finding["code"] != "KeysPending" && finding["code"] != "KeysNotWritable");
        assert_eq!(findings, [Value::Null; 0], "{file}");
        for play in &plays {
            let reply = play.run(&stage, &rig).await;
            assert_eq!(reply.status, play.status, "{file}: {play:?}: {reply:?}");
            if let Some(location) = &play.location {
                assert_eq!(reply.header("location"), Some(location.as_str()), "{file}: {play:?}");
            }
            if let Some(body) = &play.body {
                assert!(reply.text().contains(body), "{file}: {play:?}: {}", reply.text());
            }
        }
        rig.drain().await;
    }
}

#[test]
fn a_line_is_read_whole_or_not_at_all() {
    let play = Play::parse(r#" POST http://a.b/c?d=e as sub="x y" amr=["a","b"] n=7 chat => 403 body "say \"no\"" "#);
    assert_eq!((play.method.as_str(), play.host.as_str(), play.target.as_str()), ("POST", "a.b", "/c?d=e"));
    let Value::Object(claims) = json!({"sub": "x y", "amr": ["a", "b"], "n": 7}) else { panic!() };
    assert_eq!(play.credential, Credential::Token(claims));
    assert_eq!((play.chat, play.status, play.body.as_deref()), (Some(Chat::Whole), 403, Some("say \"no\"")));
    for broken in [
        "GET http://a.b/c",
        "GET http://a.b/c => ",
        "GET https://a.b/c => 200",
        "GET http://a.b => 200",
        "GET http://a.b/c as => 200",
        "GET http://a.b/c as api-key => 200",
        "GET http://a.b/c => 200 header \"x\"",
        "GET http://a.b/c body \"x\" => 200",
    ] {
        assert!(std::panic::catch_unwind(|| Play::parse(broken)).is_err(), "{broken}");
    }
}
