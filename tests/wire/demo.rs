//! `bearward demo`: every command that it prints does what it says.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::client::{Client, Reply, within};

/// A curl command, as far as the demo uses it.
struct Curl {
    address: SocketAddr,
    path: String,
    fields: String,
    body: Option<String>,
}

impl Curl {
    fn parse(line: &str) -> Self {
        let mut words = shell_words(line).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"));
        let (mut url, mut fields, mut body) = (None, String::new(), None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "-i" | "-N" => {}
                "-H" => fields += &(words.next().unwrap() + "\r\n"),
                "-d" => body = words.next(),
                _ => assert_eq!(url.replace(word), None, "two URLs: {line}"),
            }
        }
        let url = url.unwrap();
        let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        Self { address: address.parse().unwrap(), path: format!("/{path}"), fields, body }
    }

    async fn run(&self) -> Reply {
        let mut client = Client::connect(self.address).await;
        let Self { address, path, fields, .. } = self;
        let (method, body) = self.body.as_ref().map_or(("GET", ""), |body| ("POST", body));
        let length = if method == "POST" { format!("content-length: {}\r\n", body.len()) } else { String::new() };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n{fields}{length}connection: close\r\n\r\n");
        client.send(head + body).await;
        client.reply().await
    }
}

/// Splits as a shell does where there are only blanks and single quotes.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    assert!(!is_quoted, "a quote is open: {line}");
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn every_printed_command_gets_the_status_that_stands_above_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bearward"));
    command.args(["demo", "--http", "127.0.0.1:0", "--probes", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || within(lines.next_line()).await.unwrap().expect("the output ends");

    let mut played = 0;
    let mut expected = None;
    let mut streamed = String::new();
    loop {
        let line = next().await;
        if let Some(comment) = line.strip_prefix("# ") {
            expected = comment.split_once(": ").and_then(|(status, _)| status.parse::<u16>().ok());
        } else if line.starts_with("curl ") {
            let reply = Curl::parse(&line).run().await;
            assert_eq!(Some(reply.status), expected, "{line}: {reply:?}");
            played += 1;
            if reply.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
                streamed = reply.text().to_owned();
            }
            if line.contains("\"stream\":true") {
                break;
            }
        }
    }
    assert!(played >= 8, "only {played} commands");
    assert!(streamed.contains("chat.completion.chunk") && streamed.ends_with("data: [DONE]\n\n"), "{streamed}");

    // Decisions are shown as they are made.
    let mut decisions = String::new();
    for words in [
        "401 127.0.0.1 (no_credentials)",
        "401 127.0.0.1 (expired)",
        "401 127.0.0.1 (aud_mismatch)",
        "403 demo/orders/read (scope)",
        "503 demo/orders/misspelt (PolicyNotFound)",
        "200 demo/chat/chat demo/partners/keys",
    ] {
        let is_shown = |decisions: &str| decisions.lines().any(|line| words.split(' ').all(|word| line.contains(word)));
        while !is_shown(&decisions) {
            decisions += &(next().await + "\n");
        }
    }
    assert!(!decisions.contains("eyJ"), "{decisions}");
}
