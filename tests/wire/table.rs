//! A table of requests and what becomes of each: on the wire, at the upstream and in the log.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::{Client, Reply};
use crate::gateway::Rig;
use crate::issuer::bearer;
use crate::upstream::{OK, Upstream};

/// What becomes of a request. The words are the reason in the log, which the client is never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It reaches the upstream.
    Forwarded,
    /// 401 with a bare challenge.
    Bare(&'static str),
    /// 400 `invalid_request`.
    Malformed(&'static str),
    /// 401 `invalid_token`.
    Invalid(&'static str),
    /// 403 `insufficient_scope`, with these scopes.
    Scope(&'static str),
    /// 403 without a challenge.
    Denied(&'static str),
    /// 503 without a challenge, as keys are missing.
    Unavailable(&'static str),
    /// 503 without a challenge and with the code of a finding.
    NotInForce(&'static str),
}

use Expected::{Bare, Denied, Forwarded, Invalid, Malformed, NotInForce, Scope, Unavailable};

impl Expected {
    const fn status(self) -> u16 {
        match self {
            Forwarded => 200,
            Bare(_) | Invalid(_) => 401,
            Malformed(_) => 400,
            Scope(_) | Denied(_) => 403,
            Unavailable(_) | NotInForce(_) => 503,
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Forwarded => "",
            Scope(_) => "scope",
            Bare(reason) | Malformed(reason) | Invalid(reason) | Denied(reason) | Unavailable(reason)
            | NotInForce(reason) => reason,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Forwarded => "",
            Bare(_) => "no_credentials",
            Malformed(_) => "invalid_request",
            Invalid(_) => "invalid_token",
            Scope(_) => "insufficient_scope",
            Denied(_) => "access_denied",
            Unavailable(_) => "keys_unavailable",
            NotInForce(code) => code,
        }
    }

    fn challenge(self, realm: &str) -> Option<String> {
        let of = |rest: &str| Some(format!("Bearer realm=\"{realm}\"{rest}"));
        match self {
            Bare(_) => of(""),
            Malformed(_) => {
                of(", error=\"invalid_request\", error_description=\"exactly one well-formed token is needed\"")
            }
            Invalid(_) => of(", error=\"invalid_token\", error_description=\"the token is not valid here\""),
            Scope(scopes) => of(&format!(
                ", error=\"insufficient_scope\", error_description=\"the token lacks a scope\", scope=\"{scopes}\""
            )),
            Forwarded | Denied(_) | Unavailable(_) | NotInForce(_) => None,
        }
    }
}

/// A gateway and the rows that it was asked.
pub(crate) struct Table {
    pub(crate) rig: Rig,
    pub(crate) upstream: Upstream,
    rows: Vec<Asked>,
    /// The answer to refused tokens under each rule, which must be the same to the byte.
    refused: BTreeMap<String, String>,
}

struct Asked {
    name: String,
    path: String,
    expected: Expected,
}

impl Table {
    /// Serves what `yaml` says, given the URL of an upstream.
    pub(crate) async fn serve(yaml: impl FnOnce(&str) -> String) -> Self {
        let upstream = Upstream::replying(OK).await;
        // Each row comes from an address of its own, so that none waits for another's bad signatures.
        let rig = Rig::serve_with(&yaml(&upstream.url()), &["--trusted-proxies", "127.0.0.1"]).await;
        Self { rig, upstream, rows: Vec::new(), refused: BTreeMap::new() }
    }

    /// A row whose request is a GET with this token. `rule` names the path, and in its first segment the policy whose
    /// realm is shown.
    pub(crate) async fn token(&mut self, rule: &str, name: &str, token: &str, expected: Expected) {
        self.row(rule, name, &bearer(token), expected).await;
    }

    /// A row whose request is a GET with these lines in its head.
    pub(crate) async fn row(&mut self, rule: &str, name: &str, fields: &str, expected: Expected) {
        self.ask(rule, name, &format!("GET {{path}} HTTP/1.1\r\nhost: api.example.com\r\n{fields}"), "", expected)
            .await;
    }

    /// A row with this head, but for its end, in which `{path}` stands for the row's own path, and this body.
    pub(crate) async fn ask(&mut self, rule: &str, name: &str, head: &str, body: &str, expected: Expected) {
        let number = self.rows.len();
        let path = format!("/{rule}/{number}");
        let head = head.replacen("{path}", &path, 1);
        let source = format!("x-forwarded-for: 10.1.{}.{}\r\n", number / 256, number % 256);
        // Whatever was asked beside the rows.
        self.upstream.take();
        let mut client = Client::connect(self.rig.http()).await;
        client.send(format!("{head}{source}connection: close\r\n\r\n{body}")).await;
        let reply = client.reply().await;
        self.check(rule, name, &reply, expected);
        self.rows.push(Asked { name: name.to_owned(), path, expected });
    }

    fn check(&mut self, rule: &str, name: &str, reply: &Reply, expected: Expected) {
        assert_eq!(reply.status, expected.status(), "{name}: {reply:?}");
        assert_eq!(self.upstream.requests(), usize::from(expected == Forwarded), "{name}: at the upstream");
        self.upstream.take();
        let policy = rule.split('/').next().unwrap();
        let challenge = expected.challenge(&format!("shop/{policy}"));
        assert_eq!(reply.header("www-authenticate"), challenge.as_deref(), "{name}");
        assert_eq!(reply.header("retry-after").is_some(), expected.status() == 503, "{name}: {reply:?}");
        if expected != Forwarded {
            assert_eq!(reply.code(), expected.code(), "{name}");
            assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{name}");
        }
        if let Invalid(_) = expected {
            let answer = plain(reply);
            let first = self.refused.entry(rule.to_owned()).or_insert_with(|| answer.clone());
            assert_eq!(*first, answer, "{name}: the answer tells what is wrong with the token");
        }
    }

    /// Ends the gateway, and looks up in its log why each row came out as it did.
    pub(crate) async fn end(self) {
        assert!(!self.rows.is_empty());
        let log = self.rig.drain_and_read_log().await;
        let mut lines = BTreeMap::new();
        for line in log.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let path = line["path"].as_str().unwrap().to_owned();
            lines.insert(path, line);
        }
        for Asked { name, path, expected } in self.rows {
            let line = lines.get(&path).unwrap_or_else(|| panic!("{name}: no line"));
            assert_eq!(line["reason"].as_str().unwrap_or_default(), expected.reason(), "{name}: {line}");
            assert_eq!(line["status"], expected.status(), "{name}: {line}");
        }
        // One answer for all rules, too, but for the policy's own name.
        let answers: std::collections::BTreeSet<_> =
            self.refused.iter().map(|(rule, answer)| answer.replace(&format!("shop/{rule}\""), "\"")).collect();
        assert!(answers.len() <= 1, "{answers:?}");
    }
}

/// A reply without what differs from one to the next in any case.
fn plain(reply: &Reply) -> String {
    let differs = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("date:") || line.starts_with("x-request-id:")
    };
    let head: Vec<_> = reply.head.split("\r\n").filter(|line| !differs(line)).collect();
    head.join("\r\n") + reply.text()
}
